package plugins

import (
	"context"
	"errors"
	"io"
	"net"
	"net/rpc"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/yamux"

	"github.com/gotcp/gotcp/plugins/internal/border"
)

// netRPC is a client of a foreign plugin that speaks net/rpc, for its health and its end. Go-plugin's own would read an
// answer of any length, and keep a goroutine for each stream and each ping of the plugin's.
type netRPC struct {
	session *yamux.Session
	guard   *border.MuxGuard
	control *rpc.Client
	answers *allowance
}

var _ plugin.ClientProtocol = (*netRPC)(nil)

// Bounds of what a plugin sends: an answer, in octets, and pings; yamux sends two a minute.
const (
	maxRPCAnswer   = 4 << 10
	pingsPerMinute = 10
)

// dialNetRPC connects to a plugin. What it writes to its standard output and error goes to the writers.
func dialNetRPC(addr net.Addr, stdout, stderr io.Writer) (*netRPC, error) {
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return nil, err
	}
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	guard := border.GuardMux(conn, pingsPerMinute)
	session, err := yamux.Client(guard, cfg)
	if err != nil {
		conn.Close()
		return nil, err
	}
	var streams [3]*yamux.Stream // by which the plugin's server knows them
	for i := range streams {
		if streams[i], err = session.OpenStream(); err != nil {
			session.Close()
			return nil, guard.Broken(err)
		}
	}
	go io.Copy(stdout, streams[1])
	go io.Copy(stderr, streams[2])
	a := &allowance{Conn: streams[0]}
	return &netRPC{session: session, guard: guard, control: rpc.NewClient(a), answers: a}, nil
}

// call calls a method that takes no argument and gives none.
func (c *netRPC) call(method string) error {
	if !c.answers.over() {
		c.answers.left.Store(maxRPCAnswer)
	}
	err := c.control.Call(method, true, new(struct{}))
	switch {
	case err == nil:
		return nil
	case c.answers.over():
		return errLongAnswer // also later, when the client says only that it is shut down
	}
	return c.guard.Broken(err)
}

// Ping implements plugin.ClientProtocol.
func (c *netRPC) Ping() error { return c.call("Control.Ping") }

// Dispense implements plugin.ClientProtocol: what the plugin offers is for its own host.
func (c *netRPC) Dispense(string) (any, error) { return nil, errors.ErrUnsupported }

// Close asks the plugin to end, and ends the connection.
func (c *netRPC) Close() error {
	err := c.call("Control.Quit")
	return errors.Join(err, c.session.Close())
}

// allowance is a connection of which so much may be read and no more.
type allowance struct {
	net.Conn
	left atomic.Int64
}

// over says whether more has come than may.
func (a *allowance) over() bool { return a.left.Load() < 0 }

var errLongAnswer = errors.New("the plugin's answer is too long, or nobody has asked for it")

// Read implements io.Reader.
func (a *allowance) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	if a.left.Add(-int64(n)) < 0 {
		return 0, errLongAnswer
	}
	return n, err
}

// connect makes the client of the plugin that was started.
func (i *instance) connect(cfg *plugin.ClientConfig) error {
	addr, err := i.client.Start()
	if err != nil {
		return err
	}
	if i.client.Protocol() != plugin.ProtocolNetRPC {
		i.protocol, err = i.client.Client()
		return err
	}
	i.netRPC = true
	c, err := dialNetRPC(addr, cfg.SyncStdout, cfg.SyncStderr)
	if err == nil {
		i.protocol = c
	}
	return err
}

// quit has the plugin's process end: by itself where it does so when it is asked to, in the time that go-plugin gives.
func (i *instance) quit() {
	if !i.netRPC {
		i.client.Kill()
		return
	}
	if i.protocol != nil && i.protocol.Close() == nil {
		t := time.NewTimer(exitGrace)
		defer t.Stop()
		select {
		case <-i.ended():
		case <-t.C:
		}
	}
	i.proc.Kill(context.Background())
}
