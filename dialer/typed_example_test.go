package dialer_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
)

// onStack makes a stack the default network of an example. The result ends it.
func onStack() func() {
	s := stack.New(stack.Config{})
	dialer.SetDefault(netapi.NewStack(s))
	return func() {
		dialer.SetDefault(nil)
		s.Close()
	}
}

// A server and a client of one program, with package net's calls: only the package has another name.
func ExampleDial() {
	defer onStack()()
	ln, err := dialer.Listen("tcp", "127.0.0.1:7000")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "hello from "+c.LocalAddr().String())
	}()

	c, err := dialer.Dial("tcp", "localhost:7000")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	text, err := io.ReadAll(c)
	fmt.Printf("%s, %v\n", text, err)
	// Output: hello from 127.0.0.1:7000, <nil>
}

// A dial that takes too long fails as package net's does: the time includes finding the name.
func ExampleDialTimeout() {
	defer onStack()()
	_, err := dialer.DialTimeout("tcp", "127.0.0.1:7000", -time.Second)
	ne, ok := err.(net.Error)
	fmt.Println(ok && ne.Timeout(), err)
	// Output: true dial tcp 127.0.0.1:7000: i/o timeout
}

// A dial that its caller gives up.
func ExampleDialContext() {
	defer onStack()()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := dialer.DialContext(ctx, "tcp", "127.0.0.1:7000")
	fmt.Println(err)
	// Output: dial tcp 127.0.0.1:7000: operation was canceled
}

// Where a program names *net.TCPConn it names dialer.TCPConn, which the kernel's connections are, too.
func ExampleDialTCP() {
	halfClose := func(c dialer.TCPConn) error {
		if err := c.SetNoDelay(false); err != nil {
			return err
		}
		return c.CloseWrite()
	}

	s := stack.New(stack.Config{})
	defer s.Close()
	for _, n := range []netapi.Network{netapi.NewStack(s), netapi.Kernel{}} {
		dialer.SetDefault(n)
		defer dialer.SetDefault(nil)
		ln, err := dialer.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer ln.Close()
		c, err := dialer.DialTCP("tcp", nil, ln.Addr().(*net.TCPAddr))
		if err != nil {
			fmt.Println(err)
			return
		}
		defer c.Close()
		fmt.Println(halfClose(c))
	}
	// Output:
	// <nil>
	// <nil>
}

// AcceptTCP saves the assertion that Accept needs.
func ExampleListenTCP() {
	defer onStack()()
	ln, err := dialer.ListenTCP("tcp4", &net.TCPAddr{Port: 80})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	ln.SetDeadline(time.Now().Add(-time.Second))
	_, err = ln.AcceptTCP()
	fmt.Println(err)
	// Output: accept tcp4 0.0.0.0:80: i/o timeout
}

// A datagram there and back.
func ExampleListenUDP() {
	defer onStack()()
	server, err := dialer.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := dialer.DialUDP("udp4", nil, server.LocalAddr().(*net.UDPAddr))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	io.WriteString(client, "ping")
	buf := make([]byte, 1500)
	n, from, err := server.ReadFromUDPAddrPort(buf)
	fmt.Printf("%s %v\n", buf[:n], err)
	server.WriteToUDPAddrPort([]byte("pong"), from)
	n, err = client.Read(buf)
	fmt.Printf("%s %v\n", buf[:n], err)
	// Output:
	// ping <nil>
	// pong <nil>
}

// A UDP socket with a peer learns from it that nobody is there.
func ExampleDialUDP() {
	defer onStack()()
	c, err := dialer.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	io.WriteString(c, "anybody there?")
	_, err = c.Read(make([]byte, 1))
	fmt.Println(err.(*net.OpError).Err)
	// Output: read: connection refused
}

// Addresses that are known need no strings.
func ExampleDialer_DialTCP() {
	defer onStack()()
	d := dialer.Dialer{Timeout: time.Second}
	_, err := d.DialTCP(context.Background(), "tcp", netip.AddrPort{}, netip.MustParseAddrPort("127.0.0.1:80"))
	fmt.Println(err)
	// Output: dial tcp :0->127.0.0.1:80: connect: connection refused
}

// A listener on a network of its own, whose connections send keep-alive probes after a minute.
func ExampleListenConfig() {
	s := stack.New(stack.Config{})
	defer s.Close()
	lc := dialer.ListenConfig{Network: netapi.NewStack(s), KeepAlive: time.Minute}
	ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:http")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	_, err = lc.Listen(context.Background(), "tcp", ln.Addr().String())
	fmt.Println(err)
	// Output: listen tcp 127.0.0.1:80: bind: address already in use
}

// A socket for datagrams from and to anybody.
func ExampleListenPacket() {
	defer onStack()()
	pc, err := dialer.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pc.Close()
	fmt.Println(pc.LocalAddr().Network(), pc.LocalAddr())
	// Output: udp 127.0.0.1:53
}

// Names of hosts and services become addresses as the default network has them.
func ExampleResolveTCPAddr() {
	defer onStack()()
	a, err := dialer.ResolveTCPAddr("tcp", "localhost:https")
	fmt.Println(a, err)
	_, err = dialer.ResolveUDPAddr("udp", "localhost")
	fmt.Println(err)
	// Output:
	// 127.0.0.1:443 <nil>
	// address localhost: missing port in address
}

// The default network's resolver takes the place of net.DefaultResolver.
func ExampleResolver() {
	defer onStack()()
	addrs, err := dialer.Resolver().LookupHost(context.Background(), "192.0.2.1")
	fmt.Println(addrs, err)
	// Output: [192.0.2.1] <nil>
}

// Without SetDefault and without GOTCP_NET in the environment the default is the kernel.
func ExampleDefault() {
	n, err := dialer.Default()
	fmt.Printf("%T, %v\n", n, err)
	// Output: netapi.Kernel, <nil>
}
