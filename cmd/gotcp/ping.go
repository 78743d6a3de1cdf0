package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/stack"
)

func pingCommand() *cli.Command {
	return &cli.Command{
		Name:      "ping",
		Usage:     "send ICMP echo requests from the stack",
		UsageText: "gotcp ping ADDRESS [--count N] [--interval D] [--size N] [--net NETWORK]",
		Description: `It exits with 0 where at least one answer came, else with 1.

   gotcp ping 10.77.0.1
   gotcp ping 10.77.0.1 --count 20 --interval 0.1s --net private,loss=20%,delay=20ms`,
		Flags: netFlags(
			&cli.IntFlag{Name: "count", Aliases: []string{"c"}, Value: 4, Usage: "send `N` requests; 0: until interrupted"},
			&cli.DurationFlag{Name: "interval", Aliases: []string{"i"}, Value: time.Second,
				Usage: "`D` between two requests"},
			&cli.IntFlag{Name: "size", Aliases: []string{"s"}, Value: 56, Usage: "`N` octets of data in each"},
			&cli.DurationFlag{Name: "timeout", Aliases: []string{"W"}, Value: 2 * time.Second,
				Usage: "wait `D` for an answer"},
		),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("ping: one address is wanted, such as 10.77.0.1, but you gave %d", c.NArg())
			}
			if size := c.Int("size"); size < 0 || size > 65507 {
				return usagef("--size %d: a request has room for 0 to 65507 octets", size)
			}
			if c.Int("count") < 0 || c.Duration("interval") < 0 || c.Duration("timeout") <= 0 {
				return usagef("ping: --count, --interval and --timeout are not negative")
			}
			return withNetwork(c, func(ctx context.Context, n *netspec.Net) error { return ping(ctx, c, n) })
		},
	}
}

// pinger sends the requests of one run and keeps its statistics.
type pinger struct {
	st      *stack.Stack
	out     io.Writer
	dst     netip.Addr
	size    int
	timeout time.Duration

	sent, got     int
	min, max, sum time.Duration
}

func ping(ctx context.Context, c *cli.Context, n *netspec.Net) error {
	if n.Stack == nil {
		return usagef("ping: the kernel network has ping(8) for this: use another --net")
	}
	host := c.Args().First()
	dst, err := netip.ParseAddr(host)
	if err != nil {
		ips, err := n.Resolver().LookupNetIP(ctx, "ip4", host)
		if err != nil {
			return err
		}
		dst = ips[0]
	}
	p := &pinger{st: n.Stack, out: c.App.Writer, dst: dst.Unmap(), size: c.Int("size"), timeout: c.Duration("timeout")}
	fmt.Fprintf(p.out, "PING %s (%v): %d data bytes\n", host, p.dst, p.size)
	err = p.run(ctx, c.Int("count"), c.Duration("interval"))
	p.summary(host)
	switch {
	case err != nil && !errors.Is(err, context.Canceled):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case p.got == 0:
		return exitStatus(1)
	}
	return nil
}

// run sends count requests, an interval apart.
func (p *pinger) run(ctx context.Context, count int, interval time.Duration) error {
	for count == 0 || p.sent < count {
		next := time.NewTimer(interval)
		if err := p.once(ctx); err != nil {
			next.Stop()
			return err
		}
		if p.sent == count {
			next.Stop()
			return nil
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return ctx.Err()
		}
	}
	return nil
}

// once sends a request and tells of the answer. An error is one that every request would meet.
func (p *pinger) once(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	p.sent++
	r, err := p.st.Ping(limited, p.dst, stack.PingOptions{Size: p.size})
	switch {
	case ctx.Err() != nil:
		p.sent--
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(p.out, "no answer to icmp_seq=%d within %v\n", p.sent, p.timeout)
	case err != nil && r.From.IsValid():
		fmt.Fprintf(p.out, "from %v: icmp_seq=%d %v\n", r.From, p.sent, err)
	case err != nil:
		return fmt.Errorf("ping %v: %w", p.dst, err)
	default:
		fmt.Fprintf(p.out, "%d bytes from %v: icmp_seq=%d ttl=%d time=%.3f ms\n",
			r.Size+8, r.From, p.sent, r.TTL, ms(r.RTT))
		p.min = min(r.RTT, p.min)
		if p.got == 0 {
			p.min = r.RTT
		}
		p.max = max(r.RTT, p.max)
		p.sum += r.RTT
		p.got++
	}
	return nil
}

func (p *pinger) summary(host string) {
	fmt.Fprintf(p.out, "--- %s: %d sent, %d received", host, p.sent, p.got)
	if p.sent > 0 {
		fmt.Fprintf(p.out, ", %d%% lost", 100*(p.sent-p.got)/p.sent)
	}
	fmt.Fprintln(p.out)
	if p.got > 0 {
		fmt.Fprintf(p.out, "round trip min/avg/max = %.3f/%.3f/%.3f ms\n",
			ms(p.min), ms(p.sum/time.Duration(p.got)), ms(p.max))
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
