package plugins

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/netapi"
)

// Where attackers find a server that writes nothing, one that writes without end, and one that doesn't even read. Nobody
// is at the last.
const (
	silentServer  = "10.77.0.2:9"
	endlessServer = "10.77.0.2:10"
	idleServer    = "10.77.0.2:11"
	nobody        = "10.77.0.250:9"
)

// attackers are services that do what they can to their host by way of the network that they are given, or of what any
// process has.
var attackers = map[string]func(ctx context.Context, n netapi.Network){
	"dials": func(ctx context.Context, n netapi.Network) {
		flood(func() (any, error) { return dial(ctx, n, silentServer) })
	},
	"listens": func(ctx context.Context, n netapi.Network) {
		flood(func() (any, error) { return n.Listen(ctx, "tcp", ":0") })
	},
	"hoards": func(ctx context.Context, n netapi.Network) {
		flood(func() (any, error) { return dial(ctx, n, endlessServer) })
	},
	"sockets": attackSockets,
	"names":   attackNames,
	"greed":   attackGreed,
	"accepts": attackAccepts,
	"stderr":  func(context.Context, netapi.Network) { pour(os.NewFile(2, "stderr"), strings.Repeat("x", 64<<10)) },
	"lines": func(context.Context, netapi.Network) {
		pour(os.NewFile(2, "stderr"), strings.Repeat("[WARN] ?\n", 7000))
	},
	"stdout":   func(context.Context, netapi.Network) { pour(os.NewFile(1, "stdout"), strings.Repeat("y\n", 32<<10)) },
	"stdio":    func(context.Context, netapi.Network) { pour(os.Stdout, strings.Repeat("z", 64<<10)) }, // by go-plugin's stream
	"deaf":     func(context.Context, netapi.Network) { select {} },
	"spin":     func(context.Context, netapi.Network) { spin() },
	"frozen":   func(context.Context, netapi.Network) { syscall.Kill(os.Getpid(), syscall.SIGSTOP) },
	"children": attackChildren,
	"packets":  attackPackets,
}

func init() {
	for name, attack := range attackers {
		testPlugins["attack-"+name] = []Kind{Service(func(ctx context.Context, n netapi.Network) error {
			attack(ctx, n)
			select {}
		})}
	}
	testPlugins["attack-blind"] = []Kind{Observer(func(context.Context, Event) {
		sayOnce.Do(func() { slog.Info("attack", "error", "I don't look") })
		select {}
	})}
}

var sayOnce sync.Once

// dial is a dial that ends, in any case.
func dial(ctx context.Context, n netapi.Network, to string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return n.DialContext(ctx, "tcp", to)
}

// flood takes what it can get, keeps it, and logs each error the first time.
func flood(get func() (any, error)) {
	var mu sync.Mutex
	var kept []any
	said := map[string]bool{}
	for range 16 {
		go func() {
			for {
				got, err := get()
				mu.Lock()
				if err == nil {
					kept = append(kept, got)
				} else if text := err.Error(); len(said) < 10 && !said[text] {
					said[text] = true
					slog.Info("attack", "error", text)
				}
				mu.Unlock()
			}
		}()
	}
	select {}
}

// pour writes the same again and again.
func pour(to *os.File, text string) {
	for {
		to.WriteString(text)
	}
}

// anyAddress is one of millions.
func anyAddress() netip.AddrPort {
	var b [4]byte
	rand.Read(b[:])
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 78, b[0], b[1]}), uint16(b[2])<<8|uint16(b[3])|1)
}

// spin takes a processor, and a second one where there is.
func spin() {
	for range 2 {
		go func() {
			for n := 0; n >= 0; n ^= 1 {
			}
		}()
	}
	select {}
}

// attackSockets makes UDP sockets, and sends from each to whomever.
func attackSockets(ctx context.Context, n netapi.Network) {
	flood(func() (any, error) {
		c, err := n.ListenPacket(ctx, "udp", ":0")
		if err != nil {
			return nil, err
		}
		go func() {
			for text := make([]byte, 1400); ; {
				c.WriteTo(text, net.UDPAddrFromAddrPort(anyAddress()))
			}
		}()
		return c, nil
	})
}

// attackNames asks for names that there are not.
func attackNames(ctx context.Context, n netapi.Network) {
	flood(func() (any, error) {
		var b [8]byte
		rand.Read(b[:])
		_, err := n.Resolver().LookupHost(ctx, hex.EncodeToString(b[:])+".test.")
		if dns, ok := err.(*net.DNSError); ok {
			dns.Name = "a name"
		}
		return nil, err
	})
}

// attackGreed asks for large buffers, and fills them for somebody who doesn't read.
func attackGreed(ctx context.Context, n netapi.Network) {
	flood(func() (any, error) {
		c, err := dial(ctx, n, idleServer)
		if err != nil {
			return nil, err
		}
		c.(interface{ SetReadBuffer(int) error }).SetReadBuffer(1 << 30)
		c.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(1 << 30)
		go func() {
			for text := make([]byte, 1<<20); ; {
				if _, err := c.Write(text); err != nil {
					return
				}
			}
		}()
		return c, nil
	})
}

// attackAccepts listens and accepts nobody.
func attackAccepts(ctx context.Context, n netapi.Network) {
	_, err := n.Listen(ctx, "tcp", ":7")
	slog.Info("attack", "error", fmt.Sprint(err))
	select {}
}

// attackChildren starts a child that its host doesn't know of, and gives it all that the plugin has open.
func attackChildren(context.Context, netapi.Network) {
	cmd := exec.Command("/bin/sleep", "1000")
	cmd.Stdout, cmd.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, path := range fds {
		fd, _ := strconv.Atoi(filepath.Base(path))
		if to, _ := os.Readlink(path); strings.HasPrefix(to, "socket:") {
			if copied, err := unix.Dup(fd); err == nil {
				cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(uintptr(copied), "socket"))
			}
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err := cmd.Start()
	slog.Info("attack", "error", fmt.Sprint(err))
}

// attackPackets goes past package dialer: to the kernel of its sandbox.
func attackPackets(ctx context.Context, _ netapi.Network) {
	for range 8 {
		go flood(func() (any, error) {
			return net.DialTimeout("tcp", anyAddress().String(), time.Second)
		})
		go flood(func() (any, error) {
			c, err := net.Dial("udp", anyAddress().String())
			if err == nil {
				c.Write(make([]byte, 1400))
				c.Close()
			}
			return nil, err
		})
		go attackNames(ctx, netapi.Kernel{})
	}
	select {}
}
