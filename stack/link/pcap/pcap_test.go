package pcap_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/pcap"
	"github.com/gotcp/gotcp/stack/wire"
)

var flow = craft.NewFlow("10.0.0.1:1000", "10.0.0.2:2000")

// captured is a packet read back.
type captured struct {
	data []byte
	at   time.Time
	dir  pcapgo.NgEpbFlag
}

// read takes a capture apart.
func read(t *testing.T, r io.Reader) (*pcapgo.NgReader, []captured) {
	t.Helper()
	ng, err := pcapgo.NewNgReader(r, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatalf("not a capture: %v", err)
	}
	var all []captured
	for {
		data, info, opts, err := ng.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			return ng, all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, captured{data, info.Timestamp, opts.Flags.Direction})
	}
}

// tapped is a pipe whose first end has a tap.
func tapped(t *testing.T, w io.Writer, cfg pcap.Config) (tap *pcap.Device, far link.Device) {
	t.Helper()
	a, far := link.Pipe(1500, link.WithNames("left", "right"))
	tap, err := pcap.Tap(a, w, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tap, far
}

func attach(t *testing.T, d link.Device, recv func(*link.Frame)) {
	t.Helper()
	if err := d.Attach(recv); err != nil {
		t.Fatal(err)
	}
}

func ignore(*link.Frame) {}

func TestTap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file bytes.Buffer
		tap, far := tapped(t, &file, pcap.Config{})
		there, back := flow.UDP([]byte("question")), flow.Back().UDP([]byte("answer"))
		attach(t, far, func(*link.Frame) { far.Write(&link.Frame{Head: back}) })
		got := 0
		attach(t, tap, func(f *link.Frame) {
			if got++; !bytes.Equal(f.Head, back) {
				t.Error("what came through the tap isn't what was sent")
			}
		})
		start := time.Now()
		for range 2 {
			if err := tap.Write(&link.Frame{Head: there}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(1500 * time.Microsecond)
		}
		if err := tap.Close(); err != nil {
			t.Fatal(err)
		}
		if got != 2 {
			t.Errorf("%d packets came up, want 2", got)
		}
		ng, all := read(t, &file)
		about, err := ng.Interface(0)
		if err != nil || about.Name != "left" || about.LinkType != layers.LinkTypeIPv4 {
			t.Errorf("the interface is %+v, %v; want the device's name, and raw IPv4", about, err)
		}
		if len(all) != 4 {
			t.Fatalf("%d packets captured, want 4", len(all))
		}
		for i, c := range all {
			data, dir := there, pcapgo.NgEpbFlagDirectionOutbound
			if i%2 == 1 { // the answer comes while Write is under way, and yet after the question
				data, dir = back, pcapgo.NgEpbFlagDirectionInbound
			}
			if !bytes.Equal(c.data, data) || c.dir != dir {
				t.Errorf("packet %d has direction %d, or other octets than were sent", i, c.dir)
			}
			if want := start.Add(time.Duration(i/2) * 1500 * time.Microsecond); !c.at.Equal(want) {
				t.Errorf("packet %d is stamped %v, want the bubble's %v", i, c.at, want)
			}
		}
	})
}

func TestTapCutsSuperSegments(t *testing.T) {
	data := craft.Payload(craft.Data(45 * 1448))
	super := flow.SuperTCP(wire.Segment{Seq: 1, Flags: wire.ACK | wire.PSH, Payload: data}, 1448)
	partial := flow.SuperTCP(wire.Segment{Seq: 1, Flags: wire.ACK, Payload: craft.Payload(craft.Data(100))}, 0)
	before := craft.Bytes(super)
	for _, c := range []struct {
		cfg  pcap.Config
		want int
		max  int
	}{{pcap.Config{}, 46, 1488}, {pcap.Config{Super: true}, 2, 45*1448 + 40}} {
		var file bytes.Buffer
		tap, far := tapped(t, &file, c.cfg)
		whole := 0
		attach(t, far, func(f *link.Frame) {
			if f.GSOSize == super.GSOSize && f.Csum == link.CsumPartial && bytes.Equal(f.Head, before) {
				whole++
			}
		})
		for _, f := range []*link.Frame{super, partial} {
			if err := tap.Write(f); err != nil {
				t.Fatal(err)
			}
		}
		if whole != 1 {
			t.Error("the tap changed the frame on its way")
		}
		tap.Close()
		_, all := read(t, &file)
		if len(all) != c.want || len(all[0].data) != c.max {
			t.Errorf("%+v: %d packets captured, the first of %d octets; want %d, of %d", c.cfg, len(all), len(all[0].data),
				c.want, c.max)
		}
		for i, p := range all {
			if err := craft.Check(p.data); err != nil {
				t.Errorf("%+v: packet %d: %v", c.cfg, i, err)
			}
		}
	}
}

// A frame's buffer can still be adopted behind a tap.
func TestTapPassesBuf(t *testing.T) {
	tap, far := tapped(t, io.Discard, pcap.Config{})
	offered := 0
	attach(t, tap, func(f *link.Frame) { offered = len(f.Buf) })
	attach(t, far, ignore)
	far.Write(flow.Back().SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(60000))}, 1448))
	if offered != link.BufSize {
		t.Errorf("behind the tap a frame offers %d octets for adoption, want %d", offered, link.BufSize)
	}
}

func TestTapConcurrently(t *testing.T) {
	var file bytes.Buffer
	tap, far := tapped(t, &file, pcap.Config{})
	attach(t, tap, ignore)
	attach(t, far, ignore)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			d := []link.Device{tap, far}[w%2]
			for range 100 {
				d.Write(&link.Frame{Head: flow.UDP(craft.Data(300))})
			}
		})
	}
	wg.Wait()
	tap.Close()
	_, all := read(t, &file)
	for i, p := range all {
		if craft.Check(p.data) != nil || i > 0 && p.at.Before(all[i-1].at) {
			t.Fatalf("packet %d is damaged, or older than the one before", i)
		}
	}
	if len(all) != 400 {
		t.Errorf("%d packets captured, want 400", len(all))
	}
}

// fullDisk fails once it has taken so many octets.
type fullDisk struct{ left int }

var errFull = errors.New("disk is full")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// A capture that can't go on is no reason for packets not to.
func TestTapOnAFullDisk(t *testing.T) {
	if _, err := pcap.Tap(link.NewLoopback(0), &fullDisk{}, pcap.Config{}); !errors.Is(err, errFull) {
		t.Errorf("Tap to a writer that takes nothing gives %v", err)
	}
	tap, far := tapped(t, &fullDisk{left: 1000}, pcap.Config{})
	n := 0
	attach(t, far, func(*link.Frame) { n++ })
	for range 20 {
		if err := tap.Write(&link.Frame{Head: flow.UDP(craft.Data(1000))}); err != nil {
			t.Fatal(err)
		}
	}
	if n != 20 {
		t.Errorf("%d packets of 20 passed", n)
	}
	if err := tap.Close(); !errors.Is(err, errFull) || !errors.Is(tap.Err(), errFull) {
		t.Errorf("Close gives %v, Err %v: want the writer's error", err, tap.Err())
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pcapng")
	a, far := link.Pipe(1500)
	tap, err := pcap.Create(a, path, pcap.Config{})
	if err != nil {
		t.Fatal(err)
	}
	attach(t, far, ignore)
	tap.Write(&link.Frame{Head: flow.Echo(1, 2, []byte("ping"))})
	if err := tap.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tap.Close(); err != nil {
		t.Errorf("the second Close gives %v", err)
	}
	if err := tap.Write(&link.Frame{Head: flow.UDP(nil)}); !errors.Is(err, link.ErrClosed) {
		t.Errorf("Write after Close gives %v, want ErrClosed", err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, all := read(t, f); len(all) != 1 {
		t.Errorf("%d packets in the file, want 1", len(all))
	}
	if _, err := pcap.Create(a, filepath.Join(path, "no", "such"), pcap.Config{}); err == nil {
		t.Error("Create in a directory that isn't there is no error")
	}
}

// tshark is the reader that counts: nothing malformed, no bad checksum.
func TestTsharkReads(t *testing.T) {
	tshark := netns.RequireProgram(t, "tshark")
	path := filepath.Join(t.TempDir(), "x.pcapng")
	a, far := link.Pipe(1500)
	tap, err := pcap.Create(a, path, pcap.Config{})
	if err != nil {
		t.Fatal(err)
	}
	attach(t, tap, ignore)
	attach(t, far, ignore)
	seg := wire.Segment{Seq: 1, Ack: 1, Flags: wire.ACK | wire.PSH, Window: 500, Payload: craft.Payload(craft.Data(4000))}
	for _, f := range []*link.Frame{
		flow.SuperTCP(seg, 1448), flow.SuperUDP(craft.Data(5000), 1400), {Head: flow.Echo(1, 1, []byte("ping"))},
	} {
		tap.Write(f)
	}
	far.Write(flow.Back().SuperTCP(seg, 1448))
	tap.Close()
	out, err := exec.Command(tshark, "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
		"-o", "ip.check_checksum:TRUE", "-T", "fields", "-e", "frame.interface_name", "-e", "frame.packet_flags_direction",
		"-e", "frame.protocols", "-e", "_ws.malformed", "-e", "ip.checksum.status", "-e", "tcp.checksum.status",
		"-e", "udp.checksum.status").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 3+4+1+3 {
		t.Errorf("tshark sees %d packets, want 11:\n%s", len(lines), out)
	}
	for _, l := range lines {
		f := strings.Split(l, "\t")
		sound := f[3] == "" && f[4] == "1" && (f[5] == "1" || f[6] == "1" || strings.Contains(f[2], "icmp"))
		if f[0] != "pipe-a" || f[1] == "" || !sound {
			t.Errorf("tshark sees something wrong in %q", l)
		}
	}
}
