package link_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/wire"
)

func TestSwitchPortsComeAndGo(t *testing.T) {
	w := link.NewSwitch()
	a, b := port(t, w, 0, host1), port(t, w, 0, host2)
	f := frameOf(flow.UDP([]byte("anybody?")))
	write(t, a, f) // not attached yet: lost
	atB := attach(t, b)
	if err := b.Attach(func(*link.Frame) {}); !errors.Is(err, link.ErrAttached) {
		t.Errorf("a second Attach: %v, want ErrAttached", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	write(t, a, f)
	counted(t, "the closed port", b.Stats(), link.PortStats{Dropped: 1})
	counted(t, "the sender's", a.Stats(), link.PortStats{Sent: 2, NoPort: 1})
	if err := b.Write(f); !errors.Is(err, link.ErrClosed) {
		t.Errorf("Write on a closed port: %v, want ErrClosed", err)
	}
	again := attach(t, port(t, w, 0, host2)) // the address is free again
	write(t, a, f)
	if atB.len() != 0 || again.len() != 1 {
		t.Errorf("%d frames at the old port, %d at the new one; want 0 and 1", atB.len(), again.len())
	}
	near, far := link.Pipe(0)
	if err := w.Uplink(near); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"Write": a.Write(f), "Attach": a.Attach(func(*link.Frame) {}), "the uplink's Write": near.Write(f),
		"Uplink": w.Uplink(far), "Port": func() error { _, err := w.Port("late", 0, host3); return err }(),
	} {
		if !errors.Is(err, link.ErrClosed) {
			t.Errorf("%s after the switch was closed: %v, want ErrClosed", name, err)
		}
	}
	if err := errors.Join(a.Close(), b.Close(), w.Close()); err != nil {
		t.Errorf("closed once more: %v", err)
	}
}

// Close of a port waits for the delivery that is under way: afterwards its host is called no more.
func TestSwitchPortCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := link.NewSwitch()
		a, b := port(t, w, 0, host1), port(t, w, 0, host2)
		leave, closed := make(chan struct{}), false
		if err := b.Attach(func(*link.Frame) { <-leave }); err != nil {
			t.Fatal(err)
		}
		go a.Write(frameOf(flow.UDP(nil)))
		synctest.Wait()
		go func() { b.Close(); closed = true }()
		synctest.Wait()
		if closed {
			t.Error("Close has returned during a delivery")
		}
		close(leave)
		synctest.Wait()
		if !closed {
			t.Error("Close waits for what is over")
		}
	})
}

// Two hosts that answer every packet must not nest their calls, and a third one's port isn't kept by them.
func TestSwitchAnswersDontNest(t *testing.T) {
	w := link.NewSwitch()
	a, b := port(t, w, 0, host1), port(t, w, 0, host2)
	depth, deepest, left := 0, 0, 2000
	done := make(chan struct{})
	answer := func(p *link.Port, f craft.Flow) func(*link.Frame) {
		return func(*link.Frame) {
			depth++
			deepest = max(deepest, depth)
			if left--; left > 0 {
				p.Write(frameOf(f.UDP(nil)))
			} else if left == 0 {
				close(done)
			}
			depth--
		}
	}
	if err := errors.Join(a.Attach(answer(a, flow)), b.Attach(answer(b, flow.Back()))); err != nil {
		t.Fatal(err)
	}
	write(t, a, frameOf(flow.UDP(nil)))
	<-done // the last ones are delivered by a goroutine
	w.Close()
	if deepest > 2 {
		t.Errorf("calls were %d deep, want one per port at most", deepest)
	}
}

// A port whose host takes no frames holds so much, and no more.
func TestSwitchQueueIsBounded(t *testing.T) {
	w := link.NewSwitch()
	a, b := port(t, w, 0, host1), port(t, w, 0, host2)
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var got atomic.Int64
	if err := b.Attach(func(*link.Frame) {
		got.Add(1)
		once.Do(func() { close(entered); <-leave })
	}); err != nil {
		t.Fatal(err)
	}
	f := frameOf(flow.UDP(craft.Data(1472)))
	var wg sync.WaitGroup
	wg.Go(func() { a.Write(f) })
	<-entered
	sent := int64(1)
	for a.Write(f) == nil {
		if sent++; sent > 1_000_000 {
			t.Fatal("a million packets wait, and no end")
		}
	}
	if err := a.Write(f); !errors.Is(err, link.ErrDropped) {
		t.Errorf("a full port: %v, want ErrDropped", err)
	}
	close(leave)
	wg.Wait()
	w.Close() // which waits for the goroutine that delivers what is left, or has it stop
	if n := got.Load(); n > sent || n < 2 {
		t.Errorf("%d packets arrived of %d that were taken", n, sent)
	}
	if s := b.Stats(); s.Dropped != 2 {
		t.Errorf("%d packets counted as dropped, want 2", s.Dropped)
	}
}

// A long frame from the uplink that has to wait keeps its buffer instead of being copied (law 5).
func TestSwitchKeepsTheUplinksBuffer(t *testing.T) {
	w := link.NewSwitch()
	b := port(t, w, 0, host2)
	near, far := link.Pipe(0)
	if err := w.Uplink(near); err != nil {
		t.Fatal(err)
	}
	super := func(i byte) *link.Frame {
		data := craft.Data(60000)
		data[0] = i
		return between(outside, host2).SuperTCP(wire.Segment{Payload: craft.Payload(data)}, 1448)
	}
	var got []byte
	if err := b.Attach(func(f *link.Frame) {
		if len(f.Buf) != link.BufSize || &f.Buf[cap(f.Buf)-cap(f.Head)] != &f.Head[0] {
			t.Error("the frame's buffer cannot be adopted")
		}
		got = append(got, f.Head[40])
		if len(got) == 1 {
			far.Write(super(2)) // while the first is being delivered: these wait
			far.Write(super(3))
		}
	}); err != nil {
		t.Fatal(err)
	}
	write(t, far, super(1))
	if !bytes.Equal(got, []byte{1, 2, 3}) {
		t.Errorf("frames arrived in the order %v", got)
	}
}

// hosts are stacks on a switch, one at each address.
func hosts(t *testing.T, w *link.Switch, addrs ...netip.Addr) (l []*stack.Stack) {
	t.Helper()
	for _, a := range addrs {
		s := stack.New(stack.Config{})
		l = append(l, s)
		join(t, s, port(t, w, 1500, a), a)
	}
	return l
}

// join attaches a stack to a device, with a default route.
func join(t *testing.T, s *stack.Stack, d link.Device, a netip.Addr) {
	t.Helper()
	ifc, err := s.AddDevice(d, netip.PrefixFrom(a, 24))
	if err == nil {
		err = s.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), ifc)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// serve has a stack send back what it receives on port 7.
func serve(t *testing.T, s *stack.Stack) {
	t.Helper()
	l, _ := s.Socket(syscall.SOCK_STREAM)
	if err := errors.Join(l.Bind(netip.AddrPortFrom(netip.IPv4Unspecified(), 7)), l.Listen(8)); err != nil {
		t.Fatal(err)
	}
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go func() {
				io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
				c.Close()
			}()
		}
	}()
}

// echoed sends n octets to port 7 and reads them again.
func echoed(t *testing.T, s *stack.Stack, to netip.Addr, n int) error {
	c, err := s.Socket(syscall.SOCK_STREAM)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Connect(t.Context(), netip.AddrPortFrom(to, 7)); err != nil {
		return err
	}
	data := craft.Data(n)
	go c.Write(data)
	got := make([]byte, n)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return errors.New("what came back isn't what was sent")
	}
	return nil
}

// Three stacks on the ports and one beyond the uplink, which is a plain link: everybody reaches everybody.
func TestSwitchJoinsStacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := link.NewSwitch()
		near, far := link.Pipe(1500, link.WithOffload(link.Offload{Csum: true}))
		if err := w.Uplink(near); err != nil {
			t.Fatal(err)
		}
		all := hosts(t, w, host1, host2, host3)
		away := stack.New(stack.Config{})
		join(t, away, far, outside)
		all = append(all, away)
		addrs := []netip.Addr{host1, host2, host3, outside}
		var wg sync.WaitGroup
		for _, s := range all {
			serve(t, s)
		}
		for i, s := range all {
			for j, a := range addrs {
				if i != j {
					wg.Go(func() {
						if err := echoed(t, s, a, 300_000); err != nil {
							t.Errorf("%v to %v: %v", addrs[i], a, err)
						}
					})
				}
			}
		}
		wg.Wait()
		for _, s := range all {
			s.Close()
		}
		w.Close()
	})
}

// A port closes in the middle of traffic: its peers' connections time out or are reset, nothing hangs, nobody else
// notices.
func TestSwitchClosesUnderTraffic(t *testing.T) {
	w := link.NewSwitch()
	all := hosts(t, w, host1, host2, host3)
	serve(t, all[0])
	serve(t, all[2])
	var wg sync.WaitGroup
	first := make(chan struct{}, 1)
	wg.Go(func() {
		for echoed(t, all[1], host1, 100_000) == nil {
			select {
			case first <- struct{}{}:
			default:
			}
		}
	})
	wg.Go(func() {
		for range 20 {
			if err := echoed(t, all[0], host3, 100_000); err != nil {
				t.Errorf("a connection between others: %v", err)
			}
		}
	})
	<-first
	all[1].Close() // closes its port, while frames go both ways
	wg.Wait()
	all[0].Close()
	all[2].Close()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
