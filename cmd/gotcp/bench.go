package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/bench"
	"github.com/gotcp/gotcp/dialer/netspec"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure the stack against the kernel's TCP",
		UsageText: "gotcp bench [--pairs N] [--duration TIME] [--only in,out,rtt,connect] [--check] [--json]",
		Description: `The same client and server run, in turn, over a TUN device between the stack and the kernel, and over a
veth pair between two kernels. Throughput in is from the kernel to the stack, out the other way, in blocks of 64 KiB;
a round trip is one octet there and back; the connect rate is of connections that are opened, accepted and closed one
after the other, the server closing first. What counts are the ratios of the pairs of runs: their median is compared
with the target. Targets that are missed change the exit status only with --check.

   gotcp bench
   gotcp bench --only rtt --pairs 9 --json | jq '.results[0].ratio'
   gotcp bench --only in --cpuprofile cpu.pprof && go tool pprof -top cpu.pprof`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "pairs", Value: 5, Usage: "make `N` runs on each side, after one to warm up"},
			&cli.DurationFlag{Name: "duration", Value: time.Second, Usage: "the `TIME` that each run takes"},
			&cli.StringFlag{Name: "only", Usage: "measure only what is in the `LIST`: in, out, rtt, connect"},
			&cli.StringFlag{Name: "role", Value: "server", Usage: "`WHAT` the stack is: server (the kernel connects " +
				"to it) or client"},
			&cli.IntFlag{Name: "mtu", Value: 1500, Usage: "the MTU of the TUN device and of the veth pair, in `OCTETS`"},
			&cli.StringFlag{Name: "path", Value: "auto", Usage: "the `WAY` to the TUN device: auto, fast or portable"},
			&cli.StringFlag{Name: "kernel-cc", Value: "cubic", Usage: "the kernel's congestion control `NAME`, at all " +
				"its ends; where it cannot be had, or with an empty name, the kernel's own choice"},
			&cli.BoolFlag{Name: "check", Usage: "exit with status 1 where a target is missed"},
			&cli.BoolFlag{Name: "json", Usage: "print the results as JSON"},
			&cli.StringFlag{Name: "cpuprofile", Usage: "write a CPU profile of the runs on the stack to `FILE`"},
			&cli.StringFlag{Name: "memprofile", Usage: "write a profile of what they allocate to `FILE`"},
		},
		Action: benchmark,
	}
}

// benchOptions are the command line's.
type benchOptions struct {
	spec       netspec.Spec
	congestion string
	config     bench.Config // without its sides
	profiles   *bench.Profiles
}

// readBenchOptions reads and checks them.
func readBenchOptions(c *cli.Context) (o benchOptions, err error) {
	text := fmt.Sprintf("private,mtu=%d", c.Int("mtu"))
	if path := c.String("path"); path != "auto" {
		text += ",path=" + path
	}
	if o.spec, err = netspec.Parse(text); err != nil {
		return o, usageError{err}
	}
	only, err := bench.ParseMeasurements(c.String("only"))
	switch role := c.String("role"); {
	case err != nil:
		return o, usagef("--only: %w", err)
	case c.Int("pairs") < 1:
		return o, usagef("--pairs %d: one pair at least is needed", c.Int("pairs"))
	case c.Duration("duration") <= 0:
		return o, usagef("--duration %v: a time such as 500ms is needed", c.Duration("duration"))
	case role != "server" && role != "client":
		return o, usagef("--role %s: the stack is the server or the client", role)
	case c.NArg() > 0 || len(command(c.Context)) > 0:
		return o, usagef("bench: it runs by itself and takes no arguments")
	}
	o.congestion = c.String("kernel-cc")
	o.profiles = bench.NewProfiles(c.String("cpuprofile"), c.String("memprofile"))
	o.config = bench.Config{
		Only: only, Pairs: c.Int("pairs"), Duration: c.Duration("duration"),
		StackDials: c.String("role") == "client",
		Around:     o.profiles.Around, Progress: benchProgress(c),
	}
	return o, nil
}

// benchProgress shows progress where somebody is looking.
func benchProgress(c *cli.Context) func(done, total int) {
	if !isTerminal(c.App.ErrWriter) {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(done, total int) {
		if bar == nil {
			bar = progressbar.NewOptions(total,
				progressbar.OptionSetWriter(c.App.ErrWriter),
				progressbar.OptionSetDescription("measuring"),
				progressbar.OptionShowCount(),
				progressbar.OptionClearOnFinish(),
			)
		}
		bar.Set(done)
	}
}

func benchmark(c *cli.Context) error {
	o, err := readBenchOptions(c)
	if err != nil {
		return err
	}
	if err := enter(o.spec); err != nil {
		return err
	}
	if err := o.profiles.Create(); err != nil {
		return err
	}
	json := c.Bool("json")
	r, err := o.measure(c.Context, func(r *benchReport) error {
		if json {
			return nil
		}
		return r.writeHead(c.App.Writer)
	})
	if err = errors.Join(err, o.profiles.Write()); err != nil {
		return err
	}
	if json {
		err = r.writeJSON(c.App.Writer)
	} else {
		err = r.writeTable(c.App.Writer)
	}
	if err == nil && c.Bool("check") && bench.Missed(r.Results) {
		err = errors.New("bench: a target was missed")
	}
	return err
}

// measure sets up both sides, tells announce what they are, and measures.
func (o *benchOptions) measure(ctx context.Context, announce func(*benchReport) error) (r *benchReport, err error) {
	n, err := netspec.Open(ctx, o.spec)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	veth, err := bench.NewVeth(o.spec.MTU)
	if err != nil {
		return nil, fmt.Errorf("bench: the kernel has nothing to be measured on: %w", err)
	}
	defer func() { err = errors.Join(err, veth.Close()) }()
	r = &benchReport{
		Network: n.Describe(), Kernel: kernelName(), MTU: o.spec.MTU, CPUs: runtime.GOMAXPROCS(0), Go: runtime.Version(),
		Pairs: o.config.Pairs, Duration: o.config.Duration, StackDials: o.config.StackDials,
	}
	var refused error
	if r.Congestion, refused = bench.PickCongestion(o.congestion); refused != nil {
		r.Notes = append(r.Notes, refused.Error())
	}
	if err := announce(r); err != nil {
		return nil, err
	}
	k := bench.Kernel{Congestion: r.Congestion}
	o.config.Stack, o.config.Kernel = stackSide(n, k, o.config.StackDials), veth.Side(k)
	r.Results, err = bench.Run(ctx, o.config)
	return r, err
}

// stackSide is the way between the stack and the kernel. The stack dials, or else it listens.
func stackSide(n *netspec.Net, k bench.Kernel, dials bool) bench.Side {
	s := bench.Side{
		Name: "the stack",
		Dial: k.Dial,
		Listen: func(ctx context.Context) (net.Listener, error) {
			return n.Listen(ctx, "tcp4", net.JoinHostPort(n.Addr.String(), "0"))
		},
	}
	if dials {
		s.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return n.DialContext(ctx, "tcp4", address)
		}
		s.Listen = func(ctx context.Context) (net.Listener, error) {
			return k.Listen(ctx, net.JoinHostPort(n.Peer.String(), "0"))
		}
	}
	return s
}
