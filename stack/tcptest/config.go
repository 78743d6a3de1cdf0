package tcptest

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// The addresses of every script.
var (
	LocalAddr  = netip.MustParseAddr("192.0.2.1")    // of the host under test
	RemoteAddr = netip.MustParseAddr("198.51.100.1") // of the script
)

// The ports of a script that doesn't say others.
const (
	hostPort   = 8080  // where the host listens; where it connects to
	scriptPort = 36000 // from where the script connects
)

// Config is what a script's head configures.
type Config struct {
	MTU     int  // of the link, octets
	Offload bool // the link takes super-segments (gotcp)
	// Early and Late are how much before and after its time a packet or the end of a call may come. The target decides
	// where a script leaves them at zero.
	Early, Late time.Duration
	// Coarse, where it is not 0, says that the host lives in real time: its timers may be late by one part in so many of
	// what they wait, and what happens late makes all that follows late, too.
	Coarse int
	// CallTime is how long a call that must not block may take; Patience how long to wait for a packet at any time (*).
	CallTime, Patience time.Duration
	// Strict has segments compared as they are: several small ones are no match for one large.
	Strict bool
	// TSTick is the tick of the host's timestamp clock, where the script gives its values in ticks; 0: values are names.
	TSTick time.Duration
	// RemoteISN is the sequence number that is 0 in the script.
	RemoteISN uint32
	// Sysctl has the host's tunables by Linux's names (below net.ipv4) and in Linux's units.
	Sysctl map[string]string
}

// late is how much after its time something may come that has waited for d.
func (c *Config) late(d time.Duration) time.Duration {
	if c.Coarse == 0 {
		return c.Late
	}
	return c.Late + max(d, 0)/time.Duration(c.Coarse)
}

// defaultISN has the sequence numbers wrap early in the data.
const defaultISN = 0xffff_ff00

// NewConfig reads a script's settings. An error is a *[script.Error].
func NewConfig(s *script.Script) (*Config, error) {
	c := &Config{MTU: 1500, Offload: true, RemoteISN: defaultISN, Sysctl: map[string]string{}}
	for _, set := range s.Settings {
		if err := c.set(set.Name, set.Value); err != nil {
			return nil, &script.Error{Path: s.Path, Pos: set.Pos, Msg: err.Error()}
		}
	}
	return c, nil
}

// switches are settings without a value.
var switches = map[string]func(c *Config){
	"strict":       func(c *Config) { c.Strict = true },
	"nooffload":    func(c *Config) { c.Offload = false },
	"nosack":       func(c *Config) { c.Sysctl["tcp_sack"] = "0" },
	"notimestamps": func(c *Config) { c.Sysctl["tcp_timestamps"] = "0" },
	"nowscale":     func(c *Config) { c.Sysctl["tcp_window_scaling"] = "0" },
	"nodsack":      func(c *Config) { c.Sysctl["tcp_dsack"] = "0" },
}

// values are settings with a number; the sysctl's format has one place for it.
var values = map[string]func(c *Config, n int){
	"mtu":               func(c *Config, n int) { c.MTU = n },
	"mss":               func(c *Config, n int) { c.MTU = n + ipHeader + tcpHeader },
	"isn":               func(c *Config, n int) { c.RemoteISN = uint32(n) },
	"tolerance_usecs":   func(c *Config, n int) { c.Late = time.Duration(n) * time.Microsecond },
	"tcp_ts_tick_usecs": func(c *Config, n int) { c.TSTick = time.Duration(n) * time.Microsecond },
	"sndbuf":            func(c *Config, n int) { c.Sysctl["tcp_wmem"] = fmt.Sprintf("4096 %d %d", n, max(n, 4<<20)) },
	"rcvbuf":            func(c *Config, n int) { c.Sysctl["tcp_rmem"] = fmt.Sprintf("4096 %d %d", n, max(n, 6<<20)) },
	"syn_retries":       sysctlNumber("tcp_syn_retries"),
	"synack_retries":    sysctlNumber("tcp_synack_retries"),
	"retries":           sysctlNumber("tcp_retries2"),
	"keepalive_count":   sysctlNumber("tcp_keepalive_probes"),
}

// durations are settings with a time, as in "200ms".
var durations = map[string]func(c *Config, d time.Duration){
	"tolerance":          func(c *Config, d time.Duration) { c.Late = d },
	"tstick":             func(c *Config, d time.Duration) { c.TSTick = d },
	"rto_min":            sysctlTime("tcp_rto_min_us", time.Microsecond),
	"rto_max":            sysctlTime("tcp_rto_max_ms", time.Millisecond),
	"fin_timeout":        sysctlTime("tcp_fin_timeout", time.Second),
	"keepalive_idle":     sysctlTime("tcp_keepalive_time", time.Second),
	"keepalive_interval": sysctlTime("tcp_keepalive_intvl", time.Second),
}

func sysctlNumber(name string) func(*Config, int) {
	return func(c *Config, n int) { c.Sysctl[name] = strconv.Itoa(n) }
}

func sysctlTime(name string, unit time.Duration) func(*Config, time.Duration) {
	return func(c *Config, d time.Duration) { c.Sysctl[name] = strconv.FormatInt(int64(d/unit), 10) }
}

// set applies one setting.
func (c *Config) set(name, value string) error {
	if f, ok := switches[name]; ok {
		if value != "" {
			return fmt.Errorf("setting %s takes no value, has %q", name, value)
		}
		f(c)
		return nil
	}
	if f, ok := values[name]; ok {
		n, err := strconv.ParseUint(value, 0, 32)
		if err != nil {
			return fmt.Errorf("bad setting %s=%q, expected a number", name, value)
		}
		f(c, int(n))
		return nil
	}
	if f, ok := durations[name]; ok {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return fmt.Errorf("bad setting %s=%q, expected a time such as 200ms", name, value)
		}
		f(c, d)
		return nil
	}
	switch {
	case name == "ip_version" && value == "ipv4":
		return nil
	case strings.HasPrefix(name, "tcp_") || strings.HasPrefix(name, "ip_"):
		c.Sysctl[name] = value
		return nil
	}
	return fmt.Errorf("unknown setting %q, expected a sysctl (tcp_..., ip_...) or one of %s", name, settingNames())
}

func settingNames() string {
	names := slices.Collect(maps.Keys(switches))
	names = slices.AppendSeq(names, maps.Keys(values))
	names = slices.AppendSeq(names, maps.Keys(durations))
	slices.Sort(names)
	return strings.Join(names, ", ")
}
