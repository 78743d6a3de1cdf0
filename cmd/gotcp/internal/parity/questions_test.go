package parity

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

// facing is a stack in memory that faces another one over a link that questions control.
func facing(t *testing.T) Host {
	near, far := link.Pipe(1500)
	addr, to := netip.MustParsePrefix("10.77.1.1/24"), netip.MustParsePrefix("10.77.1.2/24")
	spare := netip.MustParsePrefix("10.77.1.3/24")
	l := NewLink(far, to.Addr(), spare.Addr())
	return Host{
		Net: on(t, near, addr), Peer: on(t, l, to, spare), Addr: addr.Addr(), To: to.Addr(), Link: l,
		Void: netip.MustParseAddr("10.77.1.99"), None: netip.MustParseAddr("203.0.113.99"),
	}
}

// on makes a stack on a device.
func on(t *testing.T, d link.Device, addrs ...netip.Prefix) *netapi.Stack {
	t.Helper()
	s := stack.New(stack.Config{})
	if _, err := s.AddDevice(d, addrs...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return netapi.NewStack(s)
}

// TestQuestions: every question can be asked to its end, and a stack agrees with a stack, at the first try and though
// the times that things take are exact here.
func TestQuestions(t *testing.T) {
	// The resolver of package net has state for the whole program: it is made here, as it must not be in a bubble.
	r := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("nobody is asked")
	}}
	if _, err := r.LookupHost(t.Context(), "name.test."); err == nil {
		t.Fatal("a name was found that doesn't exist")
	}
	synctest.Test(t, func(t *testing.T) {
		pairs := []Pair{*loop(t), {Name: "link", Stack: facing(t), Kernel: facing(t)}}
		steps := 0
		report, err := Run(t.Context(), pairs, Options{Strict: true, Progress: func(int, int) { steps++ }})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range report.Differences {
			t.Errorf("%s, %s: %+v and %+v", d.Pair, d.Question, d.Stack, d.Kernel)
		}
		if steps != report.Questions || report.Answers < report.Questions {
			t.Errorf("%d questions, %d answers, progress told %d times", report.Questions, report.Answers, steps)
		}
		time.Sleep(time.Hour) // connections end that a silent peer has left behind
	})
}

// TestNames: each question has a name of its own, which begins with its area, and each deviation is a question's.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range questions() {
		if seen[q.name] {
			t.Errorf("two questions are called %s", q.name)
		}
		seen[q.name] = true
		if !slices.Contains(Areas, q.area()) || q.name != strings.ToLower(q.name) {
			t.Errorf("%s: the name begins with no area, or has capitals", q.name)
		}
	}
	for _, d := range Deviations {
		if !seen[d.Question] {
			t.Errorf("deviation %d is of %s, which is not asked", d.Number, d.Question)
		}
	}
}

// TestTries: a question whose answers differ is asked again, unless it must not be.
func TestTries(t *testing.T) {
	for _, strict := range []bool{false, true} {
		asked := 0
		k := task{p: loop(t), q: question{"read.q", needNothing, func(q *asking) {
			if q.h.Void.IsValid() { // one side
				asked++
				q.value("once more", "%d", asked)
				return
			}
			q.value("once more", "3")
		}}}
		k.p.Stack.Void = netip.MustParseAddr("192.0.2.1")
		o := Options{Strict: strict}
		k.compare(t.Context(), o.tries())
		if want := map[bool]int{true: 1, false: 0}[strict]; len(k.found) != want {
			t.Errorf("strict %t: asked %d times, %d differences; want %d", strict, asked, len(k.found), want)
		}
	}
}
