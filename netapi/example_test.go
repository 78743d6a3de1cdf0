package netapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

// Two hosts in one program, a link between them, and package net/http on both as it is.
func ExampleNewStack() {
	near, far := link.Pipe(1500)
	client, server := stack.New(stack.Config{}), stack.New(stack.Config{})
	defer client.Close()
	defer server.Close()
	client.AddDevice(near, netip.MustParsePrefix("10.0.0.1/24"))
	server.AddDevice(far, netip.MustParsePrefix("10.0.0.2/24"))

	ln, err := netapi.NewStack(server).Listen(context.Background(), "tcp", ":80")
	if err != nil {
		fmt.Println(err)
		return
	}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello over our own TCP")
	}))

	c := http.Client{Transport: &http.Transport{DialContext: netapi.NewStack(client).DialContext}}
	resp, err := c.Get("http://10.0.0.2/")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(string(body))
	// Output: hello over our own TCP
}

// A program that takes its network as a value runs on either.
func ExampleNetwork() {
	s := stack.New(stack.Config{})
	defer s.Close()
	for _, n := range []netapi.Network{netapi.NewStack(s), netapi.Kernel{}} {
		ln, err := n.Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Println(err)
			return
		}
		c, err := n.DialContext(context.Background(), "tcp", ln.Addr().String())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%T\n", c)
		c.Close()
		ln.Close()
	}
	// Output:
	// *netapi.TCPConn
	// *net.TCPConn
}
