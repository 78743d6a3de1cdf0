// Package pcap is a tap: a device around another one that writes down, in pcapng, each packet that passes. tshark,
// Wireshark and tcpdump read it.
package pcap

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// Config says how a tap writes. The zero Config is a good one.
type Config struct {
	Clock link.Clock // what packets are stamped with; the wall's
	// Super keeps super-segments whole, as a capture on a device with offloads does. Otherwise they are written as the
	// packets into which they will be cut, so that the capture shows what a wire would carry. Checksums are completed
	// either way.
	Super bool
}

// Device is a tap.
type Device struct {
	link.Device
	cfg  Config
	file io.Closer // nil where the caller owns what is written to

	// mu is held around the writing of a packet to the buffer, and never while one is delivered.
	mu   sync.Mutex
	w    *pcapgo.NgWriter
	err  error // the first of the writer's: from then on nothing is written
	done bool  // the capture is finished
	room []byte
	cut  []byte
}

// Tap puts a tap in front of a device: what is written to the result, and what d receives, is written to w as it
// passes. The result owns d and closes it, which also writes out what is buffered. It doesn't close w.
//
// A write error doesn't stop the packets: see [Device.Err].
func Tap(d link.Device, w io.Writer, cfg Config) (*Device, error) {
	if cfg.Clock == nil {
		cfg.Clock = link.WallClock{}
	}
	t := &Device{Device: d, cfg: cfg, room: make([]byte, link.MaxPacket), cut: make([]byte, link.MaxPacket)}
	about := pcapgo.NgInterface{
		Name: d.Name(), LinkType: layers.LinkTypeIPv4, SnapLength: 0, TimestampResolution: 9,
		Description: fmt.Sprintf("gotcp device, MTU %d", d.MTU()),
	}
	options := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "gotcp"}}
	var err error
	if t.w, err = pcapgo.NewNgWriterInterface(w, about, options); err == nil {
		err = t.w.Flush() // the head now, so that a bad writer is an error here
	}
	if err != nil {
		return nil, fmt.Errorf("pcap: %w", err)
	}
	return t, nil
}

// Create is Tap to a file, which is made or emptied, and closed with the device.
func Create(d link.Device, path string, cfg Config) (*Device, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("pcap: %w", err)
	}
	t, err := Tap(d, f, cfg)
	if err != nil {
		f.Close()
		return nil, err
	}
	t.file = f
	return t, nil
}

// Attach attaches the inner device.
func (t *Device) Attach(recv func(*link.Frame)) error {
	return t.Device.Attach(func(f *link.Frame) {
		t.record(f, pcapgo.NgEpbFlagDirectionInbound)
		recv(f)
	})
}

// Write writes the frame down, and then to the inner device: an answer may come back before that returns. So a frame
// that the device refuses is in the capture, too.
func (t *Device) Write(f *link.Frame) error {
	t.record(f, pcapgo.NgEpbFlagDirectionOutbound)
	return t.Device.Write(f)
}

// Flush writes out what is buffered.
func (t *Device) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.done {
		t.note(t.w.Flush())
	}
	return t.err
}

// Err is the first error of writing, if there was one.
func (t *Device) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Close closes the inner device and finishes the capture. Its error may be that of either.
func (t *Device) Close() error {
	err := errors.Join(t.Device.Close(), t.Flush())
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = true
	if t.file != nil {
		err = errors.Join(err, t.file.Close())
		t.file = nil
	}
	return err
}

// Unwrap returns the inner device.
func (t *Device) Unwrap() link.Device { return t.Device }

// note keeps the first error. The caller holds mu.
func (t *Device) note(err error) {
	if t.err == nil && err != nil {
		t.err = fmt.Errorf("pcap: %w", err)
	}
}

// record writes a frame down. The frame isn't changed: checksums are completed on a copy.
func (t *Device) record(f *link.Frame, dir pcapgo.NgEpbFlag) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done || t.err != nil || f.Len() > len(t.room) {
		return
	}
	b := t.room[:copy(t.room, f.Head)]
	for _, s := range f.Tail {
		b = append(b, s...)
	}
	now := t.cfg.Clock.Now() // under the lock: times in the capture never go back
	if f.GSOSize > 0 && !t.cfg.Super {
		if train, err := wire.Segments(b, f.GSOSize, t.cut); err == nil {
			for p := range train.All {
				t.put(p, now, dir)
			}
			return
		}
	}
	if f.Csum == link.CsumPartial {
		_ = wire.CompleteChecksum(b) // what can't be read is written down as it is
	}
	t.put(b, now, dir)
}

// put writes a packet. The caller holds mu.
func (t *Device) put(b []byte, now time.Time, dir pcapgo.NgEpbFlag) {
	info := gopacket.CaptureInfo{Timestamp: now, CaptureLength: len(b), Length: len(b)}
	t.note(t.w.WritePacketWithOptions(info, b, pcapgo.NgPacketOptions{Flags: &pcapgo.NgEpbFlags{Direction: dir}}))
}
