package tcptest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// fd is an open socket of the script.
type fd struct {
	host  int
	flow  *flow  // nil: none yet, or a datagram socket
	port  uint16 // bound to
	read  uint32 // octets that were read
	dgram bool
}

// action is a call made ready: what to do, and then what to look at.
type action struct {
	do    func(s Sockets) (int, error) // may block
	check func(n int) string           // after success: what is wrong with what it gave; "" if nothing is; may be nil
	end   func(n int, err error)       // after any result; may be nil
	newFD *fd                          // for socket and accept: what the fd that is given stands for
}

// running is a call that has begun.
type running struct {
	*action
	e     *script.Event
	until time.Time     // when it is to end, as the script has it
	slack time.Duration // how much later it may
	done  atomic.Bool
	n     int // valid once done
	err   error
	at    time.Time
}

// call makes the system call of an event. to is when one that may block ends.
func (r *runner) call(e *script.Event, to time.Time) error {
	a, err := r.prepare(e.Call)
	if err != nil {
		return r.fail(e, err.Error())
	}
	run := &running{action: a, e: e, until: to}
	host := r.host
	host.Go(func() {
		run.n, run.err = a.do(host)
		run.at = host.Now()
		run.done.Store(true)
		host.Wake()
	})
	if e.Time.Kind == script.Blocking {
		run.slack = r.cfg.late(to.Sub(r.prev))
		r.pending = append(r.pending, run)
		return nil
	}
	host.Wait(host.Now().Add(r.cfg.CallTime), run.done.Load)
	if !run.done.Load() {
		return r.fail(e, "the call blocks")
	}
	return r.verify(run)
}

// reap looks at the calls that may block: those that have ended, and those that must by a time.
func (r *runner) reap(by time.Time) error {
	for i := 0; i < len(r.pending); {
		run := r.pending[i]
		latest := run.until.Add(r.drift + run.slack)
		if !run.until.After(by) {
			r.host.Wait(latest, run.done.Load)
			if !run.done.Load() {
				return r.fail(run.e, "the call still blocks at "+r.clock(latest))
			}
		}
		if !run.done.Load() {
			i++
			continue
		}
		r.pending = append(r.pending[:i], r.pending[i+1:]...)
		switch {
		case run.at.Before(run.until.Add(-r.cfg.Early)):
			return r.fail(run.e, fmt.Sprintf("the call ends too early, at %s, with %s", r.clock(run.at), run.result()))
		case run.at.After(latest):
			return r.fail(run.e, fmt.Sprintf("the call ends too late, at %s, with %s", r.clock(run.at), run.result()))
		}
		if err := r.verify(run); err != nil {
			return err
		}
	}
	return nil
}

// result prints what a call gave.
func (run *running) result() string {
	var errno syscall.Errno
	switch {
	case run.err == nil:
		return fmt.Sprint(run.n)
	case errors.As(run.err, &errno):
		return fmt.Sprintf("-1 %s (%v)", script.ErrnoName(errno), errno)
	}
	return "-1 " + run.err.Error()
}

// verify compares a call's result with what the script expects.
func (r *runner) verify(run *running) error {
	want := run.e.Call.Result
	if run.end != nil {
		run.end(run.n, run.err)
	}
	good := want.Any
	switch {
	case good:
	case run.err != nil:
		var errno syscall.Errno
		good = errors.As(run.err, &errno) && want.Value == -1 && (want.Errno == errno || want.Errno == 0)
	case run.newFD != nil:
		good = want.Value >= 0
	default:
		good = want.Errno == 0 && want.Value == int64(run.n)
	}
	if !good {
		f := r.fail(run.e, run.e.Call.Name+" gives another result")
		f.Actual = run.result()
		return f
	}
	if run.err != nil {
		return nil
	}
	if run.newFD != nil {
		return r.open(run, want.Value)
	}
	if run.check != nil {
		if what := run.check(run.n); what != "" {
			return r.fail(run.e, run.e.Call.Name+" gives "+what)
		}
	}
	return nil
}

// open gives a new socket the script's number.
func (r *runner) open(run *running, number int64) error {
	if r.fds[number] != nil {
		return r.fail(run.e, fmt.Sprintf("fd %d is open already", number))
	}
	f := run.newFD
	f.host = run.n
	if run.e.Call.Name == "accept" {
		f.flow = r.flow(ports{r.host.Peer(run.n).Port(), f.port})
		r.current = f
	}
	r.fds[number] = f
	return nil
}
