package plugins

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/gotcp/gotcp/plugins/guard"
)

// feed tells those who want to know what happens on the plugins' networks. Nobody is waited for.
type feed struct {
	mu   sync.Mutex // not held while anything blocks
	subs map[*subscription]bool
}

// subscription is one who wants to know.
type subscription struct {
	ch      chan Event
	limit   *rate.Limiter
	dropped uint64
}

// EventOptions bound what [Host.Events] gives.
type EventOptions struct {
	PerSecond int           // the most events; 0 is 200
	Buffer    int           // how many may wait for the reader; 0 is 256
	Sample    time.Duration // how often an event of kind sample tells of each connection; 0 is never, and less than 100 ms is 100 ms
}

// eventRate and eventBuffer are the defaults of [EventOptions]; leastSample is the shortest distance between samples.
const (
	eventRate   = 200
	eventBuffer = 256
	leastSample = 100 * time.Millisecond
)

func (f *feed) subscribe(o EventOptions) *subscription {
	if o.PerSecond <= 0 {
		o.PerSecond = eventRate
	}
	if o.Buffer <= 0 {
		o.Buffer = eventBuffer
	}
	s := &subscription{ch: make(chan Event, o.Buffer), limit: rate.NewLimiter(rate.Limit(o.PerSecond), o.PerSecond)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subs == nil {
		f.subs = map[*subscription]bool{}
	}
	f.subs[s] = true
	return s
}

func (f *feed) unsubscribe(s *subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subs[s] {
		delete(f.subs, s)
		close(s.ch)
	}
}

// tell passes on an event to everybody.
func (f *feed) tell(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		s.tell(e)
	}
}

// tellOne passes on an event to one, where he is still there.
func (f *feed) tellOne(s *subscription, e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subs[s] {
		s.tell(e)
	}
}

func (s *subscription) tell(e Event) {
	e.Dropped += s.dropped
	if s.limit.Allow() {
		select {
		case s.ch <- e:
			s.dropped = 0
			return
		default:
		}
	}
	s.dropped = e.Dropped + 1
}

// follow tells what happens on one network until it ends, or done is closed.
func (f *feed) follow(n *Net, done <-chan struct{}) {
	events, cancel := n.Subscribe(eventBuffer)
	defer cancel()
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			f.tell(eventOf(n.Name, e))
		case <-done:
			return
		}
	}
}

// sample tells s of each connection of networks, again and again until done is closed.
func (f *feed) sample(s *subscription, every time.Duration, networks func() []*Net, done <-chan struct{}) {
	t := time.NewTicker(max(every, leastSample))
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-done:
			return
		}
		now := time.Now()
		for _, n := range networks() {
			for _, c := range n.Conns() {
				if c.Remote.IsValid() {
					f.tellOne(s, connEvent(n.Name, now, EventSample, c))
				}
			}
		}
	}
}

// eventOf is a network's event for those who follow several networks.
func eventOf(plugin string, e guard.Event) Event {
	kind := EventKind(e.Kind)
	if e.Kind == guard.EventListening {
		kind = EventListen
	}
	to := connEvent(plugin, e.Time, kind, e.Conn)
	to.Reason, to.Dropped = e.Reason, e.Lost
	if e.Refused != nil {
		to.Reason = e.Refused.Error()
	}
	return to
}

func connEvent(plugin string, at time.Time, kind EventKind, c guard.Conn) Event {
	return Event{
		Time: at, Plugin: plugin, Kind: kind, Conn: c.ID, Network: c.Network, Name: c.Name, Local: c.Local, Remote: c.Remote,
		Inbound: c.Op == "accept", In: uint64(c.BytesIn), Out: uint64(c.BytesOut), Info: c.TCP,
	}
}
