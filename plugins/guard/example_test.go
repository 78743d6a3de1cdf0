package guard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack"
)

// A plugin may ask the database and nothing else.
func ExampleNew() {
	s := stack.New(stack.Config{})
	defer s.Close()
	network := netapi.NewStack(s)
	ln, err := network.Listen(context.Background(), "tcp", "127.0.0.1:5432")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()

	g := guard.New(network, guard.Config{
		Name:  "reports",
		Rules: guard.Rules{Allow: guard.MustParseRules("tcp db.internal:5432")},
		Quota: guard.Quota{Conns: 4},
		Hosts: map[string][]netip.Addr{"db.internal": {netip.MustParseAddr("127.0.0.1")}},
	})
	defer g.Close()

	c, err := g.DialContext(context.Background(), "tcp", "db.internal:5432")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("connected to", c.RemoteAddr())
	_, err = g.DialContext(context.Background(), "tcp", "192.0.2.1:443")
	fmt.Println(err)
	fmt.Println(errors.Is(err, os.ErrPermission))
	fmt.Printf("%d refused\n", g.Counters().Refused)

	g.Kill()
	_, err = io.ReadAll(c)
	fmt.Println(errors.As(err, new(*net.OpError)), errors.Is(err, os.ErrPermission))
	// Output:
	// connected to 127.0.0.1:5432
	// dial tcp 192.0.2.1:443: refused: no rule of reports allows "tcp 192.0.2.1:443" (add that to Allow)
	// true
	// 1 refused
	// true true
}

// Rules have one form for all texts that mean the same; mistakes are told with what to write.
func ExampleParseRule() {
	for _, text := range []string{
		"tcp *.Example.org.:443,80", "10.0.0.0/8", "udp [2001:db8::/32]:53", "10.0.0.1/8", "*:https",
	} {
		r, err := guard.ParseRule(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(r)
	}
	// Output:
	// tcp *.example.org:80,443
	// 10.0.0.0/8
	// udp [2001:db8::/32]:53
	// guard: rule "10.0.0.1/8": its host part isn't 0; write 10.0.0.0/8 for the network, 10.0.0.1 for the address
	// guard: rule "*:https": "https" is neither a port, 0 to 65535, nor a range such as 8000-8100
}
