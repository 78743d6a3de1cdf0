package tun_test

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
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

// role makes this binary another program: one that the tests start.
const role = "GOTCP_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(role) == "open" {
		openAndPrint()
		return
	}
	netns.Main(m)
}

// kernel is the kernel's address, with the network, and ours the stack's.
var (
	kernel = netip.MustParsePrefix("10.77.0.1/24")
	ours   = netip.MustParseAddr("10.77.0.2")
)

// guard is how long a test waits for what should come at once.
const guard = 20 * time.Second

// far is the stack's end of a device: it keeps what arrives.
type far struct {
	*tun.Device
	t      testing.TB
	frames chan link.Frame // copies
}

// openDevice opens and configures a device, and attaches to it.
func openDevice(t testing.TB, cfg tun.Config) *far {
	t.Helper()
	netns.Require(t)
	// Else the kernel answers an address with one ICMP error a second, once it has had six: too few for -count.
	_ = os.WriteFile("/proc/sys/net/ipv4/icmp_ratelimit", []byte("0"), 0) // where /proc/sys may be written to
	d, err := tun.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	f := &far{d, t, make(chan link.Frame, 1000)}
	if err := tun.Configure(d.Name(), kernel, 1500); err != nil {
		t.Fatal(err)
	}
	if err := d.Attach(f.recv); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *far) recv(fr *link.Frame) {
	select {
	case f.frames <- link.Frame{Head: craft.Bytes(fr), Csum: fr.Csum, GSOSize: fr.GSOSize}:
	default:
		f.t.Error("the test takes no frames, and 1000 are waiting")
	}
}

func (f *far) write(fr *link.Frame) {
	f.t.Helper()
	if err := f.Write(fr); err != nil {
		f.t.Fatalf("Write: %v", err)
	}
}

// want gives the next frame of protocol proto from the kernel. Others are passed over.
func (f *far) want(proto uint8) link.Frame {
	f.t.Helper()
	late := time.After(guard)
	for {
		select {
		case fr := <-f.frames:
			if ip := wire.IPv4(fr.Head); ip.Protocol() == proto && ip.Dst() == ours {
				return fr
			}
		case <-late:
			f.t.Fatalf("no frame of protocol %d came", proto)
		}
	}
}

// conn is our end of a TCP connection with the kernel, by hand.
type conn struct {
	*far
	flow craft.Flow
	seg  wire.Segment // what the next segment's header is made of
}

// dial connects to a listener of the kernel's.
func (f *far) dial(l net.Listener) *conn {
	f.t.Helper()
	to := l.Addr().(*net.TCPAddr).AddrPort()
	c := &conn{far: f, flow: craft.Flow{Src: netip.AddrPortFrom(ours, 4000), Dst: to}}
	syn := wire.Segment{Seq: 99, Flags: wire.SYN, Window: 65535}
	syn.Options.HasMSS, syn.Options.MSS = true, 1460
	syn.Options.HasWScale, syn.Options.WScale = true, 10
	f.write(&link.Frame{Head: c.flow.TCP(syn)})
	answer := c.segment(f.want(wire.ProtoTCP))
	if !answer.Flags.Has(wire.SYN | wire.ACK) {
		f.t.Fatalf("the kernel answers a SYN with %v", &answer)
	}
	c.seg = wire.Segment{Seq: 100, Ack: answer.Seq.Add(1), Flags: wire.ACK, Window: 1000}
	f.write(&link.Frame{Head: c.flow.TCP(c.seg)})
	return c
}

// segment takes a frame apart, after its checksum was completed and verified.
func (c *conn) segment(f link.Frame) (s wire.Segment) {
	c.t.Helper()
	checkFrame(c.t, f)
	if err := wire.ParseSegment(wire.IPv4(f.Head).Payload(), &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// checkFrame completes a partial checksum and says whether that makes the packet right.
func checkFrame(t testing.TB, f link.Frame) {
	t.Helper()
	if f.Csum == link.CsumPartial {
		if err := wire.CompleteChecksum(f.Head); err != nil {
			t.Fatal(err)
		}
	}
	if err := craft.Check(f.Head); err != nil {
		t.Fatalf("a packet from the kernel: %v", err)
	}
}

// listen makes a TCP listener at the kernel's end.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", kernel.Addr().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func accept(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(guard))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(guard))
	return c
}

// listenUDP makes a UDP socket at the kernel's end, and a flow from us to it.
func listenUDP(t testing.TB) (*net.UDPConn, craft.Flow) {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(kernel.Addr(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(guard))
	return c, craft.Flow{Src: netip.AddrPortFrom(ours, 7), Dst: c.LocalAddr().(*net.UDPAddr).AddrPort()}
}

// wantBytes compares what came with what was sent.
func wantBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d octets, want the %d that were sent", what, len(got), len(want))
	}
}

// deleteLink deletes an interface, by rtnetlink's RTM_DELLINK.
func deleteLink(t *testing.T, name string) {
	t.Helper()
	ifc, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	m := struct {
		h unix.NlMsghdr
		i unix.IfInfomsg
	}{
		unix.NlMsghdr{Len: 32, Type: unix.RTM_DELLINK, Flags: unix.NLM_F_REQUEST | unix.NLM_F_ACK},
		unix.IfInfomsg{Index: int32(ifc.Index)},
	}
	if err := unix.Sendto(fd, bytesOf(&m), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	if n, _, err := unix.Recvfrom(fd, answer, 0); err != nil || n < 20 || answer[16] != 0 {
		t.Fatalf("the interface can't be deleted: %v, %x", err, answer[:max(n, 0)])
	}
}

// exists reports whether there is an interface of that name.
func exists(name string) bool {
	_, err := tun.MTU(name)
	return err == nil
}

// openAndPrint is a program that opens a device and says how that went.
func openAndPrint() {
	d, err := tun.Open(tun.Config{Name: os.Getenv("NAME")})
	if err != nil {
		os.Stdout.WriteString(err.Error())
		return
	}
	d.Close()
	os.Stdout.WriteString("ok")
}

// openAsNobody is what Open says to a user that may open the node, but has no other privilege. Only root can ask.
func openAsNobody(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"=open", "NAME="+name)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: 65534, Gid: 65534},
		AmbientCaps: []uintptr{unix.CAP_DAC_OVERRIDE},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}
