package stack

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// answering is a device behind which somebody answers each packet, after a while, in a goroutine of its own.
type answering struct {
	fakeDevice
	after  time.Duration
	answer func(sent wire.IPv4) []byte // nil: nothing
}

func (d *answering) Write(f *link.Frame) error {
	if err := d.fakeDevice.Write(f); err != nil {
		return err
	}
	sent := d.take()
	if p := d.answer(sent[0].packet); p != nil {
		time.AfterFunc(d.after, func() { d.inject(p) })
	}
	return nil
}

// echoed is the answer of a host that was pinged.
func echoed(sent wire.IPv4) []byte {
	m, _ := wire.ParseICMP(sent.Payload())
	b := make([]byte, len(m))
	wire.PutEchoReply(b, m)
	return packet(wire.IPv4Header{TTL: 61, Protocol: wire.ProtoICMP, Src: sent.Dst(), Dst: sent.Src()}, b)
}

func TestPing(t *testing.T) {
	const rtt = 20 * time.Millisecond
	ipTooLong := PingOptions{Size: 1473, DontFragment: true}
	silent := func(wire.IPv4) []byte { return nil }
	refuse := func(code uint8) func(wire.IPv4) []byte {
		return func(sent wire.IPv4) []byte { return icmpErrorPacket(farIP, wire.Unreachable(code), sent) }
	}
	for name, c := range map[string]struct {
		dst    string
		answer func(wire.IPv4) []byte
		opts   PingOptions
		want   PingReply
		err    error
	}{
		"answered":         {"10.0.0.1", echoed, PingOptions{Size: 56}, PingReply{theirIP, rtt, 61, 56}, nil},
		"ourselves":        {"10.0.0.2", nil, PingOptions{Size: 1}, PingReply{ourIP, 0, 64, 1}, nil},
		"loopback":         {"127.0.0.1", nil, PingOptions{Size: maxPing, TTL: 1}, PingReply{loopbackAddr, 0, 64, 65507}, nil},
		"this host":        {"0.0.0.0", nil, PingOptions{}, PingReply{loopbackAddr, 0, 64, 0}, nil},
		"net unreachable":  {"10.0.0.1", refuse(0), PingOptions{}, PingReply{farIP, rtt, 64, 0}, syscall.ENETUNREACH},
		"host unreachable": {"10.0.0.1", refuse(1), PingOptions{}, PingReply{farIP, rtt, 64, 0}, syscall.EHOSTUNREACH},
		"too big": {"10.0.0.1", func(sent wire.IPv4) []byte {
			return icmpErrorPacket(farIP, wire.FragmentationNeeded(1000), sent)
		}, PingOptions{Size: 1200}, PingReply{farIP, rtt, 64, 0}, syscall.EMSGSIZE},
		"silence": {"10.0.0.1", silent, PingOptions{}, PingReply{}, context.DeadlineExceeded},
		"another host answers": {"10.0.0.1", func(sent wire.IPv4) []byte {
			p := echoed(sent)
			p[15]++
			return resum(p)
		}, PingOptions{}, PingReply{}, context.DeadlineExceeded},
		"an answer to another": {"10.0.0.1", func(sent wire.IPv4) []byte {
			b := make([]byte, wire.ICMPHeaderLen)
			m, _ := wire.ParseICMP(sent.Payload())
			wire.PutEcho(b, wire.ICMPEchoReply, m.EchoID()+1, m.EchoSeq(), nil)
			return packet(wire.IPv4Header{Protocol: wire.ProtoICMP, Src: theirIP, Dst: ourIP}, b)
		}, PingOptions{}, PingReply{}, context.DeadlineExceeded},
		"no route":            {"240.0.0.1", nil, PingOptions{}, PingReply{}, syscall.ENETUNREACH},
		"a broadcast":         {"10.0.0.255", nil, PingOptions{}, PingReply{}, syscall.EACCES},
		"IPv6":                {"2001:db8::1", nil, PingOptions{}, PingReply{}, syscall.EAFNOSUPPORT},
		"larger than IP":      {"10.0.0.1", nil, PingOptions{Size: 65508}, PingReply{}, syscall.EMSGSIZE},
		"larger than the MTU": {"10.0.0.1", nil, ipTooLong, PingReply{}, syscall.EMSGSIZE},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Config{})
				defer s.Close()
				dev := &answering{fakeDevice{mtu: 1500}, rtt, c.answer}
				ifc, err := s.AddDevice(dev, netip.PrefixFrom(ourIP, 24))
				if err != nil {
					t.Fatal(err)
				}
				s.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), ifc)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				got, err := s.Ping(ctx, addr(c.dst), c.opts)
				if !errors.Is(err, c.err) || got != c.want {
					t.Errorf("%+v, %v; want %+v, %v", got, err, c.want, c.err)
				}
				if len(s.icmp.pings) != 0 {
					t.Error("the request still waits")
				}
				if c.err == syscall.EMSGSIZE && c.answer != nil {
					if p, _ := s.route(netip.Addr{}, theirIP); p.mtu != 1000 {
						t.Errorf("the path's MTU is %d: nothing was learned", p.mtu)
					}
				}
			})
		})
	}
}

// Close wakes who waits for an answer.
func TestPingClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		ifc, _ := s.AddDevice(&fakeDevice{mtu: 1500}, netip.PrefixFrom(ourIP, 24))
		s.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), ifc)
		time.AfterFunc(time.Minute, func() { s.Close() })
		if _, err := s.Ping(t.Context(), theirIP, PingOptions{}); err != ErrClosed {
			t.Errorf("%v", err)
		}
		if _, err := s.Ping(t.Context(), theirIP, PingOptions{}); err != ErrClosed {
			t.Errorf("after close: %v", err)
		}
	})
}
