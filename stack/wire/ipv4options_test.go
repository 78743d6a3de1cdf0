package wire_test

import (
	"errors"
	"testing"

	"github.com/gotcp/gotcp/stack/wire"
)

func TestParseIPv4Options(t *testing.T) {
	rows := []struct {
		name, hex string
		want      wire.IPv4Options
		bad       bool
	}{
		{"none", "", wire.IPv4Options{}, false},
		{"NOPs and an end", "01 01 00 00", wire.IPv4Options{}, false},
		{"the end ends the list", "00 83 00 00", wire.IPv4Options{}, false},
		{"router alert (RFC 2113)", "94 04 0000", wire.IPv4Options{RouterAlert: true}, false},
		{"record route with room", "07 07 04 00000000 00", wire.IPv4Options{RecordRoute: true}, false},
		{"record route, full", "07 07 08 0a000001 00", wire.IPv4Options{RecordRoute: true}, false},
		{"record route without a place", "07 03 04 00", wire.IPv4Options{RecordRoute: true}, false},
		{"timestamps alone", "44 08 05 00 00000000", wire.IPv4Options{Timestamp: true}, false},
		{"timestamps, full, overflown", "44 08 09 f0 00000000", wire.IPv4Options{Timestamp: true}, false},
		{"timestamps with addresses", "44 0c 05 01 00000000 00000000", wire.IPv4Options{Timestamp: true}, false},
		{"timestamps with given addresses", "44 0c 05 03 00000000 00000000", wire.IPv4Options{Timestamp: true}, false},
		{"loose source route", "83 07 04 0a000001 00", wire.IPv4Options{SourceRoute: true, Pointer: 20}, false},
		{"strict source route after a NOP", "01 89 07 04 0a000001",
			wire.IPv4Options{SourceRoute: true, Pointer: 21}, false},
		{"a source route that has been used up", "83 07 08 0a000001 00",
			wire.IPv4Options{SourceRoute: true, Pointer: 20}, false},
		{"an unknown option is skipped (RFC 1122 section 3.2.1.8)", "1e 06 83838383 94 04 0000 0000",
			wire.IPv4Options{RouterAlert: true}, false},
		{"an unknown option of length 2", "1e 02 94 04 0000 0000", wire.IPv4Options{RouterAlert: true}, false},
		{"several", "01 83 03 04 94 04 0000 07 03 04 44 04 05 00",
			wire.IPv4Options{SourceRoute: true, RouterAlert: true, RecordRoute: true, Timestamp: true, Pointer: 21},
			false},

		{"no length", "01 01 01 83", wire.IPv4Options{Pointer: 23}, true},
		{"length 0", "07 00 04 00", wire.IPv4Options{Pointer: 21}, true},
		{"length 1", "01 1e 01 00", wire.IPv4Options{Pointer: 22}, true},
		{"length past the header", "01 1e 04 00", wire.IPv4Options{Pointer: 22}, true},
		{"length just to the end", "01 1e 03 00", wire.IPv4Options{}, false},
		{"route of length 2", "07 02 01 01", wire.IPv4Options{Pointer: 21}, true},
		{"route with pointer 3", "07 07 03 00000000 00", wire.IPv4Options{Pointer: 22}, true},
		{"route with less room than an address", "07 06 04 000000 0000", wire.IPv4Options{Pointer: 22}, true},
		{"route whose pointer is within the last address", "07 07 05 00000000 00", wire.IPv4Options{Pointer: 22}, true},
		{"route whose pointer is at the last octet", "07 07 07 00000000 00", wire.IPv4Options{Pointer: 22}, true},
		{"source route of length 2", "83 02 01 01", wire.IPv4Options{Pointer: 21}, true},
		{"source route with pointer 0", "89 07 00 00000000 00", wire.IPv4Options{Pointer: 22}, true},
		{"two source routes", "83 03 04 01 89 03 04 00", wire.IPv4Options{SourceRoute: true, Pointer: 24}, true},
		{"two record routes", "07 03 04 07 03 04 00 00", wire.IPv4Options{RecordRoute: true, Pointer: 23}, true},
		{"timestamp of length 3", "44 03 05 00", wire.IPv4Options{Pointer: 21}, true},
		{"timestamp with pointer 4", "44 08 04 00 00000000", wire.IPv4Options{Pointer: 22}, true},
		{"timestamp with less room than a stamp", "44 07 05 00 000000 00", wire.IPv4Options{Pointer: 22}, true},
		{"timestamp whose pointer is at the last octet", "44 08 08 00 00000000", wire.IPv4Options{Pointer: 22}, true},
		{"timestamp with less room than address and stamp", "44 0b 05 01 00000000 000000 00",
			wire.IPv4Options{Pointer: 22}, true},
		{"two timestamps", "44 04 05 00 44 04 05 00", wire.IPv4Options{Timestamp: true, Pointer: 24}, true},
		{"router alert of length 3", "94 03 00 00", wire.IPv4Options{Pointer: 21}, true},
		{"router alert of length 5", "94 05 000000 000000", wire.IPv4Options{Pointer: 21}, true},
	}
	for _, r := range rows {
		got, err := wire.ParseIPv4Options(unhex(t, r.hex))
		if errors.Is(err, wire.ErrIPOption) != r.bad || (err != nil) != r.bad {
			t.Errorf("%s: error %v, want one: %v", r.name, err, r.bad)
		}
		if got != r.want {
			t.Errorf("%s: got %+v\nwant %+v", r.name, got, r.want)
		}
	}
}

func FuzzIPv4Options(f *testing.F) {
	for _, s := range []string{"", "9404 0000", "0107 0704 0000 0000", "8307 040a 0000 0100", "4408 0500 0000 0000"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 40)]
		o, err := wire.ParseIPv4Options(b)
		if (err != nil || o.SourceRoute) && (o.Pointer < 20 || o.Pointer >= 20+len(b)) {
			t.Errorf("%x: the pointer, %d, is not at an option", b, o.Pointer)
		}
		if err == nil && !o.SourceRoute && o.Pointer != 0 {
			t.Errorf("%x: a pointer, %d, where nothing is at fault", b, o.Pointer)
		}
	})
}
