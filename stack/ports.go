package stack

import (
	"encoding/binary"
	"slices"
	"sync"
	"syscall"
)

// bindKind says what holds a port; it decides who may share it.
type bindKind uint8

const (
	bindUser   bindKind = iota // bound by the user, or by the stack for a listener or datagram socket
	bindListen                 // bound and listening
	bindConn                   // connections accepted on the port: their listener may be gone
	bindDial                   // connections whose port the stack chose: others to other peers may share it
)

// binding is a hold on a port at one own address or (0.0.0.0) at all.
type binding struct {
	next  *binding // the next one on the same port
	addr  addr4
	port  uint16
	kind  bindKind
	reuse bool  // SO_REUSEADDR was set
	refs  int32 // holders: 1, but for the two kinds of connections any number
}

// portTable knows which ports of a protocol are in use, with Linux's rules of who may share one, and chooses free ones
// so that nobody can guess them ([RFC 6056](https://www.rfc-editor.org/rfc/rfc6056)).
//
// Its mutex is held around the claim function of dial, hence comes before whatever lock that takes.
type portTable struct {
	mu          sync.Mutex
	m           map[uint16]*binding
	rand        func([]byte)
	keys        *keys
	first, last uint16
	index       []uint32 // table of RFC 6056 algorithm 4; made when first needed
}

// portIndexLen is the size of the table of counters: large, so that an observer of one destination's ports learns
// nothing of another's.
const portIndexLen = 1024

func (t *portTable) init(s *Stack) {
	t.m = map[uint16]*binding{}
	t.rand, t.keys = s.cfg.Rand, &s.keys
	t.first, t.last = s.cfg.EphemeralFirst, max(s.cfg.EphemeralFirst, s.cfg.EphemeralLast)
}

func (t *portTable) span() uint32 { return uint32(t.last-t.first) + 1 }

// overlaps reports whether two addresses can receive the same packet.
func overlaps(a, b addr4) bool { return a == b || a.unspecified() || b.unspecified() }

// conflict reports whether somebody holds the port in a way that excludes a new binding. Two may share an address
// where both have SO_REUSEADDR and neither listens.
func (t *portTable) conflict(nb *binding) bool {
	for b := t.m[nb.port]; b != nil; b = b.next {
		if b == nb || !overlaps(b.addr, nb.addr) {
			continue
		}
		if !b.reuse || !nb.reuse || b.kind == bindListen {
			return true
		}
	}
	return false
}

// taken reports whether anybody holds the port at an address that overlaps: such a port is never chosen.
func (t *portTable) taken(addr addr4, port uint16) bool {
	for b := t.m[port]; b != nil; b = b.next {
		if overlaps(b.addr, addr) {
			return true
		}
	}
	return false
}

// bind takes a port at an address; port 0 chooses a free one at random. EADDRINUSE.
func (t *portTable) bind(addr addr4, port uint16, reuse bool) (*binding, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := &binding{addr: addr, port: port, reuse: reuse, refs: 1}
	if port == 0 {
		if b.port = t.choose(addr); b.port == 0 {
			return nil, syscall.EADDRINUSE
		}
	} else if t.conflict(b) {
		return nil, syscall.EADDRINUSE
	}
	t.insert(b)
	return b, nil
}

// choose finds a port that nobody holds, 0 where there is none: from a random one onwards (RFC 6056 algorithm 1).
func (t *portTable) choose(addr addr4) uint16 {
	var r [4]byte
	t.rand(r[:])
	offset := binary.LittleEndian.Uint32(r[:])
	for i := range t.span() {
		port := t.first + uint16((offset%t.span()+i)%t.span())
		if !t.taken(addr, port) {
			return port
		}
	}
	return 0
}

// listen makes a bound port a listening one. EADDRINUSE where another socket that shares it listens already.
func (t *portTable) listen(b *binding) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b.kind == bindListen {
		return nil
	}
	if t.conflict(b) {
		return syscall.EADDRINUSE
	}
	b.kind = bindListen
	return nil
}

// accepted takes a hold on a listener's port for a connection at the address, which outlives the listener's own.
func (t *portTable) accepted(l *binding, addr addr4) *binding {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.share(&binding{addr: addr, port: l.port, kind: bindConn, reuse: l.reuse, refs: 1})
}

// share joins the hold of the same kind that there is, or adds nb.
func (t *portTable) share(nb *binding) *binding {
	for b := t.m[nb.port]; b != nil; b = b.next {
		if b.kind == nb.kind && b.addr == nb.addr && b.reuse == nb.reuse {
			b.refs++
			return b
		}
	}
	t.insert(nb)
	return nb
}

// dial chooses a port for a connection from k.local to k.remote:k.rport. claim is asked whether the four-tuple with
// the port is free, and takes it if it is; it must not call the table. EADDRNOTAVAIL where all are in use, as Linux.
//
// It is the double-hash algorithm ([RFC 6056 section 3.3.4](https://www.rfc-editor.org/rfc/rfc6056#section-3.3.4)):
// ports to one destination rise one by one from an offset that only we know, so none comes again soon, and those to
// another destination tell nothing about them.
func (t *portTable) dial(k flowKey, reuse bool, claim func(port uint16) bool) (*binding, error) {
	k.lport = 0
	kb := k.bytes()
	offset := uint32(t.keys.portOffset.hash(kb[:]))
	slot := t.keys.portIndex.hash(kb[:]) % portIndexLen
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.index == nil {
		t.makeIndex()
	}
	for range t.span() {
		port := t.first + uint16((offset+t.index[slot])%t.span())
		t.index[slot]++
		if t.dialable(port) && claim(port) {
			return t.share(&binding{addr: k.local, port: port, kind: bindDial, reuse: reuse, refs: 1}), nil
		}
	}
	return nil, syscall.EADDRNOTAVAIL
}

// dialable reports whether nobody but other dialled connections holds the port.
func (t *portTable) dialable(port uint16) bool {
	for b := t.m[port]; b != nil; b = b.next {
		if b.kind != bindDial {
			return false
		}
	}
	return true
}

func (t *portTable) makeIndex() {
	p := make([]byte, 4*portIndexLen)
	t.rand(p)
	t.index = make([]uint32, portIndexLen)
	for i := range t.index {
		t.index[i] = binary.LittleEndian.Uint32(p[4*i:])
	}
}

func (t *portTable) insert(b *binding) {
	b.next = t.m[b.port]
	t.m[b.port] = b
}

// retain adds a holder, release takes one away: the port is free when the last has gone.
func (t *portTable) retain(b *binding) {
	t.mu.Lock()
	b.refs++
	t.mu.Unlock()
}

func (t *portTable) release(b *binding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b.refs--; b.refs > 0 {
		return
	}
	if head := t.m[b.port]; head != b {
		for c := head; c != nil; c = c.next {
			if c.next == b {
				c.next = b.next
				return
			}
		}
	} else if b.next != nil {
		t.m[b.port] = b.next
	} else {
		delete(t.m, b.port)
	}
}

// setReuse is SO_REUSEADDR set after binding.
func (t *portTable) setReuse(b *binding, on bool) {
	t.mu.Lock()
	b.reuse = on
	t.mu.Unlock()
}

// rebind fixes the address of a socket bound to all, when it is connected. It never conflicts: it holds less than
// before.
func (t *portTable) rebind(b *binding, addr addr4) {
	t.mu.Lock()
	b.addr = addr
	t.mu.Unlock()
}

// list returns what is held, for a listing such as netstat's, by port.
func (t *portTable) list() []binding {
	t.mu.Lock()
	defer t.mu.Unlock()
	var l []binding
	for _, b := range t.m {
		for ; b != nil; b = b.next {
			c := *b
			c.next = nil
			l = append(l, c)
		}
	}
	slices.SortStableFunc(l, func(a, b binding) int { return int(a.port) - int(b.port) })
	return l
}
