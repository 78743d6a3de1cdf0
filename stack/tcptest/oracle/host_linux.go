package oracle

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/tcptest"
)

// Linux is the kernel's TCP as a target.
var Linux tcptest.Target = target{}

type target struct{}

func (target) Name() string { return "Linux" }

// sysctls are what every script is run with unless its head says otherwise: Linux without what it does beyond the RFCs
// that gotcp keeps to, and with the sizes of a machine with plenty of memory.
var sysctls = map[string]string{
	"tcp_congestion_control":  "reno",
	"tcp_frto":                "0",
	"tcp_ecn":                 "0",
	"tcp_fastopen":            "0",
	"tcp_autocorking":         "0",
	"tcp_comp_sack_nr":        "0", // each out-of-order segment draws an ACK at once
	"tcp_syn_linear_timeouts": "0", // SYNs back off from the first on (RFC 6298)
	"tcp_no_metrics_save":     "1",
	"tcp_rmem":                "4096 131072 6291456",
	"tcp_wmem":                "4096 1048576 4194304",
	"ip_local_port_range":     "32768 60999",
}

const (
	// tolerance covers the kernel's clock ticks (4 ms at HZ=250) and a busy machine's scheduling.
	tolerance = 20 * time.Millisecond
	// coarse covers its timer wheel: a timer may be late by an eighth of what it waits, and so may be what it waits for.
	coarse   = 5
	callTime = 300 * time.Millisecond
	patience = 5 * time.Second
)

// host is a network namespace.
type host struct {
	*tcptest.WallTime
	tun  *os.File
	work chan func() // run on the thread that is in the namespace

	mu   sync.Mutex
	open map[int]bool // the script's sockets
}

// Run implements [tcptest.Target]. It waits for nothing but the script.
func (target) Run(_ *testing.T, cfg *tcptest.Config, sent func(tcptest.Sent), f func(tcptest.Host) error) error {
	if cfg.Late == 0 {
		cfg.Late = tolerance
	}
	cfg.Early, cfg.Coarse, cfg.CallTime, cfg.Patience = tolerance, coarse, callTime, patience
	h := &host{WallTime: tcptest.NewWallTime(nil), work: make(chan func()), open: map[int]bool{}}
	ready := make(chan error, 1)
	go h.thread(cfg, ready)
	defer close(h.work)
	if err := <-ready; err != nil {
		return err
	}
	reader := make(chan struct{})
	go func() {
		defer close(reader)
		h.read(sent)
	}()
	err := f(h)
	h.closeAll()
	h.tun.Close()
	<-reader
	return err
}

// thread makes the namespace and then runs what needs to be run inside it.
func (h *host) thread(cfg *tcptest.Config, ready chan<- error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and the namespace with its sockets
	ready <- h.setUp(cfg)
	for f := range h.work {
		f()
	}
}

func (h *host) setUp(cfg *tcptest.Config) (err error) {
	if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("no network namespace: %w", err)
	}
	if h.tun, err = openTUN(); err != nil {
		return err
	}
	set := maps.Clone(sysctls)
	maps.Copy(set, cfg.Sysctl)
	for name, value := range set {
		if err = sysctl(name, value); err != nil {
			return err
		}
	}
	return configure(tcptest.LocalAddr, tcptest.RemoteAddr, cfg.MTU)
}

// inside runs f in the namespace.
func (h *host) inside(f func() error) error {
	done := make(chan error)
	h.work <- func() { done <- f() }
	return <-done
}

// read hands on what the kernel sends, IPv4 only: IPv6 solicits routers as soon as the device is up.
func (h *host) read(sent func(tcptest.Sent)) {
	buf := make([]byte, 1<<16)
	for {
		n, err := h.tun.Read(buf)
		if err != nil {
			return
		}
		at := time.Now()
		if n >= 20 && buf[0]>>4 == 4 {
			sent(tcptest.Sent{At: at, Packet: append([]byte(nil), buf[:n]...)})
		}
	}
}

// Inject implements [tcptest.Host].
func (h *host) Inject(p []byte) error {
	_, err := h.tun.Write(p)
	return err
}

// Sysctl implements [tcptest.Host].
func (h *host) Sysctl(name, value string) error {
	return h.inside(func() error { return sysctl(name, value) })
}

func (h *host) opened(fd int, err error) {
	if err == nil {
		h.mu.Lock()
		h.open[fd] = true
		h.mu.Unlock()
	}
}

func (h *host) closed(fd int) {
	h.mu.Lock()
	delete(h.open, fd)
	h.mu.Unlock()
}

// closeAll closes the sockets that the script has left open, and wakes who is blocked in a call on one.
func (h *host) closeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for fd := range h.open {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
		_ = unix.Close(fd)
	}
	clear(h.open)
}
