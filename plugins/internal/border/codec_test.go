package border

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/likenet"
)

// samples has each message once, with something in each field.
var samples = []message{
	&hello{7},
	&dial{settings: settings{
		req: 1 << 40, network: "tcp", address: "host:80", keepAlive: -1, limited: true, timeout: time.Second, cancelled: true,
		keepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Hour, Interval: -1, Count: -3},
	}, local: &net.TCPAddr{IP: net.IP{10, 0, 0, 1}, Port: 9}, fallback: -time.Second},
	&listen{settings: settings{req: 2, network: "udp4", address: ":53"}, packet: true},
	&cancel{3}, &want{4},
	&call{req: 5, id: 6, op: opSockopt, arg: -1 << 62, text: "cubic", config: net.KeepAliveConfig{Count: 1}},
	&shut{7}, &closing{8, 9, 10, true}, &exchange{11, true, []byte("query"), time.Minute},
	&ready{"listening"}, &finished{"no more"},
	&opened{12, 13, true, netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("[fe80::1%eth0]:2")},
	&listening{14, 15, netip.MustParseAddrPort("[::ffff:10.0.0.1]:3")},
	&accepted{16, 17, "tcp4", netip.AddrPort{}, netip.MustParseAddrPort("10.0.0.2:4")},
	&refused{18, syscall.EMFILE}, &died{19, syscall.ECONNRESET}, &ended{20, true}, &sent{21, 22, syscall.ENETUNREACH},
	&reply{23, io.EOF, []byte{1, 2}}, &event{[]byte("event")}, &stop{},
}

// TestMessagesKeepTheirFields: what one end has put into a message the other finds there, and no kind is left out.
func TestMessagesKeepTheirFields(t *testing.T) {
	seen := map[kind]bool{}
	for _, m := range samples {
		seen[m.kind()] = true
		b, err := encode(nil, m)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		got, err := decode(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v became %+v, %v", m, got, err)
		}
		for i := range b {
			if _, err := decode(b[:i]); err == nil {
				t.Errorf("%T: %d of its %d octets pass for a message", m, i, len(b))
			}
		}
		if _, err := decode(append(b, 0)); err == nil {
			t.Errorf("%T with an octet more passes for a message", m)
		}
	}
	for k := range messages {
		if messages[k] != nil && !seen[kind(k)] {
			t.Errorf("kind %d has no sample", k)
		}
	}
}

// TestErrorsKeepTheirIdentity: programs compare errors, assert their types, and print them.
func TestErrorsKeepTheirIdentity(t *testing.T) {
	canceled, timeout := likenet.ErrCanceled(), likenet.ErrTimeout
	a, b := &net.TCPAddr{IP: net.IP{10, 0, 0, 1}, Port: 1}, &net.UDPAddr{IP: net.IPv6loopback, Port: 2, Zone: "z"}
	for _, err := range []error{
		nil, io.EOF, net.ErrClosed, os.ErrDeadlineExceeded, net.ErrWriteToConnected, context.Canceled, canceled, timeout,
		syscall.ECONNRESET, os.NewSyscallError("connect", syscall.ECONNREFUSED), errors.New("text"),
		&net.OpError{Op: "dial", Net: "tcp", Source: a, Addr: b, Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)},
		&net.OpError{Op: "dial", Net: "tcp", Err: &net.AddrError{Err: "missing port in address", Addr: "x"}},
		&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
			Err: "no such host", Name: "x", Server: "y", IsNotFound: true}},
		&net.OpError{Op: "dial", Net: "x", Err: net.UnknownNetworkError("x")},
	} {
		got := roundTripError(t, err)
		if !reflect.DeepEqual(got, err) {
			t.Errorf("%#v became %#v", err, got)
		}
	}
	if got := roundTripError(t, errDialTimeout(t)); got != timeout {
		t.Errorf("package net's timeout of a dial became %#v; want the stack's, which is both kinds", got)
	}
}

// errDialTimeout is what net.Dialer gives.
func errDialTimeout(t *testing.T) error {
	_, err := netapi.Kernel{}.DialWith(t.Context(), &net.Dialer{Deadline: past}, "tcp", "127.0.0.1:9")
	var op *net.OpError
	if !errors.As(err, &op) {
		t.Fatal(err)
	}
	return op.Err
}

func roundTripError(t *testing.T, err error) error {
	t.Helper()
	text, encErr := encode(nil, &died{1, err})
	if encErr != nil {
		t.Fatal(encErr)
	}
	m, decErr := decode(text)
	if decErr != nil {
		t.Fatalf("%v: %v", err, decErr)
	}
	return m.(*died).err
}

// TestForeignErrors: of an error whose type the plugin doesn't know it learns the text, what it wraps, and whether it
// was a matter of time; however large and deep it is, it fits.
func TestForeignErrors(t *testing.T) {
	got := roundTripError(t, fmt.Errorf("rule 3: %w", errors.Join(syscall.EACCES, io.ErrUnexpectedEOF)))
	if !errors.Is(got, syscall.EACCES) || !errors.Is(got, io.ErrUnexpectedEOF) ||
		!strings.HasPrefix(got.Error(), "rule 3: ") {
		t.Errorf("%#v is not the two errors that it wraps", got)
	}
	deep := error(syscall.EPIPE)
	for range 50 {
		deep = fmt.Errorf("%s: %w", strings.Repeat("x", 100), deep)
	}
	got = roundTripError(t, deep)
	if len(got.Error()) != maxErrText {
		t.Errorf("a text of %d octets became %d; want it cut to %d", len(deep.Error()), len(got.Error()), maxErrText)
	}
	if got := roundTripError(t, remoteTimeout{}); !got.(net.Error).Timeout() {
		t.Errorf("%#v is no timeout", got)
	}
}

type remoteTimeout struct{}

func (remoteTimeout) Error() string   { return "too slow" }
func (remoteTimeout) Timeout() bool   { return true }
func (remoteTimeout) Temporary() bool { return false }

// FuzzMessage: whatever octets come, decode gives a message or an error, takes no more memory than a multiple of them,
// and a message that it gives is one that encode makes.
func FuzzMessage(f *testing.F) {
	for _, m := range samples {
		b, _ := encode(nil, m)
		f.Add(b)
	}
	f.Add([]byte{byte(kindDied), 1, errOp, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		again, err := encode(nil, m)
		if err != nil {
			return // an error's text, say, that is longer than what is sent
		}
		if _, err := decode(again); err != nil {
			t.Fatalf("%+v, encoded again, doesn't decode: %v", m, err)
		}
	})
}

// FuzzPacket: a packet of a UDP socket's data path is the plugin's word.
func FuzzPacket(f *testing.F) {
	good := make([]byte, headerSize, headerSize+1)
	(&header{netip.MustParseAddrPort("10.0.0.1:53"), 1}).encode(good)
	f.Add(append(good, 'x'))
	f.Add([]byte{17})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, text, err := decodePacket(b)
		if err == nil && len(text) != len(b)-headerSize {
			t.Fatalf("%+v has a text of %d octets of %d", h, len(text), len(b))
		}
	})
}
