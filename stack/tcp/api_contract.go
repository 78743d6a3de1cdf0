package tcp

// CONTRACT (temporary file, replaced by the engine proper in the first hour). Signatures are binding.

import (
	"math"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// Time is nanoseconds since the stack's epoch. Zero is a legal time.
type Time int64

// Never is later than every time.
const Never Time = math.MaxInt64

func (t Time) Add(d time.Duration) Time { return t + Time(d) }
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Config holds the tunables that all connections of a stack share. Immutable once used.
type Config struct {
	RTOMin, RTOInitial, RTOMax         time.Duration // 200 ms, 1 s, 120 s
	SynRetries, SynAckRetries, Retries int           // 6, 5, 15
	DelAckMin, DelAckMax               time.Duration // 40 ms, 200 ms
	FinTimeout, TimeWait               time.Duration // 60 s, 60 s
	KeepIdle, KeepInterval             time.Duration // 2 h, 75 s (defaults of a connection's UserOptions)
	KeepCount                          int           // 9
	InitialWindow                      int           // segments: 10
	RcvBufMax                          int           // the largest receive buffer, which fixes the window scale: 6 MiB -> 7
	NoSACK, NoTimestamps, NoWScale     bool
	// Congestion makes a connection's congestion controller; nil is NewReno, stored inline.
	Congestion func() Controller
}

// Default fills zero fields with Linux's values and returns c.
func (c *Config) Default() *Config { panic("contract") }

// Controller: congestion control (engine's business).
type Controller interface{}

// State is a connection's state (RFC 9293 3.3.2), numbered as Linux numbers tcpi_state.
type State uint8

const (
	Established State = iota + 1
	SynSent
	SynReceived
	FinWait1
	FinWait2
	TimeWaitState
	Closed
	CloseWait
	LastAck
	Listen
	Closing
)

// Events tells what changed for the user.
type Events uint8

const (
	Readable Events = 1 << iota // Read would give data, EOF or an error
	Writable                    // Write would take octets or give an error
	Opened                      // the connection has become ESTABLISHED (or died trying: see Err)
	Dead                        // the state is CLOSED or TIME-WAIT: nothing more will be sent by Poll once it has returned false
)

// UserOptions is what a connection's user may set, before it is opened or later.
type UserOptions struct {
	NoDelay, Cork, KeepAlive bool
	NoQuickAck               bool
	KeepIdle, KeepInterval   time.Duration
	KeepCount                int
	UserTimeout              time.Duration // 0: Config.Retries decides
	FinTimeout               time.Duration // 0: Config; TCP_LINGER2
	MaxSeg                   int           // 0: the path's; TCP_MAXSEG
	SynRetries               int           // 0: Config; TCP_SYNCNT
	OOBInline                bool
}

// Params is what a connection is told when it is opened.
type Params struct {
	Config     *Config
	ISS        seq.Num
	TSOffset   uint32 // added to the clock's milliseconds in TSval (RFC 7323 5.4)
	MSS        int    // MTU - 40: what we announce and the most that we send
	MaxSegment int    // the largest payload Poll may give; below MSS means MSS
	SndBuf     int
	RcvBuf     int
}

// TCB is one connection (RFC 9293 3.3.1). It is embedded in the shell's connection by value. Not safe for concurrent
// use: the shell's leaf lock is held around every call.
type TCB struct{ _ [64]uint64 }

// Connect starts an active open. UserOptions set before stay.
func (t *TCB) Connect(now Time, p Params) { panic("contract") }

// Accept makes the connection from a half-open record whose ACK has come; the caller then gives that ACK to Segment.
func (t *TCB) Accept(now Time, p Params, h *HalfOpen) { panic("contract") }

// Segment: a segment arrives (3.10.7). seg.Buf may be adopted (seg.Adopted is then set).
func (t *TCB) Segment(now Time, seg *wire.Segment) { panic("contract") }

// Tick: the deadline has passed; a spurious call is harmless.
func (t *TCB) Tick(now Time) { panic("contract") }

// Poll makes the next segment to send (ports left zero: the caller's) and reports whether there is one. The payload
// aliases the send store and stays valid until the next Poll, during which other calls are allowed.
func (t *TCB) Poll(now Time, seg *wire.Segment) bool { panic("contract") }

// Deadline is when Tick is due; Never if it isn't. May change after any other call.
func (t *TCB) Deadline() Time { panic("contract") }

// Events returns what has changed since it was last called.
func (t *TCB) Events() Events { panic("contract") }

// Ready returns which of Readable and Writable (and Opened, Dead) hold now.
func (t *TCB) Ready() Events { panic("contract") }

// State returns the state.
func (t *TCB) State() State { panic("contract") }

// Read takes received octets: EAGAIN where there are none yet, io.EOF-like 0 after FIN is (0, nil) -> the engine gives
// (0, ErrEOF). A pending error is given once (and cleared) after the data, then ErrEOF.
func (t *TCB) Read(now Time, p []byte) (int, error) { panic("contract") }

// Peek is Read that leaves everything in place.
func (t *TCB) Peek(p []byte) (int, error) { panic("contract") }

// Queued is the number of octets that Read could take now (SIOCINQ); Unsent those written and not sent yet; Unacked those
// written and not acknowledged yet (SIOCOUTQ), FIN not counted.
func (t *TCB) Queued() int  { panic("contract") }
func (t *TCB) Unsent() int  { panic("contract") }
func (t *TCB) Unacked() int { panic("contract") }

// Write takes as much of p as there is room for: EAGAIN where there is none, EPIPE after CloseWrite or death, or the
// pending error (once). An empty p gives (0, nil) or the error.
func (t *TCB) Write(now Time, p []byte) (int, error) { panic("contract") }

// Push has everything written so far sent without Nagle's delay.
func (t *TCB) Push(now Time) { panic("contract") }

// CloseWrite queues a FIN (3.10.4). ENOTCONN where the connection is not open.
func (t *TCB) CloseWrite(now Time) error { panic("contract") }

// CloseRead: Read gives EOF from now on where no data is queued; nothing goes on the wire (Linux SHUT_RD). ENOTCONN.
func (t *TCB) CloseRead(now Time) error { panic("contract") }

// Close is the user's close: CloseWrite, or an RST where received data was not read; data that arrives later draws RST.
func (t *TCB) Close(now Time) { panic("contract") }

// Abort sends RST where the state asks for it and drops everything (3.10.5). errno becomes the pending error (0: none).
func (t *TCB) Abort(now Time, errno syscall.Errno) { panic("contract") }

// Err returns and clears the pending error (SO_ERROR); 0: none.
func (t *TCB) Err() syscall.Errno { panic("contract") }

// Unreachable: an ICMP error quoting seq has come. hard as RFC 1122 4.2.3.9.
func (t *TCB) Unreachable(now Time, quoted seq.Num, errno syscall.Errno, hard bool) {
	panic("contract")
}

// PacketTooBig: the path's MTU is mtu (RFC 1191), by an ICMP message quoting seq.
func (t *TCB) PacketTooBig(now Time, quoted seq.Num, mtu int) { panic("contract") }

// Options and SetOptions get and set the user's options; SetBuffers the limits in octets (0: leave).
func (t *TCB) Options() UserOptions               { panic("contract") }
func (t *TCB) SetOptions(now Time, o UserOptions) { panic("contract") }
func (t *TCB) Buffers() (snd, rcv int)            { panic("contract") }
func (t *TCB) SetBuffers(now Time, snd, rcv int)  { panic("contract") }
func (t *TCB) Info(now Time) Info                 { panic("contract") }
func (t *TCB) TimeWait(now Time) TimeWait         { panic("contract") }

// Info is struct tcp_info of Linux as far as it applies, in Linux's units (microseconds, segments) unless said.
type Info struct {
	State                                                                    State
	CAState                                                                  uint8
	Retransmits, Probes, Backoff, Options, SndWScale, RcvWScale              uint8
	RTO, ATO, SndMSS, RcvMSS                                                 uint32
	Unacked, Sacked, Lost, Retrans                                           uint32
	LastDataSent, LastDataRecv, LastAckRecv                                  uint32 // ms
	PMTU, RcvSsthresh, RTT, RTTVar, SndSsthresh, SndCwnd, AdvMSS, Reordering uint32
	RcvSpace, TotalRetrans                                                   uint32
	BytesAcked, BytesReceived, BytesSent, BytesRetrans                       uint64
	SegsOut, SegsIn, DataSegsIn, DataSegsOut                                 uint32
	NotSentBytes, MinRTT, DSACKDups, SndWnd, RcvOOOPack                      uint32
}

// Verdict says what a record makes of a segment or of a deadline.
type Verdict uint8

const (
	Ignore    Verdict = iota // nothing to do
	Reply                    // send the segment that was made
	Promote                  // half-open: the handshake is complete; make the connection
	Reopen                   // TIME-WAIT: a new SYN may have this four-tuple (RFC 6191); hand it to the listener
	Gone                     // forget the record
	ReplyGone                // send the segment that was made and forget the record
)

// HalfOpen is a connection between SYN and the ACK of our SYN-ACK, as a small record.
type HalfOpen struct{ _ [12]uint64 }

// Open fills the record from a SYN and makes no segment: call SYNACK. p.RcvBuf fixes the window offered.
func (h *HalfOpen) Open(now Time, p *Params, syn *wire.Segment)     { panic("contract") }
func (h *HalfOpen) SYNACK(now Time, cfg *Config, out *wire.Segment) { panic("contract") }

// Segment judges a segment for the record: Ignore, Reply, Promote, Gone, ReplyGone.
func (h *HalfOpen) Segment(now Time, cfg *Config, in, out *wire.Segment) Verdict { panic("contract") }

// Tick retransmits the SYN-ACK (Reply) or gives up (Gone).
func (h *HalfOpen) Tick(now Time, cfg *Config, out *wire.Segment) Verdict { panic("contract") }
func (h *HalfOpen) Deadline() Time                                        { panic("contract") }

// TimeWait is a connection in TIME-WAIT, as a small record.
type TimeWait struct{ _ [6]uint64 }

func (w *TimeWait) Segment(now Time, cfg *Config, in, out *wire.Segment) Verdict { panic("contract") }
func (w *TimeWait) Deadline() Time                                               { panic("contract") }

// NextISS is what a reopened connection's ISS must be at or after (RFC 6191, RFC 9293 3.6.1... ).
func (w *TimeWait) NextISS() seq.Num { panic("contract") }

// Reset makes the RST that answers a segment for which there is no connection (3.10.7.1) and reports whether there is one.
func Reset(in, out *wire.Segment) bool { panic("contract") }

// ErrEOF is the end of the peer's data; the shell gives io.EOF.
var ErrEOF error = syscall.Errno(0)

// BufSize is the length of the buffers that readers offer for adoption: a 64 KiB packet with room for a device's header.
const BufSize = 1<<16 + 64

// GetBuf and PutBuf take and return buffers of BufSize octets from the pool that the byte stores use.
func GetBuf() []byte  { panic("contract") }
func PutBuf(b []byte) { panic("contract") }
