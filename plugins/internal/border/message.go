package border

import (
	"net"
	"net/netip"
	"time"
)

// A message is one of the types below. Those that are answered have a number req of the plugin's choice, which the
// answer repeats. id is an object's number, of the host's choice.
type message interface {
	kind() kind
	fields(c *codec)
}

type kind byte

const (
	kindHello kind = iota + 1

	// from the plugin
	kindDial
	kindListen
	kindCancel
	kindWant
	kindCall
	kindShut
	kindClose
	kindExchange
	kindReady
	kindFinished

	// from the host
	kindOpened
	kindListening
	kindAccepted
	kindRefused
	kindDied
	kindEnded
	kindSent
	kindReply
	kindEvent
	kindStop
)

var messages = [...]func() message{
	kindHello:     func() message { return new(hello) },
	kindDial:      func() message { return new(dial) },
	kindListen:    func() message { return new(listen) },
	kindCancel:    func() message { return new(cancel) },
	kindWant:      func() message { return new(want) },
	kindCall:      func() message { return new(call) },
	kindShut:      func() message { return new(shut) },
	kindClose:     func() message { return new(closing) },
	kindExchange:  func() message { return new(exchange) },
	kindReady:     func() message { return new(ready) },
	kindFinished:  func() message { return new(finished) },
	kindOpened:    func() message { return new(opened) },
	kindListening: func() message { return new(listening) },
	kindAccepted:  func() message { return new(accepted) },
	kindRefused:   func() message { return new(refused) },
	kindDied:      func() message { return new(died) },
	kindEnded:     func() message { return new(ended) },
	kindSent:      func() message { return new(sent) },
	kindReply:     func() message { return new(reply) },
	kindEvent:     func() message { return new(event) },
	kindStop:      func() message { return new(stop) },
}

// hello is each end's first message.
type hello struct{ version uint64 }

func (*hello) kind() kind        { return kindHello }
func (m *hello) fields(c *codec) { c.uint(&m.version) }

// settings are what dial and listen have in common.
type settings struct {
	req              uint64
	network, address string
	keepAlive        time.Duration
	keepAliveConfig  net.KeepAliveConfig
	limited          bool // by timeout
	timeout          time.Duration
	cancelled        bool // before it began
}

func (m *settings) fields(c *codec) {
	c.uint(&m.req)
	c.string(&m.network)
	c.string(&m.address)
	c.duration(&m.keepAlive)
	c.keepAlive(&m.keepAliveConfig)
	c.bool(&m.limited)
	c.duration(&m.timeout)
	c.bool(&m.cancelled)
}

// dial asks for a connection: opened, or reply with an error.
type dial struct {
	settings
	local    net.Addr
	fallback time.Duration
}

func (*dial) kind() kind { return kindDial }
func (m *dial) fields(c *codec) {
	m.settings.fields(c)
	c.netAddr(&m.local)
	c.duration(&m.fallback)
}

// listen asks for a listener or, with packet, for a UDP socket: listening or opened, or reply with an error.
type listen struct {
	settings
	packet bool
}

func (*listen) kind() kind { return kindListen }
func (m *listen) fields(c *codec) {
	m.settings.fields(c)
	c.bool(&m.packet)
}

// cancel ends a request early. It is answered as the request is.
type cancel struct{ req uint64 }

func (*cancel) kind() kind        { return kindCancel }
func (m *cancel) fields(c *codec) { c.uint(&m.req) }

// want allows the host to accept one connection more for a listener; id 0: to hand one over.
type want struct{ id uint64 }

func (*want) kind() kind        { return kindWant }
func (m *want) fields(c *codec) { c.uint(&m.id) }

// call is a method of an object, answered by reply.
type call struct {
	req, id uint64
	op      op
	arg     int64 // a number, a duration, a boolean, or two numbers of 32 bits
	text    string
	config  net.KeepAliveConfig
}

func (*call) kind() kind { return kindCall }
func (m *call) fields(c *codec) {
	c.uint(&m.req)
	c.uint(&m.id)
	c.byte((*byte)(&m.op))
	c.int(&m.arg)
	c.string(&m.text)
	c.keepAlive(&m.config)
}

// op is which method.
type op byte

const (
	opClose op = iota // of a listener or a UDP socket
	opCloseRead
	opCloseWrite
	opLinger
	opNoDelay
	opKeepAlive
	opKeepAlivePeriod
	opKeepAliveConfig
	opReadBuffer
	opWriteBuffer
	opUserTimeout
	opCongestionControl
	opMultipath
	opInfo
	opSockopt
)

// shut says that the end of the data path is a CloseWrite. It is sent before that shows.
type shut struct{ id uint64 }

func (*shut) kind() kind        { return kindShut }
func (m *shut) fields(c *codec) { c.uint(&m.id) }

// closing closes a connection, of which so many octets were read. It is answered by reply where req isn't 0, by which
// SetLinger has Close wait.
type closing struct {
	req, id, read uint64
	reset         bool
}

func (*closing) kind() kind { return kindClose }
func (m *closing) fields(c *codec) {
	c.uint(&m.req)
	c.uint(&m.id)
	c.uint(&m.read)
	c.bool(&m.reset)
}

// exchange is a DNS query, of which the answer is in the reply.
type exchange struct {
	req     uint64
	tcp     bool
	query   []byte
	timeout time.Duration
}

func (*exchange) kind() kind { return kindExchange }
func (m *exchange) fields(c *codec) {
	c.uint(&m.req)
	c.bool(&m.tcp)
	c.bytes(&m.query)
	c.duration(&m.timeout)
}

// ready and finished are the plugin's word about itself.
type ready struct{ text string }

func (*ready) kind() kind        { return kindReady }
func (m *ready) fields(c *codec) { c.string(&m.text) }

type finished struct{ text string } // of its error, or empty

func (*finished) kind() kind        { return kindFinished }
func (m *finished) fields(c *codec) { c.string(&m.text) }

// opened brings a connection or, with packet, a UDP socket, and its data path.
type opened struct {
	req, id       uint64
	packet        bool
	local, remote netip.AddrPort
}

func (*opened) kind() kind { return kindOpened }
func (m *opened) fields(c *codec) {
	c.uint(&m.req)
	c.uint(&m.id)
	c.bool(&m.packet)
	c.addrPort(&m.local)
	c.addrPort(&m.remote)
}

// listening brings a listener.
type listening struct {
	req, id uint64
	local   netip.AddrPort
}

func (*listening) kind() kind { return kindListening }
func (m *listening) fields(c *codec) {
	c.uint(&m.req)
	c.uint(&m.id)
	c.addrPort(&m.local)
}

// accepted brings a connection of a listener; of listener 0 one that is handed over, which brings its network.
type accepted struct {
	listener, id  uint64
	network       string
	local, remote netip.AddrPort
}

func (*accepted) kind() kind { return kindAccepted }
func (m *accepted) fields(c *codec) {
	c.uint(&m.listener)
	c.uint(&m.id)
	c.string(&m.network)
	c.addrPort(&m.local)
	c.addrPort(&m.remote)
}

// refused is an error of Accept.
type refused struct {
	listener uint64
	err      error
}

func (*refused) kind() kind { return kindRefused }
func (m *refused) fields(c *codec) {
	c.uint(&m.listener)
	c.error(&m.err)
}

// died says what a connection has died of, or that a UDP socket has an error to tell once.
type died struct {
	id  uint64
	err error
}

func (*died) kind() kind { return kindDied }
func (m *died) fields(c *codec) {
	c.uint(&m.id)
	c.error(&m.err)
}

// ended says what the end of the data path is: fin is the peer's orderly end, else died has come before.
type ended struct {
	id  uint64
	fin bool
}

func (*ended) kind() kind { return kindEnded }
func (m *ended) fields(c *codec) {
	c.uint(&m.id)
	c.bool(&m.fin)
}

// sent says how the sending of a datagram has ended of which the plugin wants to know.
type sent struct {
	id, seq uint64
	err     error
}

func (*sent) kind() kind { return kindSent }
func (m *sent) fields(c *codec) {
	c.uint(&m.id)
	c.uint(&m.seq)
	c.error(&m.err)
}

// reply answers a request.
type reply struct {
	req   uint64
	err   error
	value []byte
}

func (*reply) kind() kind { return kindReply }
func (m *reply) fields(c *codec) {
	c.uint(&m.req)
	c.error(&m.err)
	c.bytes(&m.value)
}

// event is for an observer.
type event struct{ data []byte }

func (*event) kind() kind        { return kindEvent }
func (m *event) fields(c *codec) { c.bytes(&m.data) }

// stop asks the plugin to end.
type stop struct{}

func (*stop) kind() kind    { return kindStop }
func (*stop) fields(*codec) {}
