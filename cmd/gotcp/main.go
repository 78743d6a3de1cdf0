// Gotcp shows and uses a TCP/IP stack that runs in a Go program.
//
//	$ go run ./cmd/gotcp demo
//	$ gotcp serve http . -- curl http://10.77.0.2/
//	$ gotcp --help
//
// Its exit status is 0 for success, 1 for failure, 2 for wrong usage, 128 plus the signal's number where a signal ended
// it, and that of the command where it ran one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/plugins"
)

func main() {
	plugins.Init() // of a plugin's namespace this program is the first process, too
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}

// commandKey is the context key of the command line that follows "--".
type commandKey struct{}

// run is the program: it does what the arguments say and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	go func() {
		select {
		case s := <-signals:
			cancel(interrupted{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	app := newApp(stdout, stderr)
	args, command := splitCommand(args)
	err := app.RunContext(context.WithValue(ctx, commandKey{}, command), flagsFirst(app, args))
	return status(err, context.Cause(ctx), stderr)
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return i.signal.String() }

// exitStatus ends the program with a status, about which nothing more is to be said.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (u usageError) Error() string { return u.err.Error() }
func (u usageError) Unwrap() error { return u.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// status says what went wrong and returns the exit status for it. cause is why the program's context ended, if it has.
func status(err, cause error, stderr io.Writer) int {
	var i interrupted
	var s exitStatus
	var u usageError
	switch {
	case errors.As(err, &s):
		return int(s)
	case errors.As(cause, &i) && (err == nil || errors.Is(err, context.Canceled) || errors.As(err, &i)):
		return 128 + int(i.signal)
	case err == nil:
		return 0
	case errors.As(err, &u):
		fmt.Fprintf(stderr, "gotcp: %v\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "gotcp: %v\n", err)
	return 1
}

const description = `The stack and the kernel sit at the two ends of a TUN device, in a network namespace of the
program's own: nobody needs to be root. The stack is 10.77.0.2, the kernel 10.77.0.1.

   gotcp demo                                    see it work
   gotcp serve http . -- curl http://10.77.0.2/  the kernel's curl fetches from a server on the stack
   gotcp serve echo -- nc 10.77.0.2 7            talk to the stack
   gotcp ping 10.77.0.1                          the stack pings the kernel
   gotcp plugin run --listen 'tcp *:80' -- ./web run a plugin that has a network and rules of its own

All verbs take a network by --net, or else from the environment variable GOTCP_NET:

   private    as above
   tun        a TUN device in this namespace: tun:dev=tun0,addr=10.77.0.2/24,peer=10.77.0.1,mtu=1500
   loopback   a stack in memory that can reach itself only
   kernel     no stack: the kernel's own network

With a stack it can be a bad network: --net private,loss=1%,delay=20ms,rate=100mbit,seed=7. What follows a "--" is a
command that is run at the kernel's end; gotcp ends when it ends, with its exit status.`

// newApp makes the command line's grammar. There is a file for each verb.
func newApp(stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:        "gotcp",
		Usage:       "a TCP/IP stack in a Go program, at work",
		UsageText:   "gotcp VERB [--net NETWORK] [--pcap FILE] ... [-- COMMAND ...]",
		Description: description,
		HideVersion: true,
		Suggest:     true,
		Writer:      stdout,
		ErrWriter:   stderr,
		Commands: []*cli.Command{
			demoCommand(),
			serveCommand(),
			dialCommand(),
			pingCommand(),
			benchCommand(),
			parityCommand(),
			pluginCommand(),
		},
		Action:         unknownVerb,
		ExitErrHandler: func(*cli.Context, error) {}, // status does it
	}
	for _, c := range app.Commands {
		onUsageError(c)
	}
	app.OnUsageError = wrongUsage
	return app
}

func onUsageError(c *cli.Command) {
	c.OnUsageError = wrongUsage
	for _, sub := range c.Subcommands {
		onUsageError(sub)
	}
}

// wrongUsage is about a flag that isn't known or has a wrong value.
func wrongUsage(c *cli.Context, err error, _ bool) error {
	if _, flag, ok := strings.Cut(err.Error(), "not defined: -"); ok {
		err = fmt.Errorf("no flag is called --%s", flag)
		if like := cli.SuggestFlag(c.Command.Flags, flag, true); like != "" {
			err = fmt.Errorf("%w. %s", err, fmt.Sprintf(cli.SuggestDidYouMeanTemplate, like))
		}
	}
	name := c.Command.HelpName // such as "gotcp serve http"
	if verb := strings.TrimPrefix(name, "gotcp "); verb != name {
		err = fmt.Errorf("%s: %w", verb, err)
	}
	return usagef("%w\nSee %s --help", err, name)
}

// unknownVerb is what runs where no verb does.
func unknownVerb(c *cli.Context) error {
	verb := c.Args().First()
	if verb == "" {
		return cli.ShowAppHelp(c)
	}
	if like := cli.SuggestCommand(c.App.Commands, verb); like != "" {
		return usagef("no verb is called %q. %s\nSee gotcp --help", verb, like)
	}
	return usagef("no verb is called %q\nSee gotcp --help", verb)
}
