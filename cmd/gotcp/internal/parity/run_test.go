package parity

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
)

// loop is a pair on which each talks to itself; the stack takes the kernel's place as well.
func loop(t *testing.T) *Pair {
	s := stack.New(stack.Config{})
	t.Cleanup(func() { s.Close() })
	n, a := netapi.NewStack(s), netip.MustParseAddr("127.0.0.1")
	h := Host{Net: n, Peer: n, Addr: a, To: a}
	return &Pair{Name: "loopback", Stack: h, Kernel: h}
}

// TestStuckIsADifference: questions that fail alike on both sides have compared nothing.
func TestStuckIsADifference(t *testing.T) {
	k := task{p: loop(t), q: question{"q.q", needNothing, func(q *asking) {
		q.err("a", nil)
		q.must(io.ErrUnexpectedEOF)
	}}}
	k.compare(t.Context(), 1)
	found := k.found
	if len(found) != 1 || found[0].Deviation != 0 || found[0].Stack.Err != "unexpected EOF" {
		t.Errorf("%+v; want one difference with the error", found)
	}
	var b bytes.Buffer
	if err := WriteTable(&b, &Report{Differences: found}); err != nil || !strings.Contains(b.String(), stuck) {
		t.Errorf("%v, table without %q:\n%s", err, stuck, &b)
	}
}

// TestAnswersCompare: what differs between hosts without being of interest has one form, and all else is told apart.
func TestAnswersCompare(t *testing.T) {
	h := &Host{Addr: netip.MustParseAddr("10.0.0.1"), To: netip.MustParseAddr("10.0.0.2")}
	h.Link = NewLink(nil, h.To, netip.MustParseAddr("10.0.0.3"))
	q := &asking{h: h}
	for text, want := range map[string]string{
		"read tcp 10.0.0.1:1234->10.0.0.2:80: EOF": "read tcp SUBJ:P->PEER:P: EOF",
		"dial tcp 10.0.0.2:0: refused":             "dial tcp PEER:0: refused",
		"TCP [::]:4711 len 16":                     "TCP [::]:P len 16",
		"address 70000: invalid port":              "address 70000: invalid port",
		h.Link.nowhere().String() + ", 10.0.1.100": "GONE:P, 10.0.1.100",
	} {
		if got := q.normal(text); got != want {
			t.Errorf("%q becomes %q; want %q", text, got, want)
		}
	}
	bare, wrapped := error(syscall.EPIPE), os.NewSyscallError("write", syscall.EPIPE)
	a, b := q.describe(Answer{}, bare), q.describe(Answer{}, wrapped)
	if a.Types == b.Types || a.Is != "EPIPE" || b.Is != "EPIPE" || !errors.Is(wrapped, bare) {
		t.Errorf("%+v and %+v; want other types, and both EPIPE", a, b)
	}
}

// TestDeviationIsNarrow: a deviation excuses the answer that it describes and no other.
func TestDeviationIsNarrow(t *testing.T) {
	d := Difference{Question: "options.syscallconn", Stack: Answer{Value: "false"}, Kernel: Answer{Value: "true"}}
	if n := deviationOf(&d); n != 4 {
		t.Errorf("it is deviation %d; want 4", n)
	}
	d.Kernel.Err = "something else"
	if n := deviationOf(&d); n != 0 {
		t.Errorf("with another error it is deviation %d; want none", n)
	}
}
