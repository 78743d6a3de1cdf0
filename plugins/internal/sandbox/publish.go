package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/plugins/internal/pump"
	"github.com/gotcp/gotcp/stack"
)

// published is a port of the program's that is announced on the network.
type published interface {
	io.Closer
	serve(t *terminator) // until it is closed
}

// announce announces a port.
func (t *terminator) announce(p Port) (published, error) {
	at := netip.AddrPortFrom(netip.IPv4Unspecified(), p.Number).String()
	if p.Network == "tcp" {
		l, err := t.cfg.Network.Listen(t.ctx, "tcp4", at)
		return tcpPort{l, p.Number}, err
	}
	pc, err := t.cfg.Network.ListenPacket(t.ctx, "udp4", at)
	return &udpPort{PacketConn: pc, port: p.Number, peers: map[netip.AddrPort]*relay{}}, err
}

// ipTransparent is Linux's IP_TRANSPARENT, for which package syscall has no name.
const ipTransparent = 19

// connect connects to a port of the program's, from the address of the client who wants that. One that the program's
// kernel would not take, such as a client's on the same host's loopback, is replaced by the gateway's.
func (t *terminator) connect(ctx context.Context, typ int, client netip.AddrPort, port uint16) (stack.Socket, error) {
	program := t.cfg.Address.Addr()
	a := client.Addr()
	if !a.Is4() || a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a == program {
		client = netip.AddrPortFrom(Gateway, 0)
	}
	s, err := t.st.Socket(typ)
	if err != nil {
		return nil, err
	}
	if err = s.SetOpt(syscall.IPPROTO_IP, ipTransparent, 1); err == nil {
		err = s.Bind(client)
	}
	if err == nil {
		err = s.Connect(ctx, netip.AddrPortFrom(program, port))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// tcpPort is a published TCP port.
type tcpPort struct {
	net.Listener
	port uint16
}

func (p tcpPort) serve(t *terminator) {
	for {
		c, err := p.Accept()
		switch {
		case err == nil:
			p.take(t, c)
		case !t.patient(p.port, err):
			return
		}
	}
}

// patient reports whether a published port goes on after an error, and waits where that is of a kind that passes.
func (t *terminator) patient(port uint16, err error) bool {
	if errors.Is(err, net.ErrClosed) || t.ctx.Err() != nil {
		return false
	}
	//lint:ignore SA1019 net/http's server goes by it, too: there is nothing else that tells EMFILE apart
	if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Temporary() {
		// The network has closed the port, for good: a guard does so with one that its rules no longer allow.
		t.log.Error("a published port is no longer announced", "port", port, "error", err)
		return false
	}
	select {
	case <-time.After(100 * time.Millisecond):
	case <-t.ctx.Done():
	}
	return true
}

// take joins a client with the program, in a goroutine of its own. The client is reset where that can't be.
func (p tcpPort) take(t *terminator, c net.Conn) {
	out, err := asTCP(c)
	if err != nil {
		t.log.Error("published port", "port", p.port, "error", err)
		return
	}
	if !t.enter(&t.conns, t.cfg.Limits.Conns) {
		pump.Reset(out)
		return
	}
	go func() {
		defer t.leave(&t.conns)
		ctx, cancel := context.WithTimeout(t.ctx, t.cfg.Limits.Dial)
		s, err := t.connect(ctx, syscall.SOCK_STREAM, addrPort(c.RemoteAddr()), p.port)
		cancel()
		if err != nil {
			pump.Reset(out)
			return
		}
		pump.Join(t.ctx, out, t.face.TCPConn(s))
	}()
}

// addrPort is a net.Addr's address and port.
func addrPort(a net.Addr) netip.AddrPort {
	if x, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		ap := x.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// udpPort is a published UDP port: a socket on the network, and for each peer there a socket that stands for it before
// the program.
type udpPort struct {
	net.PacketConn
	port uint16

	mu    sync.Mutex
	peers map[netip.AddrPort]*relay
}

func (p *udpPort) serve(t *terminator) {
	buf := datagrams.Get().(*[maxDatagram]byte)
	defer datagrams.Put(buf)
	for {
		n, from, err := p.ReadFrom(buf[:])
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			// That was of an answer; nothing is wrong with the port.
		case err != nil:
			if !t.patient(p.port, err) {
				return
			}
		default:
			if r := p.peer(t, from); r != nil {
				r.passed()
				r.in.Write(buf[:n]) // the program may not listen: UDP says so to nobody
			}
		}
	}
}

// peer is the relay of a peer's answers, begun where there is none; nil where there are too many.
func (p *udpPort) peer(t *terminator, from net.Addr) *relay {
	key := addrPort(from)
	p.mu.Lock()
	r := p.peers[key]
	p.mu.Unlock()
	if r != nil || !t.enter(&t.flows, t.cfg.Limits.Flows) {
		return r
	}
	s, err := t.connect(t.ctx, syscall.SOCK_DGRAM, key, p.port)
	if err != nil {
		t.leave(&t.flows)
		return nil
	}
	r = &relay{in: t.face.UDPConn(s), out: answers{p, from}, idle: t.cfg.Limits.Idle}
	p.mu.Lock()
	p.peers[key] = r
	p.mu.Unlock()
	go func() {
		defer t.leave(&t.flows)
		stop := context.AfterFunc(t.ctx, func() { r.in.Close() })
		r.forth()
		stop()
		p.mu.Lock()
		delete(p.peers, key)
		p.mu.Unlock()
		r.in.Close()
	}()
	return r
}

// answers are the program's to one peer of a published port. The peer's datagrams don't come by it.
type answers struct {
	p  *udpPort
	to net.Addr
}

func (a answers) Write(b []byte) (int, error) { return a.p.WriteTo(b, a.to) }
func (answers) Read([]byte) (int, error)      { return 0, io.EOF }
func (answers) Close() error                  { return nil }
