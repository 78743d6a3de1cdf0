package wire_test

import (
	"bytes"
	"testing"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// parseOptions reads options as they lie in a header; b is padded with zeros to a multiple of four.
func parseOptions(t testing.TB, b []byte) wire.Options {
	t.Helper()
	header := append(make([]byte, 20), b...)
	for len(header)%4 != 0 {
		header = append(header, 0)
	}
	header[12] = byte(len(header)/4) << 4
	var seg wire.Segment
	if err := wire.ParseSegment(header, &seg); err != nil {
		t.Fatalf("options made a segment unreadable: %v", err)
	}
	return seg.Options
}

func sack(spans ...seq.Span) wire.Options {
	o := wire.Options{NSACK: uint8(len(spans))}
	copy(o.SACK[:], spans)
	return o
}

func TestParseOptions(t *testing.T) {
	mss := wire.Options{HasMSS: true, MSS: 1460}
	full := wire.Options{
		HasMSS: true, MSS: 1460, HasWScale: true, WScale: 7, SACKPermitted: true, HasTS: true, TSVal: 1, TSEcr: 2,
	}
	rows := []struct {
		name, hex string
		want      wire.Options
	}{
		{"none", "", wire.Options{}},
		{"MSS", "020405b4", mss},
		{"window scale as sent, not clamped to 14", "0303ff", wire.Options{HasWScale: true, WScale: 255}},
		{"SACK permitted", "0402", wire.Options{SACKPermitted: true}},
		{"timestamps", "080a fffffffe 80000001",
			wire.Options{HasTS: true, TSVal: 0xfffffffe, TSEcr: 0x80000001}},
		{"one SACK block, across the wrap", "050a fffffff0 00000010", sack(seq.Span{Start: 0xfffffff0, End: 16})},
		{"four SACK blocks", "0101 0522 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008",
			sack(seq.Span{Start: 1, End: 2}, seq.Span{Start: 3, End: 4}, seq.Span{Start: 5, End: 6},
				seq.Span{Start: 7, End: 8})},

		{"in Linux's order", "020405b4 0402 080a 00000001 00000002 01 030307", full},
		{"in the opposite order, none aligned (MUST-5, MUST-64)", "030307 080a 00000001 00000002 0402 020405b4", full},
		{"many NOPs", "01010101 01 020405b4 010101", mss},
		{"EOL ends the list", "00 020405b4", wire.Options{}},
		{"EOL after one", "020405b4 00 0402", mss},

		{"unknown kind, skipped by its length (MUST-6)", "fd06 aabbccdd 020405b4", mss},
		{"unknown kind of length 2", "fe02 020405b4", mss},
		{"unknown kind that fills the space", "1e28" + zeros(38), wire.Options{}},
		{"unknown kind whose data looks like an option", "fd06 03030101 020405b4", mss},

		{"length 0: stop (MUST-7)", "0300 020405b4", wire.Options{}},
		{"length 1: stop", "0401 020405b4", wire.Options{}},
		{"unknown kind, length 0: stop", "fd00 020405b4", wire.Options{}},
		{"unknown kind, length 1: stop", "fd01 020405b4", wire.Options{}},
		{"length past the header: stop", "020405b4 0809 0000", mss},
		{"one past the end", "fd09 000000 000000", wire.Options{}},
		{"just to the end", "020405b4 fd04 0000", mss},
		{"two octets as the last ones", "0101 0402", wire.Options{SACKPermitted: true}},
		{"a kind as the last octet", "020405b4 010101 08", mss},
		{"what was read before a bad length counts", "020405b4 0402 0800", wire.Options{
			HasMSS: true, MSS: 1460, SACKPermitted: true}},

		{"MSS with length 3, ignored", "020305 030307", wire.Options{HasWScale: true, WScale: 7}},
		{"MSS with length 5, ignored", "020505b400 030307", wire.Options{HasWScale: true, WScale: 7}},
		{"window scale with length 2", "0302 020405b4", mss},
		{"window scale with length 4", "03040707 020405b4", mss},
		{"SACK permitted with length 3", "040300 020405b4", mss},
		{"timestamps with length 9", "0809 00000001000000 020405b4", mss},
		{"timestamps with length 11", "080b 0000000100000000ff 020405b4", mss},
		{"SACK without a block", "0502 020405b4", mss},
		{"SACK with half a block", "0506 00000001 020405b4", mss},
		{"SACK with a block and a half", "050e 00000001 00000002 00000003 020405b4", mss},

		{"of two the last one counts", "02040218 020405b4", mss},
		{"of two SACKs, too: nothing of the first one stays", "0512 00000001 00000002 00000003 00000004" +
			"050a 00000005 00000006", sack(seq.Span{Start: 5, End: 6})},
	}
	for _, r := range rows {
		if got := parseOptions(t, unhex(t, r.hex)); got != r.want {
			t.Errorf("%s: got %+v\nwant %+v", r.name, got, r.want)
		}
	}
}

func zeros(n int) string { return string(bytes.Repeat([]byte("00"), n)) }

func TestPutOptions(t *testing.T) {
	blocks := sack(seq.Span{Start: 1, End: 2}, seq.Span{Start: 3, End: 4}, seq.Span{Start: 5, End: 6},
		seq.Span{Start: 7, End: 8})
	with := func(o wire.Options, edit func(*wire.Options)) wire.Options { edit(&o); return o }
	ts := wire.Options{HasTS: true, TSVal: 0x11223344, TSEcr: 0x55667788}
	const tsHex = "080a 11223344 55667788"
	rows := []struct {
		name string
		o    wire.Options
		hex  string
	}{
		{"none", wire.Options{}, ""},
		{"a SYN's: SACK permitted takes the place of two NOPs before the timestamps",
			with(ts, func(o *wire.Options) {
				o.HasMSS, o.MSS, o.SACKPermitted, o.HasWScale, o.WScale = true, 1460, true, true, 7
			}), "020405b4 0402" + tsHex + "01 030307"},
		{"a SYN's without SACK", with(ts, func(o *wire.Options) {
			o.HasMSS, o.MSS, o.HasWScale, o.WScale = true, 536, true, 0
		}), "02040218 0101" + tsHex + "01 030300"},
		{"a SYN's without timestamps",
			wire.Options{HasMSS: true, MSS: 1460, SACKPermitted: true, HasWScale: true, WScale: 14},
			"020405b4 0101 0402 01 03030e"},
		{"MSS alone", wire.Options{HasMSS: true, MSS: 65495}, "0204ffd7"},
		{"timestamps alone", ts, "0101" + tsHex},
		{"one SACK block", sack(seq.Span{Start: 0xfffffff0, End: 16}), "0101 050a fffffff0 00000010"},
		{"four SACK blocks", blocks,
			"0101 0522 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008"},
		{"no more than three with timestamps", with(blocks, func(o *wire.Options) {
			o.HasTS, o.TSVal, o.TSEcr = true, ts.TSVal, ts.TSEcr
		}), "0101" + tsHex + "0101 051a 00000001 00000002 00000003 00000004 00000005 00000006"},
		{"no more than three with two words of others", with(blocks, func(o *wire.Options) {
			o.HasMSS, o.MSS, o.SACKPermitted = true, 1460, true
		}), "020405b4 0101 0402 0101 051a 00000001 00000002 00000003 00000004 00000005 00000006"},
		{"a count past the array", with(blocks, func(o *wire.Options) { o.NSACK = 200 }),
			"0101 0522 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008"},
		{"all of them: as many blocks as there's room for", with(blocks, func(o *wire.Options) {
			o.HasTS, o.TSVal, o.TSEcr, o.HasMSS, o.MSS = true, ts.TSVal, ts.TSEcr, true, 1460
			o.SACKPermitted, o.HasWScale, o.WScale = true, true, 7
		}), "020405b4 0402" + tsHex + "01 030307 0101 0512 00000001 00000002 00000003 00000004"},
	}
	for _, r := range rows {
		want := unhex(t, r.hex)
		seg := wire.Segment{Options: r.o}
		b := bytes.Repeat([]byte{0xee}, 64)
		n := seg.PutHeader(b)
		if got := b[20:n]; !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", r.name, got, want)
		}
		if r.o.Len() != len(want) || seg.HeaderLen() != n || int(b[12]>>4)*4 != n {
			t.Errorf("%s: options foretold %d, header %d; data offset %d; want %d and %d",
				r.name, r.o.Len(), seg.HeaderLen(), int(b[12]>>4)*4, len(want), 20+len(want))
		}
		if b[n] != 0xee {
			t.Errorf("%s: an octet after the header was written", r.name)
		}
	}
}

func TestSACKBlocks(t *testing.T) {
	o := sack(seq.Span{Start: 1, End: 2}, seq.Span{Start: 3, End: 4})
	if b := o.SACKBlocks(); len(b) != 2 || b[0] != o.SACK[0] || b[1] != o.SACK[1] {
		t.Errorf("blocks %v, want the first two of %v", b, o.SACK)
	}
	var none wire.Options
	if b := none.SACKBlocks(); len(b) != 0 {
		t.Errorf("blocks %v, want none", b)
	}
}
