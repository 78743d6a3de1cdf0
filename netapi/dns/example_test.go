package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/gotcp/gotcp/netapi/dns"
)

// A resolver that knows one name, and may ask for no other.
func ExampleServer_Resolver() {
	s := &dns.Server{
		Hosts: map[string][]netip.Addr{"db.internal": {netip.MustParseAddr("10.77.0.9")}},
		Allow: func(name string) error {
			if name != "db.internal" {
				return errors.New("this network knows db.internal only")
			}
			return nil
		},
	}
	fmt.Println(s.Resolver().LookupNetIP(context.Background(), "ip4", "db.internal."))
	// Output: [10.77.0.9] <nil>
}
