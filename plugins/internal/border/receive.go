package border

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
)

// receive handles the host's messages until there are no more.
func (n *Network) receive(buf []byte) {
	defer close(n.read)
	for {
		size, p, err := n.carrier.recv(buf)
		if err != nil {
			n.over(err)
			return
		}
		m, err := decode(buf[:size])
		if err != nil {
			if p != nil {
				p.Close()
			}
			n.over(err)
			return
		}
		n.handle(m, p)
	}
}

// over ends all calls.
func (n *Network) over(err error) {
	n.carrier.Close()
	n.mu.Lock()
	n.err = ErrGone
	if errors.As(err, new(errProtocol)) {
		n.err = err
	}
	close(n.done)
	requests, objects := n.requests, n.objects
	n.requests, n.objects = nil, nil
	n.mu.Unlock()
	for _, r := range requests {
		r.answer <- answer{err: ErrGone}
	}
	for _, o := range objects {
		o.died(ErrGone)
	}
}

// handle does what a message says. It doesn't block, and comes to a connection's messages in the order of their
// sending.
func (n *Network) handle(m message, p pipe) {
	switch m := m.(type) {
	case *opened:
		n.opened(m, p)
		return
	case *accepted:
		n.accepted(m, p)
		return
	}
	if p != nil {
		p.Close()
	}
	switch m := m.(type) {
	case *listening:
		if r := n.take(m.req); r != nil {
			l := newListener(n, r.network)
			l.id, l.addr = m.id, m.local
			n.register(m.id, l)
			r.answer <- answer{made: l}
		}
	case *reply:
		if r := n.take(m.req); r != nil {
			r.answer <- answer{value: m.value, err: m.err}
		}
	case *refused:
		if l, ok := n.object(m.listener).(*TCPListener); ok {
			l.push(acceptance{err: m.err})
		}
	case *died:
		if o := n.object(m.id); o != nil {
			o.died(m.err)
		}
	case *ended:
		if c, ok := n.object(m.id).(*TCPConn); ok {
			c.ended(m.fin)
		}
	case *sent:
		if u, ok := n.object(m.id).(*UDPConn); ok {
			u.sent(m)
		}
	case *event:
		select {
		case n.events <- m.data:
		default:
		}
	case *stop:
		n.mu.Lock()
		if !n.stopped {
			n.stopped = true
			close(n.stop)
		}
		n.mu.Unlock()
	}
}

// errNoPath is where a connection came without its data path: this process has too many descriptors, so that the system
// had to leave it out.
var errNoPath = os.NewSyscallError("recvmsg", syscall.EMFILE)

// opened makes a connection or a UDP socket.
func (n *Network) opened(m *opened, p pipe) {
	r := n.take(m.req)
	if r == nil || p == nil {
		n.drop(m.id, m.packet, p)
		if r != nil {
			r.answer <- answer{err: &net.OpError{Op: "dial", Net: r.network, Err: errNoPath}}
		}
		return
	}
	if m.packet {
		u := newUDPConn(origin{n: n, id: m.id, net: r.network, localAP: m.local, remoteAP: m.remote, p: p.packets()})
		n.register(m.id, u)
		r.answer <- answer{made: u}
		return
	}
	c := newTCPConn(origin{n: n, id: m.id, net: r.network, localAP: m.local, remoteAP: m.remote, p: p})
	n.register(m.id, c)
	r.answer <- answer{made: c}
}

// accepted gives a listener a connection.
func (n *Network) accepted(m *accepted, p pipe) {
	l, ok := n.object(m.listener).(*TCPListener)
	if !ok || p == nil {
		n.drop(m.id, false, p)
		if ok {
			l.push(acceptance{err: &net.OpError{Op: "accept", Net: l.net, Addr: l.Addr(), Err: errNoPath}})
		}
		return
	}
	network := m.network
	if network == "" {
		network = l.net
	}
	c := newTCPConn(origin{n: n, id: m.id, net: network, localAP: m.local, remoteAP: m.remote, p: p})
	n.register(m.id, c)
	l.push(acceptance{c: c})
}

// drop has the host close what nobody takes.
func (n *Network) drop(id uint64, packet bool, p pipe) {
	if p != nil {
		p.Close()
	}
	if packet {
		n.post(&call{id: id, op: opClose})
	} else {
		n.post(&closing{id: id, reset: true})
	}
}

// post is send for the goroutine that receives, which mustn't wait.
func (n *Network) post(m message) { go n.send(m) }

// take finds who waits for an answer.
func (n *Network) take(req uint64) *pending {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.requests[req]
	delete(n.requests, req)
	return r
}

// register makes an object known. Only who receives does so, hence the border is not over.
func (n *Network) register(id uint64, o pluginObject) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.objects[id] = o
}

func (n *Network) object(id uint64) pluginObject {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.objects[id]
}

// forget is the end of an object.
func (n *Network) forget(id uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.objects, id)
}

// send sends a message. It waits where the carrier is full; the host always takes.
func (n *Network) send(m message) (err error) {
	n.sending.Lock()
	defer n.sending.Unlock()
	if n.scratch, err = encode(n.scratch[:0], m); err != nil {
		return err
	}
	if err := n.carrier.send(n.scratch, nil, true); err != nil {
		return ErrGone
	}
	return nil
}

// begin sends a request; set gets its number.
func (n *Network) begin(network string, m message, set func(req uint64)) (*pending, error) {
	r := &pending{network: network, answer: make(chan answer, 1)}
	n.mu.Lock()
	if n.requests == nil {
		n.mu.Unlock()
		return nil, ErrGone
	}
	n.lastReq++
	req := n.lastReq
	n.requests[req] = r
	n.mu.Unlock()
	set(req)
	if err := n.send(m); err != nil {
		n.take(req)
		return nil, err
	}
	return r, nil
}

// call has the host call a method of an object. Errors of the border are bare.
func (n *Network) call(m *call) ([]byte, error) {
	select {
	case n.calls <- struct{}{}:
	case <-n.done:
		return nil, ErrGone
	}
	defer func() { <-n.calls }()
	r, err := n.begin("", m, func(req uint64) { m.req = req })
	if err != nil {
		return nil, err
	}
	a := <-r.answer
	return a.value, a.err
}

// exchange has the host answer a DNS query.
func (n *Network) exchange(ctx context.Context, query []byte, tcp bool) ([]byte, error) {
	m := &exchange{query: query, tcp: tcp}
	if deadline, ok := ctx.Deadline(); ok {
		m.timeout = left(deadline)
	}
	r, err := n.begin("", m, func(req uint64) { m.req = req })
	if err != nil {
		return nil, err
	}
	select {
	case a := <-r.answer:
		return a.value, a.err
	case <-ctx.Done():
		n.send(&cancel{m.req})
		<-r.answer
		return nil, ctx.Err()
	}
}
