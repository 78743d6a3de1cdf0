package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// foreignAddr is some host's address, for which stack b of the tests stands in.
var foreignAddr = netip.MustParseAddr("198.51.100.7")

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// forwardFuncs are a Forwarder made of functions; nil ones decide nothing.
type forwardFuncs struct {
	tcp func(f *ForwardTCP)
	udp func(f *ForwardUDP)
}

func (f forwardFuncs) ForwardTCP(t *ForwardTCP) {
	if f.tcp != nil {
		f.tcp(t)
	}
}

func (f forwardFuncs) ForwardUDP(u *ForwardUDP) {
	if f.udp != nil {
		f.udp(u)
	}
}

// inForeign runs f in a bubble on two stacks: a, which has all the world behind its cable, and b, which is that world.
func inForeign(t *testing.T, change func(*Config), fwd Forwarder, f func(t *testing.T, p *pair)) {
	t.Helper()
	inBubble(t, change, func(t *testing.T, p *pair) {
		must(t, p.a.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), p.a.net.Load().ifaces[1]))
		must(t, p.b.AnyIP(p.b.net.Load().ifaces[1], fwd))
		f(t, p)
	})
}

// waiting is how many flows wait for the forwarder of s, and how many octets of datagrams with them.
func waiting(s *Stack) (flows, octets int) {
	s.forward.mu.Lock()
	defer s.forward.mu.Unlock()
	return len(s.forward.tcp) + len(s.forward.udp), s.forward.bytes
}

func (p *pair) socket(s *Stack, typ int) Socket {
	p.t.Helper()
	c, err := s.Socket(typ)
	must(p.t, err)
	return c
}

// echoBack sends back what comes until the end.
func echoBack(c Socket) {
	io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
	c.Close()
}

func TestForwardTCPAccept(t *testing.T) {
	got := make(chan *ForwardTCP, 1)
	ends := make(chan Socket, 1)
	accept := forwardFuncs{tcp: func(f *ForwardTCP) {
		got <- f
		c, err := f.Accept(context.Background())
		if err != nil {
			t.Errorf("Accept: %v", err)
			return
		}
		ends <- c
		echoBack(c)
	}}
	inForeign(t, nil, accept, func(t *testing.T, p *pair) {
		c := p.stream(p.a)
		must(t, c.Connect(t.Context(), at(foreignAddr, 80)))
		f, d := <-got, <-ends
		if f.Local != at(foreignAddr, 80) || f.Remote != c.LocalAddr() {
			t.Errorf("asked about %v from %v, want what was dialled and who dials", f.Local, f.Remote)
		}
		if d.LocalAddr() != f.Local || d.RemoteAddr() != f.Remote {
			t.Errorf("the connection is %v from %v, want the same", d.LocalAddr(), d.RemoteAddr())
		}
		// The handshake is the ordinary one: the SYN's options were heard.
		if in := d.Info(); in.Options != c.Info().Options || in.Options == 0 {
			t.Errorf("options %b at one end, %b at the other; want all of them at both", in.Options, c.Info().Options)
		}
		go c.Write(tcpPattern(300_000))
		back := make([]byte, 300_000)
		_, err := io.ReadFull(c, back)
		must(t, err)
		if string(back) != string(tcpPattern(300_000)) {
			t.Error("what came back isn't what was sent")
		}
		must(t, c.Shutdown(syscall.SHUT_WR))
		if b := readAll(t, c); len(b) != 0 {
			t.Errorf("%d octets too many", len(b))
		}
		c.Close()
		if n := p.b.Counters(); n[TCPForwarded] != 1 || n[TCPPassiveOpen] != 1 || n[DropNotOurs] != 0 {
			t.Errorf("counters: %v", n)
		}
	})
}

// A peer's connect fails as that of the destination would have. EACCES is EHOSTUNREACH there, as on Linux behind a
// router that prohibits it.
func TestForwardTCPReject(t *testing.T) {
	for _, c := range []struct {
		err, want error
		at        time.Duration // when the peer knows
	}{
		{syscall.ECONNREFUSED, syscall.ECONNREFUSED, 0},
		{errors.New("whatever"), syscall.ECONNREFUSED, 0},
		{nil, syscall.ECONNREFUSED, 0},
		{syscall.EACCES, syscall.EHOSTUNREACH, 0},
		{fmt.Errorf("by a rule: %w", syscall.EPERM), syscall.EHOSTUNREACH, 0},
		{os.NewSyscallError("connect", syscall.ENETUNREACH), syscall.ENETUNREACH, 0},
		{syscall.EHOSTUNREACH, syscall.EHOSTUNREACH, 0},
		{syscall.ETIMEDOUT, syscall.ETIMEDOUT, 127 * time.Second}, // nothing comes, as of 6 repeated SYNs
		{os.ErrDeadlineExceeded, syscall.ETIMEDOUT, 127 * time.Second},
		{context.DeadlineExceeded, syscall.ETIMEDOUT, 127 * time.Second},
	} {
		reject := forwardFuncs{tcp: func(f *ForwardTCP) {
			f.Reject(c.err)
			f.Reject(syscall.ECONNREFUSED) // decided already: nothing happens
			if _, err := f.Accept(context.Background()); err != syscall.EINVAL {
				t.Errorf("Accept after Reject: %v, want EINVAL", err)
			}
		}}
		inForeign(t, nil, reject, func(t *testing.T, p *pair) {
			began := time.Now()
			wantErr(t, fmt.Sprintf("connect, rejected with %v", c.err),
				p.stream(p.a).Connect(t.Context(), at(foreignAddr, 80)), c.want)
			if d := time.Since(began).Truncate(time.Second); d != c.at {
				t.Errorf("rejected with %v: known after %v, want %v", c.err, d, c.at)
			}
			want := uint64(1)
			if c.at > 0 {
				want = 7 // each SYN is asked about again
			}
			if n := p.b.Counters(); n[ForwardRejected] != want || n[TCPForwarded] != want {
				t.Errorf("rejected with %v: counters %v, want %d rejections", c.err, n, want)
			}
		})
	}
}

// While the forwarder thinks, the peer hears nothing, and its repeated SYNs are no further questions.
func TestForwardTCPTakesItsTime(t *testing.T) {
	var asked atomic.Int32
	slow := forwardFuncs{tcp: func(f *ForwardTCP) {
		asked.Add(1)
		time.Sleep(10 * time.Second)
		if c, err := f.Accept(context.Background()); err != nil {
			t.Error(err)
		} else {
			c.Close()
		}
	}}
	inForeign(t, nil, slow, func(t *testing.T, p *pair) {
		began := time.Now()
		answers := 0
		p.c.dropping(func(from int, seg *wire.Segment) bool {
			if from == 1 && time.Since(began) < 10*time.Second {
				answers++
			}
			return false
		})
		c := p.stream(p.a)
		must(t, c.Connect(t.Context(), at(foreignAddr, 80)))
		if d := time.Since(began); d != 10*time.Second || asked.Load() != 1 || answers != 0 {
			t.Errorf("connected after %v, %d questions, %d early answers; want 10 s, one, none", d, asked.Load(), answers)
		}
		// The latest SYN's timestamp was echoed: else the round trip would seem to have taken ten seconds.
		if rtt := c.Info().RTT; rtt > 4e6 {
			t.Errorf("the peer has measured %d us, more than since its last SYN", rtt)
		}
	})
}

// A peer that gives up and dials anew from the same port is answered for its new attempt.
func TestForwardTCPNewAttempt(t *testing.T) {
	slow := forwardFuncs{tcp: func(f *ForwardTCP) {
		time.Sleep(5 * time.Second)
		if c, err := f.Accept(context.Background()); err != nil {
			t.Error(err)
		} else {
			echoBack(c)
		}
	}}
	inForeign(t, nil, slow, func(t *testing.T, p *pair) {
		first := p.stream(p.a)
		must(t, first.Bind(at(leftAddr, 4000)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantErr(t, "the first attempt", first.Connect(ctx, at(foreignAddr, 80)), context.DeadlineExceeded)
		first.Close()
		second := p.stream(p.a)
		must(t, second.Bind(at(leftAddr, 4000)))
		must(t, second.Connect(t.Context(), at(foreignAddr, 80)))
		second.Close()
		if n := p.b.Counters(); n[TCPForwarded] != 1 || n[TCPResetOut] != 0 {
			t.Errorf("counters %v, want one question and no RST", n)
		}
	})
}

// Listeners come first, also those at 0.0.0.0, and a forwarder is asked about foreign addresses only.
func TestForwardWhereNothingListens(t *testing.T) {
	never := forwardFuncs{tcp: func(f *ForwardTCP) { t.Errorf("asked about %v", f.Local) }}
	inForeign(t, nil, never, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		c := p.stream(p.a)
		must(t, c.Connect(t.Context(), at(foreignAddr, 80)))
		d, err := l.Accept()
		must(t, err)
		if d.LocalAddr() != at(foreignAddr, 80) {
			t.Errorf("accepted at %v, want what was dialled", d.LocalAddr())
		}
		wantErr(t, "a port of the stack's own address", p.stream(p.a).Connect(t.Context(), at(rightAddr, 81)),
			syscall.ECONNREFUSED)
		must(t, p.b.AnyIP(p.b.net.Load().ifaces[1], nil))
		wantErr(t, "without a forwarder", p.stream(p.a).Connect(t.Context(), at(foreignAddr, 81)),
			syscall.ECONNREFUSED)
	})
}

// resetForward has a send the RST that ends the connection that c opens, and that a forwarder of b has accepted.
func (p *pair) resetForward(c Socket) {
	k := keyOf(c.LocalAddr(), c.RemoteAddr())
	p.b.forward.mu.Lock()
	next := p.b.forward.tcp[k.reversed()].syn.Seq.Add(1)
	p.b.forward.mu.Unlock()
	p.a.reply(k, &wire.Segment{Seq: next, Flags: wire.RST}, ipOptions{})
}

// However the opening ends, Accept says how, and nothing is left.
func TestForwardTCPEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(p *pair, c Socket)
		want error
	}{
		{"the stack closes", func(p *pair, _ Socket) { p.b.Close() }, ErrClosed},
		{"the peer vanishes", func(p *pair, _ Socket) { p.c.cut.Store(true) }, syscall.ETIMEDOUT},
		{"the peer gives up", func(p *pair, c Socket) { p.resetForward(c) }, syscall.ECONNRESET},
		{"ctx ends", func(*pair, Socket) {}, context.DeadlineExceeded},
	} {
		var got chan error
		accept := forwardFuncs{tcp: func(f *ForwardTCP) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			if c.want == context.DeadlineExceeded {
				ctx, cancel = context.WithTimeout(ctx, 3*time.Second)
				defer cancel()
			}
			_, err := f.Accept(ctx)
			got <- err
		}}
		inForeign(t, nil, accept, func(t *testing.T, p *pair) {
			got = make(chan error, 1) // in the bubble: else its clock would stand still
			resets := 0
			p.c.dropping(func(from int, seg *wire.Segment) bool {
				if from == 1 && seg.Flags.Has(wire.RST) {
					resets++
				}
				return from == 1 && !seg.Flags.Has(wire.RST) // the SYN-ACK is lost
			})
			s := p.stream(p.a)
			if err := s.StartConnect(at(foreignAddr, 80)); err != syscall.EINPROGRESS {
				t.Fatal(err)
			}
			synctest.Wait()
			c.do(p, s)
			wantErr(t, c.name, <-got, c.want)
			if n, _ := waiting(p.b); n != 0 && c.want != ErrClosed || p.b.tcp.halfOpen.len() != 0 {
				t.Errorf("%s: %d flows wait, %d are half-open; want none", c.name, n, p.b.tcp.halfOpen.len())
			}
			if want := c.want == context.DeadlineExceeded; want != (resets == 1) {
				t.Errorf("%s: %d RSTs were sent", c.name, resets)
			}
		})
	}
}

// Nothing decided is nothing said: the peer's next SYN is asked about again.
func TestForwardTCPUndecided(t *testing.T) {
	inForeign(t, nil, forwardFuncs{}, func(t *testing.T, p *pair) {
		c := p.stream(p.a)
		must(t, c.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_SYNCNT, 2))
		wantErr(t, "connect", c.Connect(t.Context(), at(foreignAddr, 80)), syscall.ETIMEDOUT)
		synctest.Wait()
		if n, _ := waiting(p.b); p.b.Counters()[TCPForwarded] != 3 || n != 0 {
			t.Errorf("%d questions, %d flows wait; want 3 and none", p.b.Counters()[TCPForwarded], n)
		}
	})
}
