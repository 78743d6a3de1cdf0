package tcptest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/tcp"
)

// Gotcp is the stack of this module as a target: a whole stack in a testing/synctest bubble, in whose time everything
// happens exactly when it is due.
var Gotcp Target = gotcp{}

// Manual is the same with a [Clock] that the runner moves, and no goroutine: the way in which a referee from outside
// drives the stack. Calls that block are put together from those that don't.
var Manual Target = gotcp{manual: true}

type gotcp struct{ manual bool }

func (g gotcp) Name() string {
	if g.manual {
		return "gotcp with a manual clock"
	}
	return "gotcp"
}

const (
	// exactly is how late something may be in virtual time: the resolution of a timestamp.
	exactly  = time.Millisecond
	patience = 3 * time.Hour
)

// passing is the part of a [Host] that has to do with time.
type passing interface {
	Now() time.Time
	Wait(t time.Time, stop func() bool)
	Wake()
	Go(f func())
}

// gotcpHost is a stack with one link.
type gotcpHost struct {
	passing
	*gotcpSockets
	dev *device
}

// Run implements [Target].
func (g gotcp) Run(t *testing.T, cfg *Config, sent func(Sent), f func(Host) error) (err error) {
	if cfg.Late == 0 {
		cfg.Late = exactly
	}
	cfg.Patience = patience
	sc := stack.Config{Rand: seeded(t.Name())}
	if err := configure(&sc, cfg.Sysctl); err != nil {
		return err
	}
	sc.TCP.Check = true
	if g.manual {
		m := newManualTime()
		defer m.close()
		sc.Clock = m.Clock
		h := &gotcpHost{passing: m, gotcpSockets: &gotcpSockets{park: m.park, after: m.AfterFunc}}
		return runGotcp(cfg, sc, h, sent, f)
	}
	synctest.Test(t, func(*testing.T) {
		h := &gotcpHost{passing: NewWallTime(synctest.Wait), gotcpSockets: &gotcpSockets{}}
		err = runGotcp(cfg, sc, h, sent, f)
	})
	return err
}

// runGotcp makes the stack, has f use it, and takes it down.
func runGotcp(cfg *Config, sc stack.Config, h *gotcpHost, sent func(Sent), f func(Host) error) error {
	h.dev = &device{mtu: cfg.MTU, offload: cfg.Offload, sent: func(p []byte) { sent(Sent{At: h.Now(), Packet: p}) }}
	s := stack.New(sc)
	defer s.Close()
	h.stack, h.socks = s, map[int]*sock{}
	ifc, err := s.AddDevice(h.dev, netip.PrefixFrom(LocalAddr, 24))
	if err != nil {
		return err
	}
	if err := s.AddRoute(netip.PrefixFrom(netip.IPv4Unspecified(), 0), ifc); err != nil {
		return err
	}
	return f(h)
}

// seeded gives random octets that are the same in each run of a test.
func seeded(name string) func([]byte) {
	sum := fnv.New64a()
	sum.Write([]byte(name))
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(sum.Sum64(), 1))
	return func(p []byte) {
		mu.Lock()
		defer mu.Unlock()
		for i := range p {
			p[i] = byte(r.Uint32())
		}
	}
}

// Inject implements [Host].
func (h *gotcpHost) Inject(p []byte) error {
	h.dev.recv(&link.Frame{Head: p})
	return nil
}

// Sysctl implements [Host].
func (h *gotcpHost) Sysctl(name, value string) error {
	return fmt.Errorf("gotcp is configured when it starts: sysctl %s=%s belongs before the first event", name, value)
}

// configure translates Linux's sysctls. One that has no counterpart here is an error.
func configure(c *stack.Config, sysctls map[string]string) error {
	for name, value := range sysctls {
		if name == "tcp_congestion_control" {
			var ok bool
			if c.TCP.Congestion, ok = tcp.Congestion(value); !ok {
				return fmt.Errorf("gotcp has no congestion control %q", value)
			}
			continue
		}
		numbers, err := parseInts(value)
		set := tunables[name]
		if set == nil || err != nil || len(numbers) == 0 {
			return fmt.Errorf("gotcp has no sysctl %s=%q", name, value)
		}
		set(c, numbers)
	}
	return nil
}

func parseInts(text string) ([]int, error) {
	var list []int
	for w := range strings.FieldsSeq(text) {
		n, err := strconv.Atoi(w)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// tunables are gotcp's by Linux's names and in Linux's units.
var tunables = map[string]func(c *stack.Config, n []int){
	"tcp_early_retrans":    func(c *stack.Config, n []int) { c.TCP.NoTLP = n[0] == 0 },
	"tcp_sack":             func(c *stack.Config, n []int) { c.TCP.NoSACK = n[0] == 0 },
	"tcp_timestamps":       func(c *stack.Config, n []int) { c.TCP.NoTimestamps = n[0] == 0 },
	"tcp_window_scaling":   func(c *stack.Config, n []int) { c.TCP.NoWScale = n[0] == 0 },
	"tcp_rto_min_us":       func(c *stack.Config, n []int) { c.TCP.RTOMin = time.Duration(n[0]) * time.Microsecond },
	"tcp_rto_max_ms":       func(c *stack.Config, n []int) { c.TCP.RTOMax = time.Duration(n[0]) * time.Millisecond },
	"tcp_syn_retries":      func(c *stack.Config, n []int) { c.TCP.SynRetries = n[0] },
	"tcp_synack_retries":   func(c *stack.Config, n []int) { c.TCP.SynAckRetries = n[0] },
	"tcp_retries2":         func(c *stack.Config, n []int) { c.TCP.Retries = n[0] },
	"tcp_orphan_retries":   func(c *stack.Config, n []int) { c.TCP.OrphanRetries = n[0] },
	"tcp_fin_timeout":      func(c *stack.Config, n []int) { c.TCP.FinTimeout = time.Duration(n[0]) * time.Second },
	"tcp_keepalive_time":   func(c *stack.Config, n []int) { c.TCP.KeepIdle = time.Duration(n[0]) * time.Second },
	"tcp_keepalive_intvl":  func(c *stack.Config, n []int) { c.TCP.KeepInterval = time.Duration(n[0]) * time.Second },
	"tcp_keepalive_probes": func(c *stack.Config, n []int) { c.TCP.KeepCount = n[0] },
	"tcp_max_syn_backlog":  func(c *stack.Config, n []int) { c.MaxHalfOpen = n[0] },
	"tcp_max_tw_buckets":   func(c *stack.Config, n []int) { c.MaxTimeWait = n[0] },
	"ip_default_ttl":       func(c *stack.Config, n []int) { c.TTL = n[0] },
	"tcp_wmem":             func(c *stack.Config, n []int) { c.SndBuf = n[min(1, len(n)-1)] },
	"tcp_rmem": func(c *stack.Config, n []int) {
		c.RcvBuf, c.TCP.RcvBufMax = n[min(1, len(n)-1)], n[len(n)-1]
	},
}
