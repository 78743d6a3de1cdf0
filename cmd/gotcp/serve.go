package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/dialer/netspec"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "run a server on the stack",
		UsageText: "gotcp serve echo [-- COMMAND ...]\n" +
			"gotcp serve http [DIR] [-- COMMAND ...]",
		Description: `The server runs until it is interrupted, or until the command that follows "--" ends: that runs at the
kernel's end, and its exit status becomes that of gotcp.

   gotcp serve http . -- curl -s http://10.77.0.2/README.md
   gotcp serve echo --port 7000 -- sh -c 'echo hello | nc -N 10.77.0.2 7000'`,
		Subcommands: []*cli.Command{serveEchoCommand(), serveHTTPCommand()},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("serve: say what to serve: gotcp serve echo or gotcp serve http DIR")
			}
			return usagef("serve: there is no server called %q: gotcp serve echo or gotcp serve http DIR",
				c.Args().First())
		},
	}
}

// serverFlags are the flags of a server whose port is port unless told otherwise.
func serverFlags(port int) []cli.Flag {
	return netFlags(
		&cli.IntFlag{Name: "port", Value: port, Usage: "listen on port `N`; 0: any that is free"},
		&cli.StringFlag{Name: "addr", Usage: "listen on `ADDRESS` only"},
	)
}

// serve runs a server: start begins to serve on a listener and returns, and the function that it returns stops it.
func serve(c *cli.Context, scheme string, start func(net.Listener) (stop func() error)) error {
	port := c.Int("port")
	if port < 0 || port > 65535 {
		return usagef("--port %d: a port is 0 to 65535", port)
	}
	return withNetwork(c, func(ctx context.Context, n *netspec.Net) error {
		ln, err := n.Listen(ctx, "tcp", net.JoinHostPort(c.String("addr"), strconv.Itoa(port)))
		if err != nil {
			return listenHint(n, err)
		}
		where := serverAddr(n, ln)
		fmt.Fprintf(c.App.ErrWriter, "serving on %s%v (%s)\n", scheme, where, n.Describe())
		stop := start(ln)
		if cmd := command(ctx); len(cmd) > 0 {
			err = runCommand(ctx, cmd, "GOTCP_ADDR="+where)
		} else {
			fmt.Fprintln(c.App.ErrWriter, reachable(n, where))
			<-ctx.Done()
			err = ctx.Err()
		}
		return errors.Join(err, stop())
	})
}

// serverAddr is where a listener can be reached.
func serverAddr(n *netspec.Net, ln net.Listener) string {
	a := ln.Addr().(*net.TCPAddr)
	if a.IP.IsUnspecified() && n.Addr.IsValid() {
		return net.JoinHostPort(n.Addr.String(), strconv.Itoa(a.Port))
	}
	return a.String()
}

// reachable says who can reach a server.
func reachable(n *netspec.Net, where string) string {
	switch n.Spec.Kind {
	case netspec.Private:
		return "nobody but this program's children is in its namespace: give a command, such as -- curl " + where +
			"; Ctrl-C ends"
	case netspec.Loopback:
		return "nobody can reach a stack in memory: this is for trying out; Ctrl-C ends"
	}
	return "Ctrl-C ends"
}

// listenHint adds to an error of Listen what may help.
func listenHint(n *netspec.Net, err error) error {
	if n.Spec.Kind == netspec.Kernel {
		return fmt.Errorf("%w: another port, such as --port 8080, may be free for you", err)
	}
	return err
}
