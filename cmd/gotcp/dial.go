package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/dialer/netspec"
)

func dialCommand() *cli.Command {
	return &cli.Command{
		Name:      "dial",
		Usage:     "connect to an address and join it with standard input and output, as netcat does",
		UsageText: "gotcp dial HOST:PORT [--timeout D] [--net NETWORK] [-- COMMAND ...]",
		Description: `The end of the input ends the stream to the peer (a half-close); gotcp ends when the peer ends its own.
A command behind "--" runs at the kernel's end; it is given a moment to begin to listen, and one to end.

   echo hello | gotcp dial 10.77.0.1:7000 -- nc -l 7000
   printf 'GET / HTTP/1.0\r\n\r\n' | gotcp dial --net tun:dev=tun0 192.0.2.1:80`,
		Flags: netFlags(
			&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "give up connecting after `D`"}),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("dial: one address is wanted, such as 10.77.0.1:80, but you gave %d", c.NArg())
			}
			address := c.Args().First()
			if _, _, err := net.SplitHostPort(address); err != nil {
				return usagef("dial: %w: write HOST:PORT, such as 10.77.0.1:80", err)
			}
			return withNetwork(c, func(ctx context.Context, n *netspec.Net) error {
				return dial(ctx, n, address, c.Duration("timeout"))
			})
		},
	}
}

// dial connects, runs the command where there is one, and joins the connection with input and output.
func dial(ctx context.Context, n *netspec.Net, address string, timeout time.Duration) error {
	var peer *beside
	if cmd := command(ctx); len(cmd) > 0 {
		peer = startBeside(ctx, cmd)
		defer peer.stop()
	}
	conn, err := connect(ctx, n, address, timeout, peer)
	if err != nil {
		return dialHint(n, err)
	}
	err = join(ctx, conn, os.Stdin, os.Stdout)
	conn.Close()
	if err != nil || peer == nil {
		return err
	}
	select {
	case <-peer.ended:
		return peer.err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second): // a server that would serve others
		return nil
	}
}

// beside is a command that runs while gotcp does its own work.
type beside struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // once ended is closed
}

// startBeside runs a command, and leaves standard input to gotcp.
func startBeside(ctx context.Context, args []string) *beside {
	ctx, cancel := context.WithCancel(ctx)
	b := &beside{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		null, err := os.Open(os.DevNull)
		if err != nil {
			b.err = err
			return
		}
		defer null.Close()
		b.err = runCommandFrom(ctx, null, args)
	}()
	return b
}

// stop ends the command and waits for that.
func (b *beside) stop() {
	b.cancel()
	<-b.ended
}

// connect dials. Where a command runs beside it tries again while that isn't listening yet.
func connect(
	ctx context.Context, n *netspec.Net, address string, timeout time.Duration, peer *beside,
) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		conn, err := n.DialContext(ctx, "tcp", address)
		if err == nil || peer == nil || !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		select {
		case <-peer.ended:
			if peer.err != nil {
				return nil, peer.err
			}
			return nil, fmt.Errorf("the command ended before it could be reached: %w", err)
		case <-ctx.Done():
			return nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// join copies both ways until the peer has ended its stream, or ctx ends.
func join(ctx context.Context, conn net.Conn, in io.Reader, out io.Writer) error {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	go func() {
		if _, err := io.Copy(conn, in); err == nil {
			if half, ok := conn.(interface{ CloseWrite() error }); ok {
				half.CloseWrite()
			}
		}
	}()
	_, err := io.Copy(out, conn)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// dialHint adds to an error of dialling what may help.
func dialHint(n *netspec.Net, err error) error {
	var status exitStatus
	refused := errors.Is(err, syscall.ECONNREFUSED)
	unreachable := errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH)
	switch {
	case errors.As(err, &status):
		return err
	case refused && n.Spec.Kind == netspec.Private:
		return fmt.Errorf("%w: run a server there: gotcp dial ... -- nc -l PORT", err)
	case unreachable && n.Spec.Kind == netspec.Private:
		return fmt.Errorf("%w: a private network has %v and %v only", err, n.Addr, n.Peer)
	case (refused || unreachable) && n.Spec.Kind == netspec.Loopback:
		return fmt.Errorf("%w: a stack in memory reaches itself only: use another --net", err)
	}
	return err
}
