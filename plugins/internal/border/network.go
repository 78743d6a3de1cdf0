package border

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
)

// Network is a network of the host's, at the plugin's end of a border: see [Open]. Its connections are a [TCPConn] or a
// [UDPConn], its listeners a [TCPListener].
type Network struct {
	carrier Carrier
	res     *net.Resolver
	calls   chan struct{} // has an element per call on an object that is under way
	handed  *TCPListener
	stop    chan struct{}
	events  chan []byte
	done    chan struct{} // closed when the border is over
	read    chan struct{} // closed when receive has returned

	sending sync.Mutex
	scratch []byte

	mu       sync.Mutex
	err      error // why it is over
	stopped  bool
	lastReq  uint64
	requests map[uint64]*pending
	objects  map[uint64]pluginObject
}

// pending is a request that the host hasn't answered.
type pending struct {
	network string // of what it makes
	answer  chan answer
}

// answer is what a request has led to: an object that was made, or a value, or an error.
type answer struct {
	made  any
	value []byte
	err   error
}

// pluginObject is a connection, a listener or a UDP socket.
type pluginObject interface {
	// died tells of an error: of a connection the one that it died of. The host's end is ErrGone.
	died(err error)
}

// eventQueue is how many events wait for who observes; further ones are dropped.
const eventQueue = 64

// Open is the plugin's end of a border. It takes c over, and waits for the host's greeting.
func Open(c Carrier) (*Network, error) {
	n := &Network{
		carrier: c, calls: make(chan struct{}, maxCalls), stop: make(chan struct{}),
		events: make(chan []byte, eventQueue), done: make(chan struct{}), read: make(chan struct{}),
		requests: make(map[uint64]*pending), objects: make(map[uint64]pluginObject),
	}
	n.res = dns.NewResolver(n.exchange)
	n.handed = newListener(n, "tcp")
	n.handed.addr = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	n.objects[0] = n.handed
	buf := make([]byte, maxMessage)
	if err := n.greet(buf); err != nil {
		c.Close()
		return nil, err
	}
	go n.receive(buf)
	return n, nil
}

// greet exchanges the first messages.
func (n *Network) greet(buf []byte) error {
	size, p, err := n.carrier.recv(buf)
	if err != nil {
		return errors.Join(errors.New("border: the host doesn't greet"), err)
	}
	if p != nil {
		p.Close()
	}
	m, err := decode(buf[:size])
	if err != nil {
		return err
	}
	hi, ok := m.(*hello)
	if !ok {
		return errProtocol("no greeting")
	}
	if err := n.send(&hello{version}); err != nil { // also where versions differ, for the host to say so
		return err
	}
	if hi.version != version {
		return errVersion(hi.version)
	}
	return nil
}

// Close ends the border: the host closes all that was made over it, as at the end of a process.
func (n *Network) Close() error {
	n.carrier.Close()
	<-n.read
	return nil
}

// Done is closed when the border is over: the host has gone, or has cut it, or Close was called. Err says why.
func (n *Network) Done() <-chan struct{} { return n.done }

// Err is why the border is over, ErrGone where nothing more is known; nil before.
func (n *Network) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// Handled gives the connections that the host hands over ([Host.Handle]).
func (n *Network) Handled() *TCPListener { return n.handed }

// Events gives what the host tells an observer ([Host.Event]). What nobody takes is dropped.
func (n *Network) Events() <-chan []byte { return n.events }

// Stopping is closed when the host asks the plugin to end ([Host.Stop]).
func (n *Network) Stopping() <-chan struct{} { return n.stop }

// Ready tells the host that the plugin does its work. The text is for people.
func (n *Network) Ready(text string) error { return n.send(&ready{text}) }

// Finish tells the host that the plugin's work has ended, because of an error or, where that is nil, because it is
// done.
func (n *Network) Finish(err error) error {
	m := &finished{}
	if err != nil {
		m.text = err.Error()
		m.text = m.text[:min(len(m.text), maxEvent)]
	}
	return n.send(m)
}

// Resolver is Go's own resolver, which asks the host for what isn't in this system's hosts file. (Dialling by a name
// doesn't go by it: the host finds the address.)
func (n *Network) Resolver() *net.Resolver { return n.res }

// DialContext connects to an address: see [netapi.Network].
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return n.DialWith(ctx, &net.Dialer{}, network, address)
}

// Listen announces a TCP address: see [netapi.Network].
func (n *Network) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return n.ListenWith(ctx, &net.ListenConfig{}, network, address)
}

// ListenPacket announces a UDP address: see [netapi.Network].
func (n *Network) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return n.ListenPacketWith(ctx, &net.ListenConfig{}, network, address)
}

var _ netapi.Tuned = (*Network)(nil)
