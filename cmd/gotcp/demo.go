package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/examples/httpserver/site"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:      "demo",
		Usage:     "see the stack serve the kernel's requests over a TUN device",
		UsageText: "gotcp demo [--size SIZE] [--requests N] [--json] [--net NETWORK] [--pcap FILE]",
		Description: `An unmodified net/http server (examples/httpserver) runs on the stack. The kernel's TCP, at the other
end of a TUN device, makes small requests, then downloads and uploads; the SHA-256 of both must be what was sent.
Where there can be no TUN device the client is a second stack, and a link in memory joins the two.

   gotcp demo
   gotcp demo --size 10MiB --net private,loss=1%,delay=5ms
   gotcp demo --size 1MiB --pcap demo.pcapng && tshark -r demo.pcapng
   gotcp demo --json | jq .download.bitsPerSecond`,
		Flags: netFlags(
			&cli.StringFlag{Name: "size", Value: "256MiB", Usage: "download and upload `SIZE` each"},
			&cli.IntFlag{Name: "requests", Value: 100, Usage: "make `N` small requests first"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		),
		Action: demo,
	}
}

func demo(c *cli.Context) error {
	size, err := parseSize(c.String("size"))
	switch {
	case err != nil:
		return usagef("--size: %w", err)
	case size > site.MaxSize:
		return usagef("--size %s: at most %s", c.String("size"), formatSize(site.MaxSize))
	case c.Int("requests") < 0:
		return usagef("--requests %d: a number that isn't negative is wanted", c.Int("requests"))
	case c.NArg() > 0 || len(command(c.Context)) > 0:
		return usagef("demo: it runs by itself and takes no arguments")
	}
	st, err := openStage(c)
	if err != nil {
		return err
	}
	r, err := st.play(c.Context, c.Int("requests"), size, newBars(c))
	if c.Bool("counters") {
		st.printCounters(c.App.ErrWriter)
	}
	if err = errors.Join(err, st.close()); err != nil {
		return err
	}
	if c.Bool("json") {
		return r.writeJSON(c.App.Writer)
	}
	return r.writeTable(c.App.Writer)
}

// stage is where the demo plays: who serves and who asks, on what networks.
type stage struct {
	about          string
	server, client side
	close          func() error
}

// side is one end.
type side struct {
	net   netapi.Network
	addr  string       // to listen on, or to reach the other end at: an IP address
	port  int          // to listen on
	stack *stack.Stack // nil for the kernel
}

// tcp says whose TCP it is.
func (s *side) tcp() string {
	if s.stack != nil {
		return "gotcp"
	}
	return kernelName()
}

// openStage opens the network that the command line describes, or a link in memory where there can be no device.
func openStage(c *cli.Context) (*stage, error) {
	s, err := spec(c)
	if err != nil {
		return nil, err
	}
	err = enter(s)
	var n *netspec.Net
	if err == nil {
		n, err = netspec.Open(c.Context, s)
	}
	if s.Kind == netspec.Private && errors.Is(err, netspec.ErrNoDevice) {
		fmt.Fprintf(c.App.ErrWriter, "gotcp: %v\ngotcp: so both ends are stacks here, and the link is in memory\n", err)
		return memoryStage(s)
	}
	if err != nil {
		return nil, err
	}
	st := &stage{about: n.Describe(), close: n.Close}
	own := side{net: n, addr: n.Addr.String(), port: 80, stack: n.Stack}
	st.server, st.client = own, own
	switch s.Kind {
	case netspec.Private, netspec.TUN:
		st.client = side{net: netapi.Kernel{}}
	case netspec.Kernel:
		st.server.port = 0
	}
	return st, nil
}

// memoryStage is two stacks and a link in memory between them.
func memoryStage(s netspec.Spec) (*stage, error) {
	near, far := link.Pipe(s.MTU, link.WithNames("client", "server"))
	dev, err := s.Dress(far)
	if err != nil {
		return nil, err
	}
	a, b := stack.New(stack.Config{}), stack.New(stack.Config{})
	st := &stage{
		about:  "two stacks, link in memory",
		server: side{net: netapi.NewStack(b), addr: "10.77.0.2", port: 80, stack: b},
		client: side{net: netapi.NewStack(a), stack: a},
		close:  func() error { return errors.Join(a.Close(), b.Close()) },
	}
	_, aerr := a.AddDevice(near, netip.MustParsePrefix("10.77.0.1/24"))
	_, berr := b.AddDevice(dev, netip.MustParsePrefix("10.77.0.2/24"))
	if err := errors.Join(aerr, berr); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return st, nil
}

// play runs the server, the requests and both transfers.
func (st *stage) play(ctx context.Context, requests int, size int64, bars bars) (*report, error) {
	ln, err := st.server.net.Listen(ctx, "tcp", net.JoinHostPort(st.server.addr, strconv.Itoa(st.server.port)))
	if err != nil {
		return nil, err
	}
	var served, asked connLog
	stop := startHTTP(ln, site.Handler(), func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			served.add(conn)
		}
	})
	tr := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := st.client.net.DialContext(ctx, network, address)
		if err == nil {
			asked.add(conn)
		}
		return conn, err
	}}
	r := &report{Network: st.about}
	v := &visitor{client: &http.Client{Transport: tr}, url: "http://" + ln.Addr().String(), bars: bars}
	err = v.visit(ctx, r, requests, size)
	r.Server = served.end(st.server.tcp(), ln.Addr())
	r.Client = asked.end(st.client.tcp(), nil)
	tr.CloseIdleConnections()
	if err == nil {
		err = stop()
	} else {
		stop() // whose error would follow from the first
	}
	return r, err
}
