package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/parity"
	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/netapi"
)

func parityCommand() *cli.Command {
	return &cli.Command{
		Name:      "parity",
		Usage:     "ask the stack and the kernel the same, and show where they differ",
		UsageText: "gotcp parity [--json]",
		Description: `Package net has two networks under it in turn, the kernel's and the stack's, and is asked the same of both: what
each call returns, which errors and of which types, what is said after a reset, a close or a deadline. That is done over
loopback, and over a TUN device between the two. What is printed are the answers that differ. A few do so on purpose,
and netapi/DEVIATIONS.md has the reasons; where there is another one the exit status is 1.

   gotcp parity
   gotcp parity --json | jq '.differences[] | select(.deviation == null)'`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		},
		Action: askParity,
	}
}

func askParity(c *cli.Context) (err error) {
	if c.NArg() > 0 || len(command(c.Context)) > 0 {
		return usagef("parity: it runs by itself and takes no arguments")
	}
	spec, err := netspec.Parse(string(netspec.Private))
	if err != nil {
		return err
	}
	if err := enter(spec); err != nil {
		return err
	}
	tun, err := netspec.Open(c.Context, spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tun.Close()) }()
	loop, err := netspec.Open(c.Context, netspec.Spec{Kind: netspec.Loopback})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loop.Close()) }()
	return reportParity(c.Context, c, []parity.Pair{loopbackPair(loop), tunPair(tun)})
}

func reportParity(ctx context.Context, c *cli.Context, pairs []parity.Pair) error {
	r, err := parity.Run(ctx, pairs)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = parity.WriteTable(c.App.Writer, r)
	}
	if n := r.Undocumented(); err == nil && n > 0 {
		err = fmt.Errorf("parity: %d answers differ without being documented", n)
	}
	return err
}

// loopbackPair has each talk to itself.
func loopbackPair(n *netspec.Net) parity.Pair {
	stack := parity.Host{Net: n, Peer: n, Addr: n.Addr, To: n.Addr}
	kernel := stack
	kernel.Net, kernel.Peer = netapi.Kernel{}, netapi.Kernel{}
	return parity.Pair{Name: "loopback", Stack: stack, Kernel: kernel}
}

// tunPair has each talk to the other.
func tunPair(n *netspec.Net) parity.Pair {
	stack := parity.Host{
		Net: n, Peer: netapi.Kernel{}, Addr: n.Addr, To: n.Peer,
		Void: netip.AddrFrom4([4]byte{10, 77, 0, 99}),   // of the device's network, but neither end's
		None: netip.AddrFrom4([4]byte{203, 0, 113, 99}), // TEST-NET-3, RFC 5737
	}
	kernel := stack
	kernel.Net, kernel.Peer, kernel.Addr, kernel.To = stack.Peer, stack.Net, stack.To, stack.Addr
	return parity.Pair{Name: "tun", Stack: stack, Kernel: kernel}
}
