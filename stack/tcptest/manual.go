package tcptest

import (
	"runtime"
	"time"
)

// manualTime is the part of a [Host] that passes time by moving a [Clock], all in the goroutine that waits. Calls that
// block are coroutines: they run until they park, and are asked again after each thing that happens.
type manualTime struct {
	*Clock
	tasks   []*task
	current *task // the one that runs
	closed  bool
}

// task is a call that may block.
type task struct {
	resume, parked chan struct{}
	done           bool
}

func newManualTime() *manualTime {
	return &manualTime{Clock: NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
}

// Go runs f until it parks or ends.
func (m *manualTime) Go(f func()) {
	t := &task{resume: make(chan struct{}), parked: make(chan struct{})}
	go func() {
		defer func() {
			t.done = true
			t.parked <- struct{}{}
		}()
		<-t.resume
		f()
	}()
	if m.run(t); !t.done {
		m.tasks = append(m.tasks, t)
	}
}

// run has a task go on until it parks or ends.
func (m *manualTime) run(t *task) {
	m.current = t
	t.resume <- struct{}{}
	<-t.parked
	m.current = nil
}

// park is called by a task that cannot go on. It returns when something has happened, and ends the task when the host
// is gone.
func (m *manualTime) park() {
	t := m.current
	t.parked <- struct{}{}
	<-t.resume
	if m.closed {
		runtime.Goexit()
	}
}

// poll has every task go on.
func (m *manualTime) poll() {
	left := m.tasks[:0]
	for _, t := range m.tasks {
		if m.run(t); !t.done {
			left = append(left, t)
		}
	}
	m.tasks = left
}

// close ends the tasks that are still there.
func (m *manualTime) close() {
	m.closed = true
	m.poll()
}

// Wake does nothing: Wait asks after everything that happens.
func (m *manualTime) Wake() {}

// Wait moves the clock from call to call.
func (m *manualTime) Wait(t time.Time, stop func() bool) {
	for {
		m.Advance(0)
		m.poll()
		if stop() || !m.Now().Before(t) {
			return
		}
		next, ok := m.Next()
		if !ok || next.After(t) {
			next = t
		}
		m.AdvanceTo(next)
	}
}
