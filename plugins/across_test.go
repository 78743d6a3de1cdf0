package plugins_test

import (
	"context"
	"fmt"
	"io"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack"
)

// A stack as a plugin would see it.
func ExampleAcross() {
	s := stack.New(stack.Config{})
	defer s.Close()
	n, end, err := plugins.Across(netapi.NewStack(s))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()
	ln, err := n.Listen(context.Background(), "tcp", "127.0.0.1:80")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "hello from the other side")
	}()
	c, err := n.DialContext(context.Background(), "tcp", "127.0.0.1:80")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	text, err := io.ReadAll(c)
	fmt.Println(string(text), err)
	_, err = n.DialContext(context.Background(), "tcp", "127.0.0.1:81")
	fmt.Println(err)
	// Output:
	// hello from the other side <nil>
	// dial tcp 127.0.0.1:81: connect: connection refused
}
