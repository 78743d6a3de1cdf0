package stack

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

func TestStreamOptions(t *testing.T) {
	const sock, tcpLevel, ip = syscall.SOL_SOCKET, syscall.IPPROTO_TCP, syscall.IPPROTO_IP
	type opt struct{ level, name int }
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, _ := p.connect()
		for _, s := range []*stream{p.stream(p.a), c} {
			for name, v := range map[string]struct {
				opt
				def       int // -1: don't look
				good, bad []int
			}{
				"SO_KEEPALIVE":     {opt{sock, syscall.SO_KEEPALIVE}, 0, []int{1, 0}, nil},
				"SO_REUSEADDR":     {opt{sock, syscall.SO_REUSEADDR}, 0, []int{1, 0}, nil},
				"SO_LINGER":        {opt{sock, syscall.SO_LINGER}, -1, []int{0, 5, -1}, nil},
				"SO_OOBINLINE":     {opt{sock, syscall.SO_OOBINLINE}, 1, []int{1}, []int{0}},
				"TCP_NODELAY":      {opt{tcpLevel, syscall.TCP_NODELAY}, 0, []int{1, 0}, nil},
				"TCP_CORK":         {opt{tcpLevel, syscall.TCP_CORK}, 0, []int{1, 0}, nil},
				"TCP_QUICKACK":     {opt{tcpLevel, syscall.TCP_QUICKACK}, 1, []int{0, 1}, nil},
				"TCP_KEEPIDLE":     {opt{tcpLevel, syscall.TCP_KEEPIDLE}, 7200, []int{1, 32767}, []int{0, -1, 32768}},
				"TCP_KEEPINTVL":    {opt{tcpLevel, syscall.TCP_KEEPINTVL}, 75, []int{1, 32767}, []int{0, 32768}},
				"TCP_KEEPCNT":      {opt{tcpLevel, syscall.TCP_KEEPCNT}, 9, []int{1, 127}, []int{0, 128}},
				"TCP_USER_TIMEOUT": {opt{tcpLevel, tcpUserTimeout}, 0, []int{1, 30000, 0}, []int{-1}},
				"TCP_SYNCNT":       {opt{tcpLevel, syscall.TCP_SYNCNT}, 6, []int{1, 127}, []int{0, 128}},
				"TCP_LINGER2":      {opt{tcpLevel, syscall.TCP_LINGER2}, 60, []int{1, 120, -1}, nil},
				"IP_TTL":           {opt{ip, syscall.IP_TTL}, 64, []int{1, 255}, []int{0, 256, -2}},
				"IP_TOS":           {opt{ip, syscall.IP_TOS}, 0, []int{0x10, 0xb8}, nil},
			} {
				got, err := s.Opt(v.level, v.name)
				if want := v.def; err != nil || got != want {
					t.Errorf("%s is %d, %v; want Linux's default %d", name, got, err, want)
				}
				for _, x := range v.good {
					if err := s.SetOpt(v.level, v.name, x); err != nil {
						t.Errorf("%s = %d: %v", name, x, err)
					}
					if got, err := s.Opt(v.level, v.name); got != x || err != nil {
						t.Errorf("%s was set to %d and is %d, %v", name, x, got, err)
					}
				}
				for _, x := range v.bad {
					wantErr(t, name, s.SetOpt(v.level, v.name, x), syscall.EINVAL)
				}
			}
		}
	})
}

// Options that are told only, unknown ones, and those of which Linux makes something else.
func TestStreamOptionsThatDiffer(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		s := p.stream(p.a)
		get := func(level, name, want int) {
			t.Helper()
			if got, err := s.Opt(level, name); got != want || err != nil {
				t.Errorf("option %d of level %d is %d, %v; want %d", name, level, got, err, want)
			}
		}
		get(syscall.SOL_SOCKET, syscall.SO_TYPE, syscall.SOCK_STREAM)
		get(syscall.SOL_SOCKET, soProtocol, syscall.IPPROTO_TCP)
		get(syscall.SOL_SOCKET, soDomain, syscall.AF_INET)
		get(syscall.SOL_SOCKET, syscall.SO_ERROR, 0)
		get(syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN, 0)
		get(syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536) // before there is a connection
		must(t, s.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_LINGER2, 500))
		get(syscall.IPPROTO_TCP, syscall.TCP_LINGER2, 120) // the most there is
		wantErr(t, "a small TCP_MAXSEG", s.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 87), syscall.EINVAL)
		must(t, s.SetOpt(syscall.IPPROTO_IP, syscall.IP_TOS, 0xff))
		get(syscall.IPPROTO_IP, syscall.IP_TOS, 0xfc) // a stream's ECN bits are TCP's
		must(t, s.SetOpt(syscall.IPPROTO_IP, syscall.IP_TTL, -1))
		get(syscall.IPPROTO_IP, syscall.IP_TTL, 64)

		must(t, s.SetOpt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 65535))
		get(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 131070) // doubled
		must(t, s.SetOpt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1))
		get(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2304)
		must(t, s.SetOpt(syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1))
		get(syscall.SOL_SOCKET, syscall.SO_SNDBUF, 4608)
		must(t, s.SetOpt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, -1)) // taken for a very large value
		get(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2*p.a.cfg.TCP.RcvBufMax)

		for _, level := range []int{syscall.SOL_SOCKET, syscall.IPPROTO_TCP, syscall.IPPROTO_IP, 999} {
			wantErr(t, "unknown option", s.SetOpt(level, 9999, 1), syscall.ENOPROTOOPT)
			_, err := s.Opt(level, 9999)
			wantErr(t, "unknown option", err, syscall.ENOPROTOOPT)
		}
		must(t, s.Listen(1))
		get(syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN, 1)
		must(t, s.Close())
		_, err := s.Opt(syscall.SOL_SOCKET, syscall.SO_TYPE)
		wantErr(t, "Opt after Close", err, ErrClosed)
		wantErr(t, "SetOpt after Close", s.SetOpt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1), ErrClosed)
	})
}

// What is set before there is a connection shows on the wire.
func TestOptionsOnTheWire(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		must(t, l.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 700))
		c := p.stream(p.a)
		must(t, c.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 600))
		must(t, c.SetOpt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 5000))
		must(t, c.SetOpt(syscall.IPPROTO_IP, syscall.IP_TOS, 0x10))
		must(t, c.SetOpt(syscall.IPPROTO_IP, syscall.IP_TTL, 3))
		var syn, synack wire.Segment
		p.c.dropping(func(from int, seg *wire.Segment) bool {
			switch {
			case seg.Flags == wire.SYN:
				syn = *seg
			case seg.Flags == wire.SYN|wire.ACK:
				synack = *seg
			}
			return false
		})
		must(t, c.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80)))
		if syn.Options.MSS != 600 || synack.Options.MSS != 700 || syn.Window != 5000 {
			t.Errorf("MSS %d and %d, window %d; want 600 and 700, 5000", syn.Options.MSS, synack.Options.MSS, syn.Window)
		}
		if got, _ := c.Opt(syscall.IPPROTO_TCP, syscall.TCP_MAXSEG); got != 600-12 { // less the timestamps
			t.Errorf("TCP_MAXSEG %d, want 588", got)
		}
	})
}

func TestUserTimeoutOption(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, _ := p.connect()
		must(t, c.SetOpt(syscall.IPPROTO_TCP, tcpUserTimeout, 1000))
		p.c.cut.Store(true)
		start := time.Now()
		_, err := c.Write([]byte("x"))
		must(t, err)
		_, err = c.Read(make([]byte, 1))
		wantErr(t, "blocked Read", err, syscall.ETIMEDOUT)
		if e := time.Since(start); e < time.Second || e > 2*time.Second {
			t.Errorf("after %v, want about 1 s", e)
		}
	})
}
