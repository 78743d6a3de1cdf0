package tun_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
	"github.com/gotcp/gotcp/stack/wire"
)

// bytesOf shows a struct as the octets that it is.
func bytesOf[T any](p *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p)) }

// forBothPaths runs a test on a device with offloads and on one without.
func forBothPaths(t *testing.T, test func(t *testing.T, f *far)) {
	for _, p := range []tun.Path{tun.Fast, tun.Portable} {
		t.Run(p.String(), func(t *testing.T) {
			f := openDevice(t, tun.Config{Path: p})
			if f.Path() != p {
				t.Errorf("the path is %v, want %v", f.Path(), p)
			}
			test(t, f)
		})
	}
}

// snmp is a counter of the kernel's in this namespace, such as "Tcp", "InCsumErrors".
func snmp(t testing.TB, proto, name string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if f[0] != proto+":" {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		for i, n := range names {
			if n == name {
				v, _ := strconv.Atoi(f[i])
				return v
			}
		}
	}
	t.Fatalf("no counter %s %s", proto, name)
	return 0
}

// The kernel answers our ping, and what it sends us comes with a checksum that is, or can be made, right.
func TestEcho(t *testing.T) {
	forBothPaths(t, func(t *testing.T, f *far) {
		ping := craft.Flow{Src: netip.AddrPortFrom(ours, 0), Dst: netip.AddrPortFrom(kernel.Addr(), 0)}
		data := craft.Data(1400)
		f.write(&link.Frame{Head: ping.Echo(7, 1, data)})
		reply := f.want(wire.ProtoICMP)
		m, err := wire.ParseICMP(wire.IPv4(reply.Head).Payload())
		if err != nil || m.Type() != wire.ICMPEchoReply || m.EchoID() != 7 || !bytes.Equal(m.Body(), data) {
			t.Errorf("the kernel answers a ping with %s, %v", wire.DescribePacket(reply.Head), err)
		}

		c, flow := listenUDP(t)
		for _, n := range []int{0, 1, 1471, 1472} {
			data := craft.Data(n)
			if _, err := c.WriteToUDPAddrPort(data, flow.Src); err != nil {
				t.Fatal(err)
			}
			fr := f.want(wire.ProtoUDP)
			checkFrame(t, fr)
			wantBytes(t, "a datagram from the kernel", fr.Head[28:], data)

			whole := flow.UDP(data) // and back, in three pieces
			half := 28 + n/2
			f.write(&link.Frame{Head: whole[:28], Tail: [][]byte{whole[28:half], whole[half:]}})
			got := make([]byte, 2000)
			k, err := c.Read(got)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, "a datagram to the kernel", got[:k], data)
		}
	})
}

// One write brings the kernel 45 segments, whose checksum nobody has computed.
func TestSuperSegmentToKernel(t *testing.T) {
	f := openDevice(t, tun.Config{Path: tun.Fast})
	l := listen(t)
	c := f.dial(l)
	k := accept(t, l)
	data := craft.Data(45 * 1448)
	errors := snmp(t, "Tcp", "InCsumErrors")
	for i, flags := range []wire.Flags{wire.ACK | wire.PSH, wire.ACK | wire.PSH | wire.CWR} {
		c.seg.Flags, c.seg.Payload = flags, craft.Payload(data)
		f.write(c.flow.SuperTCP(c.seg, 1448))
		c.seg.Seq = c.seg.Seq.Add(len(data))
		got := make([]byte, len(data))
		if _, err := io.ReadFull(k, got); err != nil {
			t.Fatalf("super-segment %d: %v", i, err)
		}
		wantBytes(t, "the kernel's program", got, data)
	}
	if n := snmp(t, "Tcp", "InCsumErrors"); n != errors {
		t.Errorf("the kernel found %d wrong checksums", n-errors)
	}
	if s := f.Stats(); s.Cut != 0 || s.Refused != 0 {
		t.Errorf("%+v: this kernel takes super-segments, yet some were cut", s)
	}
}

// The kernel sends what its congestion window allows in frames of several segments, if the device says that it can.
func TestSuperSegmentFromKernel(t *testing.T) {
	forBothPaths(t, func(t *testing.T, f *far) {
		l := listen(t)
		c := f.dial(l)
		k := accept(t, l)
		data := craft.Data(300_000)
		sent := make(chan error, 1)
		go func() {
			_, err := k.Write(data)
			sent <- err
		}()
		var got []byte
		largest := 0
		for len(got) < len(data) {
			fr := f.want(wire.ProtoTCP)
			largest = max(largest, len(fr.Head))
			if fr.GSOSize == 0 && len(fr.Head) > 1500 {
				t.Fatalf("a frame of %d octets doesn't say how to cut it", len(fr.Head))
			}
			if p := f.Path() == tun.Portable; p && fr.Csum != link.CsumFull {
				t.Fatal("a frame without a whole checksum came by the portable path")
			}
			s := c.segment(fr)
			if s.Seq != c.seg.Ack {
				continue // sent again: the test is slow
			}
			got = append(got, s.Payload.Bytes()...)
			c.seg.Ack = s.End()
			f.write(&link.Frame{Head: c.flow.TCP(c.seg)})
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "our end", got, data)
		if fast := f.Path() == tun.Fast; fast && largest < 10_000 || !fast && largest > 1500 {
			t.Errorf("the largest frame on the %v path had %d octets", f.Path(), largest)
		}
	})
}

func TestTrainOfDatagrams(t *testing.T) {
	f := openDevice(t, tun.Config{Path: tun.Fast})
	if !f.Offload().USO {
		netns.Lacks(t, "a kernel with USO on TUN devices", errors.New("it came with Linux 6.2"))
	}
	c, flow := listenUDP(t)
	data := craft.Data(10*1200 + 77)
	f.write(flow.SuperUDP(data, 1200))
	for i := 0; i < len(data); i += 1200 {
		got := make([]byte, 2000)
		n, err := c.Read(got)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, fmt.Sprintf("the kernel's program, at %d", i), got[:n], data[i:min(i+1200, len(data))])
	}

	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, 1200) })
	if err == nil {
		_, err = c.WriteToUDPAddrPort(data, flow.Src)
	}
	if err != nil {
		t.Fatal(err)
	}
	fr := f.want(wire.ProtoUDP)
	if fr.GSOSize != 1200 {
		t.Errorf("the train from the kernel has GSO size %d, want 1200", fr.GSOSize)
	}
	train, err := wire.Segments(fr.Head, fr.GSOSize, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for p := range train.All {
		if err := craft.Check(p); err != nil {
			t.Error(err)
		}
		got = append(got, p[28:]...)
	}
	wantBytes(t, "the train from the kernel", got, data)
}

// Each flow stays with a queue, and every queue is read.
func TestQueues(t *testing.T) {
	for _, p := range []tun.Path{tun.Fast, tun.Portable} {
		t.Run(p.String(), func(t *testing.T) {
			f := openDevice(t, tun.Config{Path: p, Queues: 3})
			for i := range 20 {
				c, flow := listenUDP(t)
				data := craft.Data(100 + i)
				f.write(&link.Frame{Head: flow.UDP(data)})
				buf := make([]byte, 2000)
				n, from, err := c.ReadFromUDPAddrPort(buf)
				if err == nil {
					_, err = c.WriteToUDPAddrPort(buf[:n], from)
				}
				if err != nil {
					t.Fatal(err)
				}
				wantBytes(t, "an echo", f.want(wire.ProtoUDP).Head[28:], data)
			}
		})
	}
}

// A receiver may keep the buffer that a frame came in.
func TestAdoption(t *testing.T) {
	forBothPaths(t, func(t *testing.T, f *far) {
		c, _ := listenUDP(t)
		d, err := tun.Open(tun.Config{Path: f.Path()})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if err := tun.Configure(d.Name(), netip.MustParsePrefix("10.78.0.1/24"), 1500); err != nil {
			t.Fatal(err)
		}
		kept := make(chan []byte, 10)
		err = d.Attach(func(fr *link.Frame) {
			if len(fr.Buf) != link.BufSize || cap(fr.Head) > cap(fr.Buf) {
				t.Errorf("Buf has %d octets, want %d", len(fr.Buf), link.BufSize)
			}
			if wire.IPv4(fr.Head).Protocol() != wire.ProtoUDP {
				return
			}
			kept <- fr.Head
			fr.Buf = make([]byte, link.BufSize)
		})
		if err != nil {
			t.Fatal(err)
		}
		to := netip.AddrPortFrom(netip.MustParseAddr("10.78.0.2"), 9)
		for i := range 5 {
			if _, err := c.WriteToUDPAddrPort([]byte{byte(i)}, to); err != nil {
				t.Fatal(err)
			}
		}
		var all [][]byte
		for range 5 {
			all = append(all, <-kept)
		}
		for i, b := range all {
			if b[28] != byte(i) {
				t.Errorf("packet %d was overwritten after it had been adopted", i)
			}
		}
	})
}
