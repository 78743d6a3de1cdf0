package tcptest

import (
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// Linux's numbers of what calls are told here (asm-generic); the others only pass through to the host.
const (
	sockDgram    = 2
	sockNonblock = 0o4000
	fGetFL       = 3
	oRDWR        = 2
	oNonblock    = 0o4000
	solSocket    = 1
	soLinger     = 13

	ipprotoTCP    = 6
	tcpCongestion = 13

	// MsgOOB, MsgPeek, MsgDontWait and MsgMore are the flags of Recv and Send.
	MsgOOB      = 1
	MsgPeek     = 2
	MsgDontWait = 0x40
	MsgNoSignal = 0x4000
	MsgMore     = 0x8000

	// PollIn to PollRDHup are the bits of PollFD.
	PollIn    = 1
	PollOut   = 4
	PollErr   = 8
	PollHup   = 0x10
	PollRDHup = 0x2000

	// SIOCINQ to SIOCOUTQNSD are the requests of Ioctl.
	SIOCINQ     = 0x541b
	SIOCOUTQ    = 0x5411
	SIOCOUTQNSD = 0x894b
)

// prepare makes a call ready. The parser has seen to it that the arguments have the form that the call takes.
func (r *runner) prepare(c *script.Call) (*action, error) {
	if c.Name == "socket" {
		return prepareSocket(c), nil
	}
	if c.Name == "poll" {
		return r.preparePoll(c)
	}
	f := r.fds[c.Args[0].Int]
	if f == nil {
		return nil, fmt.Errorf("fd %d is not open in the script", c.Args[0].Int)
	}
	switch c.Name {
	case "bind", "connect":
		return r.prepareAddr(c, f)
	case "listen":
		return plain(func(s Sockets) error { return s.Listen(f.host, int(c.Args[1].Int)) }), nil
	case "accept":
		return &action{newFD: &fd{port: f.port}, do: func(s Sockets) (int, error) { return s.Accept(f.host) }}, nil
	case "shutdown":
		return plain(func(s Sockets) error { return s.Shutdown(f.host, int(c.Args[1].Int)) }), nil
	case "close":
		a := plain(func(s Sockets) error { return s.Close(f.host) })
		a.end = func(int, error) { delete(r.fds, c.Args[0].Int) }
		return a, nil
	case "read", "recv", "recvfrom":
		return r.prepareRecv(c, f), nil
	case "write", "send", "sendto":
		return r.prepareSend(c, f)
	case "getsockopt", "setsockopt":
		return prepareOpt(c, f)
	case "fcntl":
		return prepareFcntl(c, f), nil
	case "ioctl":
		return prepareIoctl(c, f), nil
	}
	return nil, fmt.Errorf("no such call: %s", c.Name)
}

// plain is a call that gives 0 or an error.
func plain(do func(s Sockets) error) *action {
	return &action{do: func(s Sockets) (int, error) { return 0, do(s) }}
}

func prepareSocket(c *script.Call) *action {
	typ := int(c.Args[1].Int)
	kind := typ & 0xf
	return &action{newFD: &fd{dgram: kind == sockDgram}, do: func(s Sockets) (int, error) {
		n, err := s.Socket(kind, int(c.Args[2].Int))
		if err == nil && typ&sockNonblock != 0 {
			err = s.SetNonblock(n, true)
		}
		return n, err
	}}
}

// sockaddr reads a struct sockaddr_in; a part that is not given is that of def.
func sockaddr(e *script.Expr, def netip.AddrPort) (netip.AddrPort, error) {
	addr, port := def.Addr(), def.Port()
	if p, ok := e.Field("sin_port"); ok {
		port = uint16(p.Int)
	}
	if a, ok := e.Field("sin_addr"); ok {
		if a.Kind != script.String {
			return netip.AddrPortFrom(netip.IPv4Unspecified(), port), nil
		}
		var err error
		if addr, err = netip.ParseAddr(a.Str); err != nil || !addr.Is4() {
			return netip.AddrPort{}, fmt.Errorf("bad address %q, expected IPv4", a.Str)
		}
	}
	return netip.AddrPortFrom(addr, port), nil
}

func (r *runner) prepareAddr(c *script.Call, f *fd) (*action, error) {
	if c.Name == "bind" {
		a, err := sockaddr(&c.Args[1], netip.AddrPortFrom(LocalAddr, hostPort))
		f.port = a.Port()
		return plain(func(s Sockets) error { return s.Bind(f.host, a) }), err
	}
	a, err := sockaddr(&c.Args[1], netip.AddrPortFrom(RemoteAddr, hostPort))
	if err == nil && f.flow == nil && !f.dgram {
		r.connecting(f, a.Port())
	}
	return plain(func(s Sockets) error { return s.Connect(f.host, a) }), err
}

// connecting makes a new connection from the host the one that the script is about.
func (r *runner) connecting(f *fd, remote uint16) {
	f.flow = r.flow(ports{remote, f.port})
	f.flow.fresh, f.flow.hasRemote = true, false
	r.main, r.current = f.flow, f
}

func flags(c *script.Call) int {
	if len(c.Args) > 3 {
		return int(c.Args[3].Int)
	}
	return 0
}

func (r *runner) prepareRecv(c *script.Call, f *fd) *action {
	buf := make([]byte, c.Args[2].Int)
	a := &action{do: func(s Sockets) (int, error) {
		n, _, err := s.Recv(f.host, buf, flags(c))
		return n, err
	}}
	a.check = func(n int) string {
		got := buf[:n]
		if c.Args[1].Kind == script.String && string(got) != c.Args[1].Str {
			return fmt.Sprintf("the data %q", got)
		}
		pos := f.read
		if !f.dgram && flags(c)&MsgPeek == 0 {
			f.read += uint32(n)
		}
		if f.flow == nil || f.flow.urgent || c.Args[1].Kind == script.String {
			return ""
		}
		if want := patternBytes(f.flow.remoteISN+1+pos, n); string(got) != string(want) {
			return fmt.Sprintf("other octets than were sent from %d on: % x, expected % x", f.flow.remoteISN+1+pos,
				head(got), head(want))
		}
		return ""
	}
	return a
}

// head is the beginning of data, for a message.
func head(b []byte) []byte { return b[:min(len(b), 16)] }

func (r *runner) prepareSend(c *script.Call, f *fd) (*action, error) {
	n := int(c.Args[2].Int)
	fl := f.flow
	var data []byte
	switch {
	case c.Args[1].Kind == script.String:
		if n > len(c.Args[1].Str) {
			return nil, fmt.Errorf("%q is shorter than %d octets", c.Args[1].Str, n)
		}
		data = []byte(c.Args[1].Str[:n])
	case fl != nil:
		data = patternBytes(uint32(len(fl.written)), n)
	default:
		data = patternBytes(0, n)
	}
	var to netip.AddrPort
	if len(c.Args) > 4 && c.Args[4].Kind != script.Int {
		var err error
		if to, err = sockaddr(&c.Args[4], netip.AddrPortFrom(RemoteAddr, scriptPort)); err != nil {
			return nil, err
		}
	}
	a := &action{do: func(s Sockets) (int, error) { return s.Send(f.host, data, flags(c), to) }}
	if fl != nil {
		before := len(fl.written)
		fl.written = append(fl.written, data...)
		a.end = func(n int, err error) {
			if err != nil {
				n = 0
			}
			fl.written = fl.written[:min(before+n, len(fl.written))]
		}
	}
	return a, nil
}

// option is the integer that stands for the value of an option: of SO_LINGER seconds, or -1 for off.
func option(e *script.Expr) (value int, anything bool) {
	if e.Kind == script.List {
		e = &e.List[0]
	}
	if e.Kind == script.Struct {
		on, _ := firstField(e, "onoff", "l_onoff")
		sec, _ := firstField(e, "linger", "l_linger")
		if on.Int == 0 {
			return -1, false
		}
		return int(sec.Int), false
	}
	return int(e.Int), e.Kind == script.Any
}

// optionText is an option's value where it is a string.
func optionText(e *script.Expr) (value string, ok bool) {
	if e.Kind == script.List {
		e = &e.List[0]
	}
	return e.Str, e.Kind == script.String
}

func firstField(e *script.Expr, names ...string) (script.Expr, bool) {
	for _, n := range names {
		if v, ok := e.Field(n); ok {
			return v, true
		}
	}
	return script.Expr{}, false
}

func prepareOpt(c *script.Call, f *fd) (*action, error) {
	level, name := int(c.Args[1].Int), int(c.Args[2].Int)
	if level == ipprotoTCP && name == tcpCongestion {
		return prepareCongestion(c, f)
	}
	if _, text := optionText(&c.Args[3]); text {
		return nil, fmt.Errorf("the option is no string")
	}
	want, anything := option(&c.Args[3])
	if c.Name == "setsockopt" {
		if anything {
			return nil, fmt.Errorf("setsockopt needs a value")
		}
		return plain(func(s Sockets) error { return s.SetOpt(f.host, level, name, want) }), nil
	}
	var got int
	return &action{
		do: func(s Sockets) (n int, err error) {
			got, err = s.Opt(f.host, level, name)
			return 0, err
		},
		check: func(int) string {
			if !anything && got != want {
				return describeOption(level, name, got)
			}
			return ""
		},
	}, nil
}

// prepareCongestion is TCP_CONGESTION, the option whose value is a string.
func prepareCongestion(c *script.Call, f *fd) (*action, error) {
	want, text := optionText(&c.Args[3])
	if _, anything := option(&c.Args[3]); !text && (c.Name == "setsockopt" || !anything) {
		return nil, fmt.Errorf("TCP_CONGESTION is a string")
	}
	if c.Name == "setsockopt" {
		return plain(func(s Sockets) error { return s.SetCongestion(f.host, want) }), nil
	}
	var got string
	return &action{
		do: func(s Sockets) (n int, err error) {
			got, err = s.Congestion(f.host)
			return 0, err
		},
		check: func(int) string {
			if text && got != want {
				return fmt.Sprintf("%q", got)
			}
			return ""
		},
	}, nil
}

// describeOption prints an option's value; an error by its name.
func describeOption(level, name, value int) string {
	const soError = 4
	if level == solSocket && name == soError && value != 0 {
		return fmt.Sprintf("[%d], %s", value, script.ErrnoName(syscall.Errno(value)))
	}
	if level == solSocket && name == soLinger {
		return fmt.Sprintf("linger of %d seconds (-1: off)", value)
	}
	return fmt.Sprintf("[%d]", value)
}

func prepareFcntl(c *script.Call, f *fd) *action {
	return &action{do: func(s Sockets) (int, error) {
		if c.Args[1].Int != fGetFL {
			return 0, s.SetNonblock(f.host, len(c.Args) > 2 && c.Args[2].Int&oNonblock != 0)
		}
		on, err := s.Nonblock(f.host)
		if on {
			return oRDWR | oNonblock, err
		}
		return oRDWR, err
	}}
}

func prepareIoctl(c *script.Call, f *fd) *action {
	want, anything := option(&c.Args[2])
	var got int
	return &action{
		do: func(s Sockets) (n int, err error) {
			got, err = s.Ioctl(f.host, int(c.Args[1].Int))
			return 0, err
		},
		check: func(int) string {
			if !anything && got != want {
				return fmt.Sprintf("[%d]", got)
			}
			return ""
		},
	}
}

func (r *runner) preparePoll(c *script.Call) (*action, error) {
	list := c.Args[0].List
	polls := make([]PollFD, len(list))
	for i := range list {
		number, _ := list[i].Field("fd")
		events, _ := list[i].Field("events")
		f := r.fds[number.Int]
		if f == nil {
			return nil, fmt.Errorf("fd %d is not open in the script", number.Int)
		}
		polls[i] = PollFD{FD: f.host, Events: int(events.Int)}
	}
	timeout := time.Duration(c.Args[2].Int) * time.Millisecond
	return &action{
		do: func(s Sockets) (int, error) { return s.Poll(polls, timeout) },
		check: func(int) string {
			for i := range list {
				if want, ok := list[i].Field("revents"); ok && int(want.Int) != polls[i].Revents {
					return fmt.Sprintf("revents %#x for member %d, expected %#x", polls[i].Revents, i, want.Int)
				}
			}
			return ""
		},
	}, nil
}
