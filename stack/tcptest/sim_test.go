package tcptest

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

const ms = time.Millisecond

func wantStates(t *testing.T, p *Pair, a, b tcp.State) {
	t.Helper()
	if p.A.State() != a || p.B.State() != b {
		t.Fatalf("at %v: states %v and %v, want %v and %v", time.Duration(p.Now), p.A.State(), p.B.State(), a, b)
	}
}

func TestPairHandshake(t *testing.T) {
	p := NewPair(10 * ms)
	events := 0
	p.After = func(*End) { events++ }
	p.B.Listening = true
	p.A.Connect()
	p.Run(tcp.Time(10 * ms))
	wantStates(t, p, tcp.SynSent, tcp.SynReceived)
	p.Run(tcp.Time(20 * ms))
	wantStates(t, p, tcp.Established, tcp.SynReceived)
	p.Run(tcp.Time(30 * ms))
	wantStates(t, p, tcp.Established, tcp.Established)
	if events != 4 { // connect, SYN, SYN-ACK, ACK
		t.Errorf("%d events, want 4", events)
	}
}

func TestPairSimultaneousOpen(t *testing.T) {
	p := NewPair(10 * ms)
	p.A.Connect()
	p.B.Connect()
	p.Run(tcp.Time(50 * ms))
	wantStates(t, p, tcp.Established, tcp.Established)
}

func TestPairRefused(t *testing.T) {
	p := NewPair(10 * ms)
	p.A.Connect() // nobody listens at B
	p.Run(tcp.Time(50 * ms))
	wantStates(t, p, tcp.Closed, tcp.Closed)
	if err := p.A.TCB.Err(); err != syscall.ECONNREFUSED {
		t.Errorf("error %v, want ECONNREFUSED", err)
	}
}

// TestPairSYNLost: a SYN and then a SYN-ACK are lost, and both are sent again after a second.
func TestPairSYNLost(t *testing.T) {
	p := NewPair(10 * ms)
	p.Fate = func(from *End, n int, _ *wire.Segment) []time.Duration {
		if n == 0 {
			return nil
		}
		return []time.Duration{10 * ms}
	}
	p.Open()
	wantStates(t, p, tcp.Established, tcp.Established)
	if at := time.Duration(p.Now); at < 2*time.Second || at > 2100*ms {
		t.Errorf("established after %v, want two retransmission timers of a second", at)
	}
}

func TestPairClose(t *testing.T) {
	p := NewPair(10 * ms)
	p.Open()
	p.A.TCB.Close(p.Now)
	p.Run(p.Now.Add(100 * ms))
	wantStates(t, p, tcp.FinWait2, tcp.CloseWait)
	p.B.TCB.Close(p.Now)
	p.Run(p.Now.Add(100 * ms))
	wantStates(t, p, tcp.TimeWaitState, tcp.Closed)
	p.Run(p.Now.Add(time.Minute))
	wantStates(t, p, tcp.Closed, tcp.Closed)
	if p.Step() {
		t.Error("something is due though both ends are closed")
	}
}

// TestPairReopen: a new connection between the same two ports ends the TIME-WAIT of the old one.
func TestPairReopen(t *testing.T) {
	p := NewPair(10 * ms)
	p.Open()
	p.B.TCB.Close(p.Now)
	p.Run(p.Now.Add(100 * ms))
	p.A.TCB.Close(p.Now)
	p.Run(p.Now.Add(time.Second))
	wantStates(t, p, tcp.Closed, tcp.TimeWaitState)
	p.B.Listening = true
	p.A.TCB = tcp.TCB{}
	p.A.Params.ISS = p.A.Params.ISS.Add(100000)
	p.A.Connect()
	p.Run(p.Now.Add(100 * ms))
	wantStates(t, p, tcp.Established, tcp.Established)
}

// transfer sends data from A to B, closes, and returns what B has read.
func transfer(t *testing.T, p *Pair, data []byte) []byte {
	t.Helper()
	var got []byte
	buf := make([]byte, 1<<16)
	left, eof := data, false
	p.RunUntil(func() bool {
		if n, err := p.A.TCB.Write(p.Now, left); err == nil && len(left) > 0 {
			if left = left[n:]; len(left) == 0 {
				p.A.TCB.Close(p.Now)
			}
		}
		for {
			n, err := p.B.TCB.Read(p.Now, buf)
			if eof = eof || err == tcp.ErrEOF; err != nil {
				return eof
			}
			got = append(got, buf[:n]...)
		}
	})
	if !eof {
		t.Fatalf("at %v nothing is due any more, with %d of %d octets read", time.Duration(p.Now), len(got), len(data))
	}
	return got
}

// TestPairTransfer: whatever the wire does, what is read is what was written.
func TestPairTransfer(t *testing.T) {
	data := make([]byte, 300_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	for _, loss := range []float64{0, 0.01, 0.1} {
		for seed := range uint64(4) {
			p := NewPair(10 * ms)
			if seed%2 == 1 {
				p.A.Params.MaxSegment = 64000 // super-segments
			}
			rng := rand.New(rand.NewPCG(seed, 7))
			p.Fate = func(*End, int, *wire.Segment) (delays []time.Duration) {
				for rng.Float64() >= loss {
					delays = append(delays, 10*ms+time.Duration(rng.Float64()*loss*float64(100*ms)))
					if rng.Float64() >= loss {
						return delays // and otherwise once more: a duplicate
					}
				}
				return delays
			}
			p.Open()
			if got := transfer(t, p, data); !bytes.Equal(got, data) {
				t.Errorf("loss %v, seed %d: %d octets read that are not those written", loss, seed, len(got))
			}
		}
	}
}

// TestPairKeepAlive: two hours of silence, and then nine probes that nobody answers.
func TestPairKeepAlive(t *testing.T) {
	p := NewPair(10 * ms)
	p.Open()
	p.A.TCB.SetOptions(p.Now, tcp.UserOptions{KeepAlive: true})
	gone := p.Now
	p.Fate = func(*End, int, *wire.Segment) []time.Duration { return nil }
	p.RunUntil(func() bool { return p.A.State() == tcp.Closed })
	if took := p.Now.Sub(gone); took < 2*time.Hour+9*75*time.Second-ms || took > 2*time.Hour+9*75*time.Second+time.Second {
		t.Errorf("died after %v, want 2 h and 9 times 75 s", took)
	}
	if err := p.A.TCB.Err(); err != syscall.ETIMEDOUT {
		t.Errorf("error %v, want ETIMEDOUT", err)
	}
}
