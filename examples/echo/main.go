// Echo is a server that sends back what it gets and a client that talks to it, both on a stack of gotcp or on the
// kernel: the flag -net decides. The code knows package net's interfaces only.
//
//	$ go run ./examples/echo -net loopback hello
//	$ go run ./examples/echo -net kernel hello
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/netapi"
)

func main() {
	network := flag.String("net", "private", netspec.Usage)
	flag.Parse()
	ctx := context.Background()
	n, err := netspec.Start(ctx, *network)
	if err != nil {
		log.Fatal(err)
	}
	err = run(ctx, n, strings.Join(flag.Args(), " "), os.Stdout)
	if err = errors.Join(err, n.Close()); err != nil {
		log.Fatal(err)
	}
}

// run serves on a free port, says something to it and prints what comes back.
func run(ctx context.Context, n netapi.Network, say string, out io.Writer) error {
	ln, err := n.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- serve(ln) }()
	err = talk(ctx, n, ln.Addr().String(), say, out)
	ln.Close()
	return errors.Join(err, <-served)
}

// serve answers connections one after the other until the listener is closed.
func serve(ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := io.Copy(conn, conn); err != nil {
			return err
		}
		conn.Close()
	}
}

// talk sends a text, says that no more comes, and prints the answer.
func talk(ctx context.Context, n netapi.Network, addr, say string, out io.Writer) error {
	conn, err := n.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintln(conn, say)
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	fmt.Fprintf(out, "%v answers: %s", conn.RemoteAddr(), answer)
	return err
}
