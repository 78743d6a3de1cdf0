package netapi_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
)

// A network has names of its own, that no other network of the program knows.
func ExampleStack_SetNames() {
	s := stack.New(stack.Config{})
	defer s.Close()
	n := netapi.NewStack(s)
	n.SetNames(netapi.Names{Hosts: map[string][]netip.Addr{"db.internal": {netip.MustParseAddr("127.0.0.9")}}})

	ln, err := n.Listen(context.Background(), "tcp", "db.internal:5432")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	c, err := n.DialContext(context.Background(), "tcp", "db.internal:5432")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(c.RemoteAddr())
	// Output: 127.0.0.9:5432
}
