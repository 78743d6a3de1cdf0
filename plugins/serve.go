package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/plugins/internal/border"
)

// Serve is the main function of a plugin, which it says the kinds of: one, or several. Serve doesn't return; it ends the
// program.
//
// Launched by a [Host], the plugin has the network that the host gives it: a Service gets it, package dialer has it as
// its default, and log/slog and log write to the host's log. Started by hand, it has package dialer's default network
// (the kernel's, unless GOTCP_NET says otherwise), listens for its Handler where GOTCP_LISTEN says, reads the events for
// its Observer from standard input, and ends on SIGINT and SIGTERM.
func Serve(kinds ...Kind) {
	if err := check(kinds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if os.Getenv(handshake.MagicCookieKey) != handshake.MagicCookieValue {
		os.Exit(standAlone(kinds))
	}
	os.Exit(serve(kinds))
}

// exitGrace is how long a plugin whose host has gone may take to end.
const exitGrace = 2 * time.Second

// serve runs a plugin that a host has launched.
func serve(kinds []Kind) int {
	slog.SetDefault(slog.New(pluginHandler(os.Stderr)))
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // or a log line after the host's death would be the last thing
	np := &netPlugin{streams: make(chan io.ReadWriteCloser, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	worked := make(chan struct{})
	sockets := os.Getenv(plugin.EnvUnixSocketDir)
	go func() {
		defer close(worked)
		if err := work(ctx, np, kinds); err != nil {
			slog.Error(err.Error())
			os.RemoveAll(sockets) // the host has made it for this process alone, and can't remove it any more
			endGroup()
			os.Exit(1) // the host is gone, or none of ours
		}
	}()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]plugin.PluginSet{protocolVersion: {pluginName: np}},
		GRPCServer:       func(o []grpc.ServerOption) *grpc.Server { return grpc.NewServer(o...) },
	})
	cancel()
	select {
	case <-worked:
	case <-time.After(exitGrace):
	}
	return 0
}

// endGroup ends this process with those that it has started, as its host would have done.
func endGroup() {
	if pid := os.Getpid(); syscall.Getpgrp() == pid { // in a sandbox another process sees to that
		syscall.Kill(-pid, syscall.SIGKILL)
	}
}

// work does what the plugin is there for, and tells the host when that is done. The error says that there is no host
// any more.
func work(ctx context.Context, np *netPlugin, kinds []Kind) error {
	carrier, err := plugCarrier(ctx, np)
	if err != nil {
		return err
	}
	n, err := border.Open(carrier)
	if err != nil {
		return err
	}
	os.Unsetenv(handshake.MagicCookieKey) // programs that the plugin starts aren't plugins
	dialer.SetDefault(n)
	served := ctx.Done() // go-plugin's server has ended, as the host has asked it to
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-n.Stopping():
		case <-n.Done():
		case <-ctx.Done():
		}
		cancel()
	}()
	src := source{network: n}
	for _, k := range kinds {
		switch k.(type) {
		case Handler:
			src.conns = handedOver(ctx, n)
		case Observer:
			src.events = told(ctx, n)
		}
	}
	text, err := json.Marshal(hello{Kinds: kindNames(kinds)})
	if err != nil {
		return err
	}
	if err := n.Ready(string(text)); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- run(ctx, src, kinds) }()
	select {
	case err := <-done:
		if err := n.Finish(err); err != nil {
			return err
		}
		select {
		case <-served:
			return nil
		case <-n.Done():
		}
	case <-n.Done():
		select {
		case <-done:
		case <-time.After(exitGrace):
		}
	}
	return errors.New("the host is gone")
}

// plugCarrier is the plugin's end of what connects it with its host: the descriptor that it has inherited, or the
// stream that the host opens.
func plugCarrier(ctx context.Context, np *netPlugin) (border.Carrier, error) {
	socket, err := inherited(envBorder)
	switch {
	case err != nil:
		return nil, err
	case socket != nil:
		return border.FD(socket)
	}
	life, err := inherited(envLife)
	if err != nil {
		return nil, err
	}
	gone := make(chan struct{})
	if life != nil {
		defer life.Close()
		go func() {
			defer close(gone)
			life.Read(make([]byte, 1)) // nothing is written
		}()
	}
	select {
	case s := <-np.streams:
		return border.MuxPlugin(s)
	case <-gone:
		return nil, errors.New("the host is gone")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inherited is the socket whose number is in a variable; nil where there is no such variable, or the program that has
// started this one for the host has closed it.
func inherited(variable string) (*os.File, error) {
	text := os.Getenv(variable)
	if text == "" {
		return nil, nil
	}
	os.Unsetenv(variable)
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s=%s: it is to be the number of a descriptor", variable, text)
	}
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_SEQPACKET {
		return nil, nil
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "border"), nil
}

// handedOver gives the connections that the host hands over.
func handedOver(ctx context.Context, n *border.Network) <-chan net.Conn {
	conns := make(chan net.Conn)
	go accept(ctx, n.Handled(), conns)
	return conns
}

// told gives the events that the host tells of.
func told(ctx context.Context, n *border.Network) <-chan Event {
	events := make(chan Event)
	go func() {
		defer close(events)
		for {
			var e Event
			select {
			case text := <-n.Events():
				if json.Unmarshal(text, &e) != nil {
					continue // a later host's
				}
			case <-ctx.Done():
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events
}
