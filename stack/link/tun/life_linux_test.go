package tun_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
	"github.com/gotcp/gotcp/stack/wire"
)

var hello = craft.Flow{Src: netip.AddrPortFrom(ours, 1), Dst: netip.AddrPortFrom(kernel.Addr(), 2)}.UDP([]byte("hello"))

// Close wakes the readers, and takes the interface away that Open has made.
func TestClose(t *testing.T) {
	forBothPaths(t, func(t *testing.T, f *far) {
		if err := f.Attach(func(*link.Frame) {}); !errors.Is(err, link.ErrAttached) {
			t.Errorf("a second Attach gives %v, want ErrAttached", err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if exists(f.Name()) {
			t.Errorf("%s is still there", f.Name())
		}
		if err := f.Write(&link.Frame{Head: hello}); !errors.Is(err, link.ErrClosed) {
			t.Errorf("Write after Close gives %v, want ErrClosed", err)
		}
		if err := errors.Join(f.Close(), f.Err()); err != nil {
			t.Errorf("a second Close, or Err after it, gives %v", err)
		}
		if err := f.Attach(func(*link.Frame) {}); !errors.Is(err, link.ErrClosed) {
			t.Errorf("Attach after Close gives %v, want ErrClosed", err)
		}
	})
}

func TestCloseWithoutAttach(t *testing.T) {
	netns.Require(t)
	d, err := tun.Open(tun.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil || exists(d.Name()) {
		t.Errorf("Close: %v", err)
	}
}

// While an interface is down nothing passes. Set up again it works as before: the reader has survived.
func TestDownAndUp(t *testing.T) {
	forBothPaths(t, func(t *testing.T, f *far) {
		setDown(t, f.Name())
		if err := f.Write(&link.Frame{Head: hello}); !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("Write while down gives %v, want ENETDOWN", err)
		}
		if err := tun.SetUp(f.Name()); err != nil {
			t.Fatal(err)
		}
		f.write(&link.Frame{Head: hello}) // nobody listens on port 2
		if m, err := wire.ParseICMP(wire.IPv4(f.want(wire.ProtoICMP).Head).Payload()); err != nil ||
			m.Type() != wire.ICMPUnreachable {
			t.Errorf("the kernel answers %v, %v; want port unreachable", m, err)
		}
		if err := f.Err(); err != nil {
			t.Errorf("Err is %v on a device that works", err)
		}
	})
}

func setDown(t *testing.T, name string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ifr, _ := unix.NewIfreq(name)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		t.Fatal(err)
	}
}

// An interface that somebody deletes ends its readers, and Err says so.
func TestDeleted(t *testing.T) {
	forBothPaths(t, func(t *testing.T, f *far) {
		deleteLink(t, f.Name())
		if err := f.Write(&link.Frame{Head: hello}); !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("Write after that gives %v, want ENETDOWN", err)
		}
		for late := time.Now().Add(guard); f.Err() == nil; runtime.Gosched() {
			if time.Now().After(late) {
				t.Fatal("the reader hasn't noticed")
			}
		}
		if err := f.Err(); !errors.Is(err, syscall.EBADFD) {
			t.Errorf("Err says %v, want EBADFD, as the kernel does", err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestWriteRefuses(t *testing.T) {
	forBothPaths(t, func(t *testing.T, f *far) {
		long := craft.Flow{Src: netip.AddrPortFrom(ours, 1), Dst: netip.AddrPortFrom(kernel.Addr(), 2)}.UDP(craft.Data(1473))
		if err := f.Write(&link.Frame{Head: long}); !errors.Is(err, link.ErrTooLong) {
			t.Errorf("a packet beyond the MTU gives %v, want ErrTooLong", err)
		}
		ping := craft.Flow{Src: netip.AddrPortFrom(ours, 0), Dst: netip.AddrPortFrom(kernel.Addr(), 0)}.Echo(1, 1, nil)
		if err := f.Write(&link.Frame{Head: ping, Csum: link.CsumPartial}); !errors.Is(err, link.ErrOffload) {
			t.Errorf("a partial checksum of ICMP gives %v, want ErrOffload", err)
		}
		if off := f.Offload(); f.Path() == tun.Portable && off != (link.Offload{}) || f.Path() == tun.Fast && !off.TSO {
			t.Errorf("the %v path has offload %+v", f.Path(), off)
		}
	})
}

// wantError checks an error of Open's for what it has to say.
func wantError(t *testing.T, what string, err error, is error, noTUN bool, say ...string) {
	t.Helper()
	var e *tun.Error
	if !errors.As(err, &e) || !errors.Is(err, is) {
		t.Errorf("%s gives %v, want a tun.Error that is %v", what, err, is)
		return
	}
	if errors.Is(err, tun.ErrNoTUN) != noTUN {
		t.Errorf("%s gives %v: ErrNoTUN %v, want %v", what, err, !noTUN, noTUN)
	}
	for _, s := range say {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: %q doesn't say %q", what, err, s)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	netns.Require(t)
	for _, p := range []tun.Path{tun.Auto, tun.Fast, tun.Portable} {
		d, err := tun.Open(tun.Config{Path: p})
		if err != nil {
			t.Fatal(err)
		}
		_, err = tun.Open(tun.Config{Name: d.Name(), Path: p})
		wantError(t, "a device that is open", err, syscall.EBUSY, false, d.Name(), "another program")
		d.Close()
		_, err = tun.Open(tun.Config{Name: "lo", Path: p})
		wantError(t, "an interface of another kind", err, syscall.EINVAL, false, "lo", "exists", "another name")
	}
	for _, name := range []string{"sixteen-octets-x", "a/b", "a b"} {
		if _, err := tun.Open(tun.Config{Name: name}); err == nil || !strings.Contains(err.Error(), "1 to 15 octets") {
			t.Errorf("name %q gives %v", name, err)
		}
	}
	if _, err := tun.Open(tun.Config{MTU: 70000}); err == nil || exists("gotcp0") {
		t.Errorf("an MTU of 70000 gives %v, and the device is left: %v", err, exists("gotcp0"))
	}
}

// makePersistent makes an interface that outlives its users, as ip tuntap add does.
func makePersistent(t *testing.T, name string, owner int) {
	t.Helper()
	persist := func(on int) error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		ifr, _ := unix.NewIfreq(name)
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		return errors.Join(unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr), unix.IoctlSetInt(fd, unix.TUNSETOWNER, owner),
			unix.IoctlSetInt(fd, unix.TUNSETPERSIST, on))
	}
	if err := persist(1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { persist(0) })
}

// The user whom root has made a device for opens it without privileges; another one is told what to do.
func TestOpenWithoutPrivilege(t *testing.T) {
	netns.RequireRoot(t)
	makePersistent(t, "mine0", 65534)
	makePersistent(t, "other0", 4321)
	if out := openAsNobody(t, "mine0"); out != "ok" {
		t.Errorf("the device's owner is told %q", out)
	}
	for name, want := range map[string][]string{
		"new0":   {"not permitted", "CAP_NET_ADMIN", "sudo ip tuntap add dev new0 mode tun user $USER", "namespace"},
		"new%d":  {"sudo ip tuntap add dev gotcp0 mode tun user $USER"},
		"other0": {"another user", "sudo ip tuntap del dev other0 mode tun && sudo ip tuntap add dev other0"},
	} {
		out := openAsNobody(t, name)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q doesn't say %q", name, out, w)
			}
		}
	}
}

// A persistent device survives either path, and the fast one leaves no offloads on it that would spoil the portable
// one.
func TestPersistentDevice(t *testing.T) {
	netns.Require(t)
	makePersistent(t, "stays0", os.Getuid())
	for i, p := range []tun.Path{tun.Portable, tun.Fast, tun.Portable, tun.Fast} {
		f := openDevice(t, tun.Config{Name: "stays0", Path: p})
		l := listen(t)
		c := f.dial(l)
		k := accept(t, l)
		if _, err := k.Write(craft.Data(5000)); err != nil {
			t.Fatal(err)
		}
		fr := f.want(wire.ProtoTCP)
		c.segment(fr)
		if p == tun.Portable && (len(fr.Head) > 1500 || fr.Csum != link.CsumFull) {
			t.Errorf("step %d: a frame of %d octets came by the portable path", i, len(fr.Head))
		}
		f.write(&link.Frame{Head: c.flow.TCP(wire.Segment{Seq: 100, Flags: wire.RST})})
		f.Close()
		if !exists("stays0") {
			t.Fatalf("step %d: the %v path has deleted the persistent device", i, p)
		}
	}
}

// The descriptors are not for children.
func TestCloseOnExec(t *testing.T) {
	forBothPaths(t, func(t *testing.T, f *far) {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, e := range fds {
			path, _ := os.Readlink("/proc/self/fd/" + e.Name())
			if path != "/dev/net/tun" {
				continue
			}
			found++
			info, err := os.ReadFile("/proc/self/fdinfo/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			var flags int
			_, rest, _ := strings.Cut(string(info), "flags:")
			if _, err := fmt.Sscanf(rest, "%o", &flags); err != nil || flags&unix.O_CLOEXEC == 0 {
				t.Errorf("descriptor %s would leak into children: flags %o, %v", e.Name(), flags, err)
			}
		}
		if found != 1 {
			t.Errorf("%d descriptors of the TUN driver are open, want 1", found)
		}
	})
}

func TestAvailable(t *testing.T) {
	netns.Require(t)
	if err := tun.Available(); err != nil {
		t.Errorf("Available says %v where devices can be opened", err)
	}
}
