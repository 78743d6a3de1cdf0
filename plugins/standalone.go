package plugins

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/gotcp/gotcp/dialer"
)

// EnvListen is the environment variable that says where a [Handler] listens which no host has started.
const EnvListen = "GOTCP_LISTEN"

// standAlone runs a plugin that no host has started, on package dialer's default network, until a signal ends it. The
// result is the exit status.
func standAlone(kinds []Kind) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := alone(ctx, kinds, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// alone is standAlone without the process around it.
func alone(ctx context.Context, kinds []Kind, events io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n, err := dialer.Default()
	if err != nil {
		return err
	}
	src := source{network: n}
	names := kindNames(kinds)
	if slices.Contains(names, Handler(nil).kind()) {
		ln, err := (&dialer.ListenConfig{Network: n}).Listen(ctx, "tcp", listenAddress())
		if err != nil {
			return fmt.Errorf("%w (%s says where a handler listens that no host has started)", err, EnvListen)
		}
		defer context.AfterFunc(ctx, func() { ln.Close() })()
		slog.Info("the handler listens", "address", ln.Addr().String())
		conns := make(chan net.Conn)
		src.conns = conns
		go accept(ctx, ln, conns)
	}
	if slices.Contains(names, Observer(nil).kind()) {
		c := make(chan Event)
		src.events = c
		go readEvents(ctx, events, c)
	}
	return run(ctx, src, kinds)
}

func listenAddress() string {
	if a := os.Getenv(EnvListen); a != "" {
		return a
	}
	return "127.0.0.1:0"
}

// accept passes on what a listener accepts, until it is closed.
func accept(ctx context.Context, ln net.Listener, conns chan<- net.Conn) {
	defer close(conns)
	defer ln.Close()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		select {
		case conns <- c:
		case <-ctx.Done():
			c.Close()
			return
		}
	}
}

// readEvents reads what `gotcp plugin inspect --events --json` writes: an event a line.
func readEvents(ctx context.Context, r io.Reader, c chan<- Event) {
	defer close(c)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			slog.Warn("a line is no event", "error", err)
			continue
		}
		select {
		case c <- e:
		case <-ctx.Done():
			return
		}
	}
}
