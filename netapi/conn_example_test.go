package netapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
)

// connected makes a connection of a stack with itself for an example. end ends the stack.
func connected() (client, server *netapi.TCPConn, end func()) {
	s := stack.New(stack.Config{})
	n := netapi.NewStack(s)
	ln, err := n.Listen(context.Background(), "tcp", "127.0.0.1:80")
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	c, err := n.DialContext(context.Background(), "tcp", "127.0.0.1:80")
	if err != nil {
		panic(err)
	}
	a, err := ln.Accept()
	if err != nil {
		panic(err)
	}
	return c.(*netapi.TCPConn), a.(*netapi.TCPConn), func() { s.Close() }
}

// The server answers when it has seen the end of the request, which a half-close marks.
func ExampleTCPConn() {
	client, server, end := connected()
	defer end()
	go func() {
		request, _ := io.ReadAll(server)
		fmt.Fprintf(server, "you sent %d octets", len(request))
		server.Close()
	}()
	io.WriteString(client, "a request")
	client.CloseWrite()
	answer, err := io.ReadAll(client)
	fmt.Printf("%s, %v\n", answer, err)
	// Output: you sent 9 octets, <nil>
}

// What Linux's tcp_info tells, without a file descriptor.
func ExampleTCPConn_Info() {
	client, server, end := connected()
	defer end()
	io.WriteString(client, "hello")
	io.ReadFull(server, make([]byte, 5))
	i := server.Info()
	fmt.Println(i.State, i.BytesReceived, "octets, MSS", i.SndMSS)
	// Output: ESTABLISHED 5 octets, MSS 65483
}

// Several pieces leave as one write, which no other write of the same connection can come between.
func ExampleTCPConn_WriteBuffers() {
	client, server, end := connected()
	defer end()
	n, err := client.WriteBuffers(&net.Buffers{[]byte("header, "), []byte("body")})
	fmt.Println(n, err)
	buf := make([]byte, 100)
	m, _ := server.Read(buf)
	fmt.Printf("%s\n", buf[:m])
	// Output:
	// 12 <nil>
	// header, body
}

// A peer that acknowledges nothing for ten seconds is given up, with ETIMEDOUT.
func ExampleTCPConn_SetUserTimeout() {
	client, _, end := connected()
	defer end()
	fmt.Println(client.SetUserTimeout(10 * time.Second))
	// Output: <nil>
}

// One connection's congestion control, by Linux's names.
func ExampleTCPConn_SetCongestionControl() {
	client, _, end := connected()
	defer end()
	err := client.SetCongestionControl("cubic")
	fmt.Println(client.CongestionControl(), err)
	err = client.SetCongestionControl("vegas")
	fmt.Println(err.(*net.OpError).Err)
	// Output:
	// cubic <nil>
	// setsockopt: no such file or directory
}

// A listener that waits for a while only.
func ExampleTCPListener() {
	s := stack.New(stack.Config{})
	defer s.Close()
	ln, err := netapi.NewStack(s).Listen(context.Background(), "tcp", "127.0.0.1:80")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	ln.(*netapi.TCPListener).SetDeadline(time.Now().Add(-time.Second))
	_, err = ln.Accept()
	fmt.Println(err)
	// Output: accept tcp 127.0.0.1:80: i/o timeout
}

// Datagrams whose senders are told without an allocation.
func ExampleUDPConn() {
	s := stack.New(stack.Config{})
	defer s.Close()
	n := netapi.NewStack(s)
	pc, err := n.ListenPacket(context.Background(), "udp", "127.0.0.1:53")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pc.Close()
	c, err := n.DialContext(context.Background(), "udp", "127.0.0.1:53")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	io.WriteString(c, "question")
	buf := make([]byte, 512)
	m, from, err := pc.(*netapi.UDPConn).ReadFromUDPAddrPort(buf)
	fmt.Printf("%s from %v, %v\n", buf[:m], from.Addr(), err)
	// Output: question from 127.0.0.1, <nil>
}

// A handler that knows nothing of networks dials back on the one it was called on.
func ExampleNetworkOf() {
	client, server, end := connected()
	defer end()
	n := netapi.NetworkOf(server)
	fmt.Println(n == netapi.NetworkOf(client))
	_, err := n.DialContext(context.Background(), "tcp", "127.0.0.1:81")
	fmt.Println(err)
	// Output:
	// true
	// dial tcp 127.0.0.1:81: connect: connection refused
}

// An address string as a network understands it.
func ExampleResolve() {
	s := stack.New(stack.Config{})
	defer s.Close()
	addrs, err := netapi.Resolve(context.Background(), netapi.NewStack(s), "tcp", "localhost:http")
	fmt.Println(addrs, err)
	// Output: [127.0.0.1:80] <nil>
}

// The network that existing programs have.
func ExampleKernel() {
	ln, err := netapi.Kernel{}.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	fmt.Printf("%T\n", ln)
	// Output: *net.TCPListener
}

// A Tuned network takes the settings of package net's own types.
func ExampleTuned() {
	s := stack.New(stack.Config{})
	defer s.Close()
	var n netapi.Tuned = netapi.NewStack(s)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9)}}
	_, err := n.DialWith(context.Background(), &d, "tcp", "127.0.0.1:80")
	fmt.Println(err)
	// Output: dial tcp 192.0.2.9:0->127.0.0.1:80: bind: cannot assign requested address
}
