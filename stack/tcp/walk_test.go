package tcp

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// The walk of all states and events: 3.10 of RFC 9293, with RFC 5961, 7323 and 1122 where they change it, and Linux
// where a comment says so. A row is one event in one state.
//
// In every synchronized state RCV.NXT is 101 (102 after the peer's FIN), the window has 2000 octets and SND.UNA
// is 101. 100 octets (or the FIN) are in flight, so SND.NXT is 201 (102), but in FIN-WAIT-2, where it is 102.
type row struct {
	event string // a segment, or a call of the user, a timer, an ICMP message: see (*dut).event
	next  State
	reply string // what is sent, separated by "; ". "?sack ..." is there where the connection has SACK
	and   string // what else holds: see (*dut).holds
	why   string // whose rule it is; a bare section is RFC 9293's
}

// variants are the connections that each row is tried on.
var variants = []struct {
	name string
	s    setup
}{
	{"bare", setup{}},
	{"ts", setup{ts: true}},
	{"sack", setup{sack: true}},
	{"ts+sack+ws", setup{ts: true, sack: true, ws: 2, win: 15000}},
	{"passive+ts+sack", setup{ts: true, sack: true, passive: true}},
}

// walk tries each row on each variant, each time on a new connection that build brings to the state.
func walk(t *testing.T, from State, build func(*dut), rows []row) {
	t.Helper()
	for _, v := range variants {
		for _, r := range rows {
			if strings.Contains(r.event, " ts ") && !v.s.ts {
				continue // PAWS needs timestamps
			}
			t.Run(v.name+"/"+r.event, func(t *testing.T) {
				s := v.s
				s.rcv = 2000
				s.tune = func(c *Config) { c.RcvBufMax = 1 << 16 << v.s.ws >> 1 }
				d := newDUT(t, s)
				build(d)
				d.state(from)
				d.skip()
				d.tcb.Events()
				defer func() {
					if t.Failed() {
						t.Logf("%v, %s: %s", from, r.event, r.why)
					}
				}()
				d.event(r.event)
				d.state(r.next)
				d.replies(r.reply)
				d.holds(r.and)
			})
		}
	}
}

// replies asserts what was sent; SACK blocks are never there unless the row says so.
func (d *dut) replies(reply string) {
	d.t.Helper()
	var want []string
	for _, w := range strings.Split(reply, "; ") {
		plain, blocks, ok := strings.Cut(w, " ?sack")
		switch {
		case w == "":
			continue
		case ok && d.s.sack:
			plain += " sack" + blocks
		default:
			plain += " nosack"
		}
		want = append(want, plain)
	}
	d.out(want...)
}

// event does what the text says: a segment arrives, the user calls, time passes, the network complains.
func (d *dut) event(text string) {
	d.t.Helper()
	if c := text[0]; c >= 'A' && c <= 'Z' || c == '-' {
		d.in(text)
		return
	}
	var n int
	var err, want error
	verb, arg, _ := strings.Cut(text, " ")
	arg, wish, _ := strings.Cut(arg, "= ")
	arg = strings.TrimSpace(arg)
	switch verb {
	case "write":
		n, err = d.tcb.Write(d.now, patternBytes(d.written, number(arg)))
		d.written += n
	case "read":
		_, err = d.tcb.Read(d.now, make([]byte, 1000))
	case "closewrite":
		err = d.tcb.CloseWrite(d.now)
	case "closeread":
		err = d.tcb.CloseRead(d.now)
	case "close":
		d.tcb.Close(d.now)
	case "abort":
		d.tcb.Abort(d.now, 0)
	case "nodelay":
		d.tcb.SetOptions(d.now, UserOptions{NoDelay: true})
	case "tick":
		d.elapse(d.due())
	case "early":
		d.tcb.Tick(d.now) // harmless
	case "soft":
		d.tcb.Unreachable(d.now, testISS.Add(number(arg)), syscall.EHOSTUNREACH, false)
	case "hard":
		d.tcb.Unreachable(d.now, testISS.Add(number(arg)), syscall.ECONNREFUSED, true)
	case "toobig":
		d.tcb.PacketTooBig(d.now, testISS.Add(number(arg)), 540)
	default:
		d.t.Fatal("no such event: " + text)
	}
	if wish != "" {
		want = errorNames[wish]
	}
	if !errors.Is(err, want) {
		d.t.Errorf("%s: error %v, want %v", text, err, want)
	}
	d.drain()
}

var errorNames = map[string]error{
	"EOF": ErrEOF, "EAGAIN": syscall.EAGAIN, "EPIPE": syscall.EPIPE, "ENOTCONN": syscall.ENOTCONN,
	"ECONNRESET": syscall.ECONNRESET, "ECONNREFUSED": syscall.ECONNREFUSED, "EHOSTUNREACH": syscall.EHOSTUNREACH,
	"ETIMEDOUT": syscall.ETIMEDOUT, "none": syscall.Errno(0),
}

// holds asserts: "una N", "queued N" (octets to read), "err NAME" (the pending error), "urgent N" (octets to its end),
// "idle" (no timer), "timer DURATION".
func (d *dut) holds(and string) {
	d.t.Helper()
	w := strings.Fields(and)
	for len(w) > 0 {
		var got, want any
		switch w[0] {
		case "una":
			got, want = d.tcb.snd.una.Minus(testISS), number(w[1])
		case "queued":
			got, want = d.tcb.Queued(), number(w[1])
		case "urgent":
			got, want = d.tcb.UrgentData(), number(w[1])
		case "err":
			got, want = d.tcb.Err(), errorNames[w[1]]
		case "timer":
			got, want = d.due().String(), w[1]
		case "idle":
			got, want = d.tcb.Deadline(), Never
			w = append(w[:1], w...)
		default:
			d.t.Fatal("no such condition: " + w[0])
		}
		if got != want {
			d.t.Errorf("%s is %v, want %v", w[0], got, want)
		}
		w = w[2:]
	}
}

// buildEstablished has exchanged 100 octets each way; quiet leaves nothing in flight.
func buildEstablished(d *dut, quiet bool) {
	d.t.Helper()
	if d.s.passive {
		d.listen("S 0" + d.synOptions())
		d.promote("A 1 ack 1")
	} else {
		d.connect()
		d.in("SA 0 ack 1" + d.synOptions())
	}
	d.in("PA 1:101 ack 1")
	d.get(100)
	d.elapse(10 * time.Second) // so that the write doesn't look like an answer to what was read
	d.write(100)
	d.in("A 101 ack 101")
	if !quiet {
		d.write(100)
	}
}

func inEstablished(d *dut) { buildEstablished(d, false) }
func inCloseWait(d *dut)   { buildEstablished(d, false); d.in("FA 101 ack 101") }
func inFinWait1(d *dut)    { buildEstablished(d, true); d.closeWrite() }
func inFinWait2(d *dut)    { inFinWait1(d); d.in("A 101 ack 102") }
func inClosing(d *dut)     { inFinWait1(d); d.in("FA 101 ack 101") }
func inTimeWait(d *dut)    { inFinWait1(d); d.in("FA 101 ack 102") }

func inLastAck(d *dut) {
	buildEstablished(d, true)
	d.in("FA 101 ack 101")
	d.closeWrite()
}

func inSynSent(d *dut) { d.connect() }

// inSynReceived is the simultaneous open; the passive one is HalfOpen's.
func inSynReceived(d *dut) { d.connect(); d.in("S 0" + d.synOptions()) }

// TestWalkCoversAll holds the walk to its promise: every state has a table, and every kind of event is in it.
func TestWalkCoversAll(t *testing.T) {
	tables := map[State][]row{SynSent: rowsSynSent, SynReceived: rowsSynReceived, Established: rowsEstablished,
		FinWait1: rowsFinWait1, FinWait2: rowsFinWait2, CloseWait: rowsCloseWait, Closing: rowsClosing,
		LastAck: rowsLastAck, TimeWaitState: rowsTimeWait, Closed: rowsClosed}
	kinds := map[string]func(string) bool{
		"SYN":     func(e string) bool { return strings.HasPrefix(e, "S ") },
		"SYN-ACK": func(e string) bool { return strings.HasPrefix(e, "SA ") },
		"ACK":     func(e string) bool { return strings.HasPrefix(e, "A ") },
		"text":    func(e string) bool { return strings.Contains(e, ":") },
		"FIN":     func(e string) bool { return strings.HasPrefix(e, "FA ") },
		"RST":     func(e string) bool { return strings.HasPrefix(e, "R ") },
		"no ACK":  func(e string) bool { return strings.HasPrefix(e, "- ") },
	}
	for _, call := range []string{"write", "read", "closewrite", "closeread", "close", "abort", "nodelay", "soft", "hard",
		"toobig", "early"} {
		kinds[call] = func(e string) bool { return e == call || strings.HasPrefix(e, call+" ") }
	}
	for s := Established; s <= Closing; s++ {
		if s == Listen {
			continue // no TCB is ever in it: see TestReset and TestHalfOpenOpen
		}
		for kind, is := range kinds {
			found := false
			for _, r := range tables[s] {
				found = found || is(r.event)
				if r.why == "" {
					t.Errorf("%v, %s: no reason given", s, r.event)
				}
			}
			if !found {
				t.Errorf("the table of %v has no row for %s", s, kind)
			}
		}
	}
}

// TestWalkFlags holds for every state and every combination of flags, near every edge of the windows: no
// segment that is answered draws more than two segments, and none is drawn by a RST. (RFC 9293 3.10.7: a RST is never
// answered but by a challenge ACK.)
func TestWalkFlags(t *testing.T) {
	builds := []func(*dut){inSynSent, inSynReceived, inEstablished, inFinWait1, inFinWait2, inCloseWait, inClosing,
		inLastAck, inTimeWait}
	for i, build := range builds {
		for _, v := range variants[2:4] {
			for flags := range 64 {
				for _, at := range []string{"-1", "0", "1", "100:102", "101", "101:102", "102", "2000:2001", "2000:2002", "2001",
					"5000"} {
					for _, ack := range []int{-70000, 1, 101, 102, 202} {
						s := v.s
						s.rcv = 2000
						d := newDUT(t, s)
						build(d)
						d.skip()
						text := fmt.Sprintf("%s %s ack %d urg 7", formatFlags(wire.Flags(flags)), at, ack)
						d.in(text) // Config.Check looks at the rest
						if n := len(d.queue); n > 2 {
							t.Fatalf("build %d: %s draws %d segments", i, text, n)
						}
						if flags&4 != 0 {
							for _, q := range d.queue {
								if q.seg.Flags != wire.ACK {
									t.Fatalf("build %d: the RST %s draws %s", i, text, d.baseOut().format(&q.seg))
								}
							}
						}
					}
				}
			}
		}
	}
}
