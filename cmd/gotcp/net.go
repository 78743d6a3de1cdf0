package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/dialer/netspec"
)

// netFlags are the flags of every verb that uses a network, with those of the verb behind them.
func netFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "net", Value: string(netspec.Private), EnvVars: []string{dialer.EnvNet},
			Usage: "the `NETWORK`: " + netspec.Usage},
		&cli.StringFlag{Name: "pcap", Usage: "write all packets to `FILE`, for Wireshark or tshark -r FILE"},
		&cli.BoolFlag{Name: "counters", Usage: "in the end print what the stack counted"},
	}, more...)
}

// spec is the network that the command line describes.
func spec(c *cli.Context) (netspec.Spec, error) {
	s, err := netspec.Parse(c.String("net"))
	if err != nil {
		return s, usageError{err}
	}
	if file := c.String("pcap"); file != "" {
		if s.Kind == netspec.Kernel {
			return s, usagef("--pcap: packets of the kernel network don't pass here: use another --net, or tcpdump")
		}
		s.PCAP = file
	}
	return s, nil
}

// withNetwork opens the network of the command line and does something on it.
func withNetwork(c *cli.Context, do func(ctx context.Context, n *netspec.Net) error) error {
	s, err := spec(c)
	if err != nil {
		return err
	}
	if err := enter(s); err != nil {
		return err
	}
	n, err := netspec.Open(c.Context, s)
	if err != nil {
		return err
	}
	err = do(c.Context, n)
	if n.Stack != nil && c.Bool("counters") {
		fmt.Fprint(c.App.ErrWriter, n.Stack.Counters())
	}
	return errors.Join(err, n.Close())
}

// enter moves the program to where a network can be opened, which for a private one is another run of it.
func enter(s netspec.Spec) error { return netspec.Enter(s) }

// command is the command line that follows "--"; empty where there is none.
func command(ctx context.Context) []string {
	c, _ := ctx.Value(commandKey{}).([]string)
	return c
}

// runCommand runs a command with the program's own input and output until it ends or ctx does, and returns an
// exitStatus where that isn't 0.
func runCommand(ctx context.Context, args []string, env ...string) error {
	return runCommandFrom(ctx, os.Stdin, args, env...)
}

// runCommandFrom is runCommand with another input.
func runCommandFrom(ctx context.Context, stdin *os.File, args []string, env ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, os.Stdout, os.Stderr
	// The command is at the kernel's end, also where it is a program that would make a network of its own.
	cmd.Env = append(append(os.Environ(), dialer.EnvNet+"="+string(netspec.Kernel)), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			return exitStatus(128 + int(w.Signal()))
		}
		return exitStatus(exit.ExitCode())
	}
	fmt.Fprintf(os.Stderr, "gotcp: cannot run the command: %v\n", err)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return exitStatus(127) // as a shell has it
	}
	return exitStatus(126)
}
