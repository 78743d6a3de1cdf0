package dialer_test

import (
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
)

// A Dialer has the fields of net.Dialer, and the network to dial on. Errors are package net's.
func ExampleDialer() {
	s := stack.New(stack.Config{})
	defer s.Close()
	d := dialer.Dialer{Network: netapi.NewStack(s), Timeout: time.Second}
	_, err := d.Dial("tcp", "127.0.0.1:80")
	fmt.Println(err)
	fmt.Println(errors.Is(err, syscall.ECONNREFUSED))
	// Output:
	// dial tcp 127.0.0.1:80: connect: connection refused
	// true
}

// A client of net/http that connects over a stack.
func ExampleHTTPTransport() {
	s := stack.New(stack.Config{})
	defer s.Close()
	client := http.Client{Transport: dialer.HTTPTransport(netapi.NewStack(s))}
	_, err := client.Get("http://localhost/")
	fmt.Println(err)
	// Output: Get "http://localhost/": dial tcp 127.0.0.1:80: connect: connection refused
}

// A default for the whole program: the package's functions then use it.
func ExampleSetDefault() {
	s := stack.New(stack.Config{})
	defer s.Close()
	dialer.SetDefault(netapi.NewStack(s))
	defer dialer.SetDefault(nil)
	ln, err := dialer.Listen("tcp", "localhost:80")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	fmt.Println(ln.Addr())
	// Output: 127.0.0.1:80
}
