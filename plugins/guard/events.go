package guard

import (
	"sync"
	"sync/atomic"
	"time"
)

// EventKind says what an [Event] is about.
type EventKind string

// The kinds of events.
const (
	EventOpened    EventKind = "opened"    // a connection was made or accepted, or a UDP socket
	EventClosed    EventKind = "closed"    // one of these ended, or a listener: Reason says how
	EventListening EventKind = "listening" // an address was announced, for TCP or UDP
	EventRefused   EventKind = "refused"   // something was refused: Refused says why
)

// Event is something that happened on a network.
type Event struct {
	Time time.Time
	Kind EventKind
	Conn Conn // what it happened to; only its Op and Network where nothing came to be

	// Reason is how a connection ended: "closed" (by its user, while all was well), "closed by peer" (who ended his stream
	// before), the error that it died of, such as "connection reset by peer", or why it was cut off.
	Reason  string
	Refused *RefusedError

	Lost uint64 // how many events before this one the subscriber was too slow for
}

// subscribers are those who are told of events.
type subscribers struct {
	any  atomic.Bool // whether there is one: asked before an event is made
	lost atomic.Uint64

	mu     sync.Mutex // not held while anything blocks
	all    map[*subscriber]struct{}
	closed bool
}

type subscriber struct {
	ch   chan Event
	lost uint64
}

// Subscribe tells of events from now on, on a channel that holds buffer of them. The network doesn't wait for its
// reader: what finds the channel full is lost, and the next event says how much was. The channel is closed by cancel,
// which may be called more than once, and by [Network.Close].
func (n *Network) Subscribe(buffer int) (events <-chan Event, cancel func()) {
	s := &subscriber{ch: make(chan Event, max(buffer, 0))}
	n.subs.mu.Lock()
	defer n.subs.mu.Unlock()
	if n.subs.closed {
		close(s.ch)
		return s.ch, func() {}
	}
	if n.subs.all == nil {
		n.subs.all = map[*subscriber]struct{}{}
	}
	n.subs.all[s] = struct{}{}
	n.subs.any.Store(true)
	return s.ch, func() { n.subs.cancel(s) }
}

func (l *subscribers) cancel(s *subscriber) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.all[s]; !ok {
		return
	}
	delete(l.all, s)
	close(s.ch)
	l.any.Store(len(l.all) > 0)
}

// tell sends an event to all who have room for it.
func (l *subscribers) tell(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.all {
		e.Lost = s.lost
		select {
		case s.ch <- e:
			s.lost = 0
		default:
			s.lost++
			l.lost.Add(1)
		}
	}
}

// close ends all subscriptions, for good.
func (l *subscribers) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.all {
		close(s.ch)
	}
	l.all, l.closed = nil, true
	l.any.Store(false)
}
