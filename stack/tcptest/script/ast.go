package script

import (
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// Pos is a place in a script: line and column count from 1, the column in octets.
type Pos struct{ Line, Col int }

// Error is what is wrong with a script's text, and where.
type Error struct {
	Path string
	Pos
	Msg string
}

// Error gives path:line:col: message.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Col, e.Msg) }

// Script is one parsed script.
type Script struct {
	Path     string
	Tags     []Tag     // the requirements that it covers, in the order written
	Linux    Linux     // what its head says of Linux
	Settings []Setting // from "config:" comments, --flags and sysctl commands in the head, in the order written
	Events   []Event
	lines    []string
}

// Line returns the text of a line (from 1) without the white space around it; "" where there is none.
func (s *Script) Line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// Lines is the number of lines.
func (s *Script) Lines() int { return len(s.lines) }

// Length is how long the script lasts at least.
func (s *Script) Length() time.Duration {
	var at time.Duration
	for _, e := range s.Events {
		if !e.Time.Relative {
			at = max(at, e.Time.From)
		} else {
			at += e.Time.From
		}
	}
	return at
}

// Tag names one requirement of an RFC, such as 9293 MUST-10 or 5961 3.2.
type Tag struct {
	Pos
	RFC int
	ID  string
}

// Linux is what a script's head says about a run on Linux's own TCP.
type Linux struct {
	Differs string // in what and why Linux differs: the script must fail there; "" where it must pass
	Slow    bool   // the script lasts long: left out of a quick run
}

// Setting is a configured value: the name as in the list of package tcptest, the value as written ("" for a switch).
type Setting struct {
	Pos
	Name, Value string
}

// Event is one step: its time and one of the bodies.
type Event struct {
	Pos
	Time   Time
	Packet *Packet
	Call   *Call
	Assert *Assert
	Shell  []Setting // sysctl commands in mid-script
}

// TimeKind tells the forms of [Time] apart.
type TimeKind uint8

// The forms of an event's time.
const (
	At       TimeKind = iota // N, +N: at this time
	AnyTime                  // *: whenever it happens
	Between                  // N~M, +N~+M: not before the one, not after the other
	Blocking                 // N...M: a call that begins at the one and ends at the other
)

// Time says when an event is due. Where Relative is set, From and To count from the time of the event before it,
// otherwise from the start of the script.
type Time struct {
	Kind     TimeKind
	Relative bool
	From, To time.Duration // To: Between and Blocking only
}

// Packet is a packet in (injected) or out (expected).
type Packet struct {
	In   bool
	IP   IP
	TCP  *TCP // exactly one of the three is set
	UDP  *UDP
	ICMP *ICMP
}

// IP holds the fields in brackets after the direction. A field that is not given is not compared, and has its usual
// value in a packet that is injected.
type IP struct {
	HasECN     bool
	ECN        uint8 // the codepoint: 0 noecn, 1 ect1, 2 ect0, 3 ce
	HasTOS     bool
	TOS        uint8
	HasTTL     bool
	TTL        uint8
	HasDF, DF  bool
	BadSum     bool   // in: the transport checksum is wrong
	RemotePort uint16 // 0: the script's own connection
	LocalPort  uint16 // 0: likewise
	// In only: other addresses than usual (the zero Addr: the usual one), and options of the IP header.
	Src, Dst netip.Addr
	Options  []byte
}

// Flags are TCP's control bits in the header's order: FIN is bit 0, CWR is bit 7.
type Flags uint8

// The control bits.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// TCP is a segment. Sequence numbers are the script's, relative to what the runner maps them to.
type TCP struct {
	Flags          Flags
	AnyPush        bool // "p": out: PSH is not compared
	Seq            uint32
	Len            int // octets of payload
	HasAck         bool
	Ack            uint32
	HasWin         bool
	Win            uint16
	HasUrg         bool
	Urg            uint16
	AnyOptions     bool // <...>: out: not compared
	Options        []Option
	PayloadOmitted bool // the quoted segment of an ICMP message: numbers only
}

// End is the sequence number after the last octet of payload; SYN and FIN are not counted, as the notation has it.
func (t *TCP) End() uint32 { return t.Seq + uint32(t.Len) }

// OptionKind is the kind of a TCP option as on the wire.
type OptionKind uint8

// The options that have a name. Raw stands for octets given in hexadecimal.
const (
	EOL    OptionKind = 0
	NOP    OptionKind = 1
	MSS    OptionKind = 2
	WScale OptionKind = 3
	SACKOK OptionKind = 4
	SACK   OptionKind = 5
	TS     OptionKind = 8
	Raw    OptionKind = 255
)

// Option is one TCP option.
type Option struct {
	Kind     OptionKind
	Value    uint32      // MSS, WScale; TS: val
	Ecr      uint32      // TS
	Blocks   [][2]uint32 // SACK
	Raw      []byte      // Raw: the whole option, kind and length included
	AnyValue bool        // TS val ...: out: not compared
	AnyEcr   bool
}

// UDP is a datagram.
type UDP struct{ Len int }

// ICMP is an ICMP message; of an error, Quote is the packet it is about.
type ICMP struct {
	Type, Code uint8
	MTU        uint16 // of frag_needed; 0: none
	Quote      *TCP   // nil: none
	QuoteUDP   *UDP
}

// Call is a system call with the result that is expected.
type Call struct {
	Pos
	Name   string
	Args   []Expr
	Result Result
}

// Result is what a call must give.
type Result struct {
	Any   bool // "...": anything
	Value int64
	Errno syscall.Errno // with Value -1
}

// ExprKind tells the forms of [Expr] apart.
type ExprKind uint8

// The forms of an argument.
const (
	Int    ExprKind = iota // 1000, -1, 0x10, O_RDWR|O_NONBLOCK
	String                 // "abc"
	Any                    // ...
	List                   // [1], [{fd=3}]
	Struct                 // {onoff=1, linger=0}
)

// Expr is an argument of a call.
type Expr struct {
	Pos
	Kind   ExprKind
	Int    int64
	Str    string
	List   []Expr
	Fields []Field
}

// Field is a member of a struct.
type Field struct {
	Pos
	Name  string
	Value Expr
}

// Field returns the member of that name.
func (e *Expr) Field(name string) (Expr, bool) {
	for _, f := range e.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return Expr{}, false
}

// Assert is a code block: each statement must hold.
type Assert struct{ Checks []Check }

// Check is one assert statement.
type Check struct {
	Pos
	Text string // as written
	Cond Node
}
