package border

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/plugins/internal/pump"
)

// A packet of a UDP socket's data path is a header and the datagram. The header has the peer's address, or none where
// the socket is connected, and on the way to the host a number where the plugin wants to know how sending has ended.
type header struct {
	addr netip.AddrPort
	seq  uint32 // 0: nobody wants to know
}

// headerSize: length of the IP address, one octet to spare, port, seq, 16 octets for the IP address.
const headerSize = 1 + 1 + 2 + 4 + 16

// maxDatagram is the longest text of a datagram: 65535 less the headers of IPv4 and UDP.
const maxDatagram = 65535 - 20 - 8

func (h *header) encode(b []byte) {
	ip := h.addr.Addr().AsSlice()
	b[0], b[1] = byte(len(ip)), 0
	binary.BigEndian.PutUint16(b[2:], h.addr.Port())
	binary.BigEndian.PutUint32(b[4:], h.seq)
	clear(b[8:headerSize])
	copy(b[8:headerSize], ip)
}

// decodePacket takes a packet apart.
func decodePacket(b []byte) (h header, text []byte, err error) {
	if len(b) < headerSize || b[0] > 16 {
		return h, nil, errProtocol("a packet without a header")
	}
	ip, _ := netip.AddrFromSlice(b[8 : 8+b[0]])
	h = header{netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[2:])), binary.BigEndian.Uint32(b[4:])}
	return h, b[headerSize:], nil
}

// hostUDP is a UDP socket that the plugin has. Two goroutines move datagrams. Where the plugin doesn't take them they
// stay with the network, which drops what is too much.
type hostUDP struct {
	h    *Host
	id   uint64
	c    dialer.UDPConn
	p    pipe
	told atomic.Bool // an error is on its way to the plugin, which keeps one at a time, as a kernel does
	once sync.Once
}

// openUDP gives the plugin a UDP socket. The caller has claimed its place.
func (h *Host) openUDP(req uint64, c dialer.UDPConn) error {
	p, far, err := h.carrier.pair(true)
	if err != nil {
		return err
	}
	u := &hostUDP{h: h, c: c, p: p}
	if !h.add(u, &u.id) {
		p.Close()
		far.Close()
		return errOver
	}
	local, remote := addrPortOf(c.LocalAddr()), addrPortOf(c.RemoteAddr())
	h.send(&opened{req: req, id: u.id, packet: true, local: local, remote: remote}, far)
	var ways sync.WaitGroup
	ways.Go(u.down)
	ways.Go(u.up)
	go func() {
		ways.Wait()
		h.release(&h.sockets)
		h.gone()
	}()
	return nil
}

// listenPacket makes a UDP socket that isn't connected. The caller has claimed its place.
func (h *Host) listenPacket(ctx context.Context, lc *net.ListenConfig, m *listen) error {
	pc, err := h.net.ListenPacketWith(ctx, lc, m.network, m.address)
	if err != nil {
		return err
	}
	c, ok := pc.(dialer.UDPConn)
	if !ok {
		pc.Close()
		return errKind(pc)
	}
	if err := h.openUDP(m.req, c); err != nil {
		c.Close()
		return err
	}
	return nil
}

// down moves datagrams from the network to the plugin.
func (u *hostUDP) down() {
	defer u.close() // which also ends the other way
	connected := addrPortOf(u.c.RemoteAddr()).IsValid()
	b := pump.Get()
	defer pump.Put(b)
	for failures := 0; failures < 16; {
		n, from, err := u.c.ReadFromUDPAddrPort(b[headerSize:])
		if err != nil {
			if !u.trouble(err) {
				return
			}
			failures++ // of which a network cannot have many in a row, unless something else is wrong
			continue
		}
		failures = 0
		h := header{addr: from}
		if connected {
			h.addr = netip.AddrPort{}
		}
		h.encode(b[:])
		if _, err := u.p.Write(b[:headerSize+n]); err != nil {
			return
		}
	}
}

// up moves datagrams from the plugin to the network.
func (u *hostUDP) up() {
	defer u.close()
	for u.h.pace.Wait(u.h.killed) {
		b, n, err := u.p.next()
		if err != nil {
			return
		}
		h, text, err := decodePacket(b[:n])
		if err == nil {
			u.send(&h, text)
		}
		pump.Put(b)
		if err != nil {
			u.h.cut(err)
			return
		}
	}
}

// send sends one datagram.
func (u *hostUDP) send(h *header, text []byte) {
	_, err := u.write(h.addr, text)
	if err != nil {
		u.h.pace.Failed()
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		// That was said of a former datagram, and kept this one back.
		u.trouble(err)
		_, err = u.write(h.addr, text)
	}
	if h.seq != 0 {
		u.h.send(&sent{u.id, uint64(h.seq), reasonOf(err)}, nil)
	} else if err != nil {
		u.trouble(err)
	}
}

func (u *hostUDP) write(to netip.AddrPort, text []byte) (int, error) {
	if to == (netip.AddrPort{}) {
		return u.c.Write(text)
	}
	return u.c.WriteToUDPAddrPort(text, to)
}

// trouble tells the plugin of an error that isn't of the datagram that it is sending. false: the socket is done for.
func (u *hostUDP) trouble(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	if u.told.CompareAndSwap(false, true) {
		u.h.out.send(&died{u.id, reason(err)}, nil, &u.told)
	}
	return errors.As(err, new(syscall.Errno))
}

// reasonOf is reason of an error that may be nil.
func reasonOf(err error) error {
	if err == nil {
		return nil
	}
	return reason(err)
}

// close ends the socket. The goroutines end with it.
func (u *hostUDP) close() (err error) {
	u.once.Do(func() {
		err = u.c.Close()
		u.p.Close()
		u.h.remove(u.id)
	})
	return err
}

func (u *hostUDP) abandon() { u.close() }

// call is a method of the plugin's socket.
func (u *hostUDP) call(m *call) ([]byte, error) {
	switch m.op {
	case opClose:
		return nil, u.close()
	case opReadBuffer:
		return nil, u.c.SetReadBuffer(bufferSize(m.arg))
	case opWriteBuffer:
		return nil, u.c.SetWriteBuffer(bufferSize(m.arg))
	case opSockopt:
		return getsockopt(u.c, m)
	}
	return nil, syscall.EINVAL
}
