package border

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// muxFrame is a frame of yamux.
func muxFrame(kind byte, flags uint16, stream uint32, text string) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0, kind}, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...)
}

// duplex reads from one and writes to nobody.
type duplex struct{ io.Reader }

func (duplex) Write(p []byte) (int, error) { return len(p), nil }
func (duplex) Close() error                { return nil }

// TestMuxGuard: frames are seen as they are, in whatever pieces they come, and what looks like one in a text isn't one.
func TestMuxGuard(t *testing.T) {
	ping := string(muxFrame(muxTypePing, muxFlagSYN, 0, ""))
	good := string(muxFrame(muxTypeData, 0, 1, ping+"text")) + string(muxFrame(1, 2, 1, "")) + string(muxFrame(muxTypePing, 2, 0, ""))
	for _, c := range []struct{ octets, want string }{
		{good, ""},
		{good + ping, "a ping"},
		{good + string(muxFrame(muxTypeData, muxFlagSYN, 2, "x")), "a stream of"},
		{good + string(muxFrame(1, muxFlagSYN, 2, "")), "a stream of"},
	} {
		for how, r := range map[string]io.Reader{
			"whole": strings.NewReader(c.octets), "by octets": iotest.OneByteReader(strings.NewReader(c.octets)),
		} {
			g := &MuxGuard{ReadWriteCloser: duplex{r}}
			_, err := io.Copy(io.Discard, struct{ io.Reader }{g})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%q, %s: %v; want %q", c.octets, how, err, c.want)
			}
		}
	}
}

// TestGuardMux: so many pings pass, which a server of yamux sends by itself, and no more.
func TestGuardMux(t *testing.T) {
	ping := string(muxFrame(muxTypePing, muxFlagSYN, 0, ""))
	for n, ok := range map[int]bool{3: true, 4: false} {
		g := GuardMux(duplex{strings.NewReader(strings.Repeat(ping, n))}, 3)
		if _, err := io.Copy(io.Discard, g); err == nil != ok {
			t.Errorf("%d pings: %v", n, err)
		}
	}
}

// TestMuxFloods: a plugin that floods its host with what yamux answers is cut, and told why.
func TestMuxFloods(t *testing.T) {
	for want, frame := range map[string][]byte{
		"a ping": muxFrame(muxTypePing, muxFlagSYN, 0, ""), "a stream of": muxFrame(1, muxFlagSYN, 2, ""),
	} {
		own, _ := stacks(t)
		here, there := net.Pipe()
		c, err := MuxHost(here)
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, there)
		go func() {
			for {
				if _, err := there.Write(frame); err != nil {
					return
				}
			}
		}()
		if err := Serve(t.Context(), c, own, Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Serve gives %v; want an error about %q", err, want)
		}
		there.Close()
	}
}

// FuzzMuxGuard: no octets make it panic, or change what passes.
func FuzzMuxGuard(f *testing.F) {
	f.Add(muxFrame(muxTypeData, 0, 1, "text"), 3)
	f.Add(muxFrame(muxTypePing, muxFlagSYN, 1, ""), 1)
	f.Fuzz(func(t *testing.T, octets []byte, size int) {
		g := &MuxGuard{ReadWriteCloser: duplex{strings.NewReader(string(octets))}}
		buf, passed := make([]byte, 1+uint(size)%100), ""
		for {
			n, err := g.Read(buf)
			passed += string(buf[:n])
			if err != nil {
				break
			}
		}
		if !strings.HasPrefix(string(octets), passed) || g.Broken(nil) == nil && passed != string(octets) {
			t.Errorf("%q became %q", octets, passed)
		}
	})
}
