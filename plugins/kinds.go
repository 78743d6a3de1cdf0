package plugins

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack/tcp"
)

// Kind is what a plugin can be to its host: a [Service], a [Handler] or an [Observer]. A plugin may be several.
type Kind interface{ kind() string }

// Service is a plugin that runs with a network: a server, an agent. It is called once, with the plugin's network, which
// is also the default of package dialer from then on, and should return when ctx ends. An error ends the plugin as
// failed.
type Service func(ctx context.Context, n netapi.Network) error

// Handler serves one connection, as inetd's programs do: the host listens where its operator said, and hands over what
// it accepts. The connection is closed when Handler returns. It is called concurrently.
type Handler func(ctx context.Context, conn net.Conn)

// Observer is told of what happens on the networks of the host's plugins, one event at a time. The host sends at a
// bounded rate and drops what the observer is too slow for: Event.Dropped says how many.
type Observer func(ctx context.Context, e Event)

func (Service) kind() string  { return "service" }
func (Handler) kind() string  { return "handler" }
func (Observer) kind() string { return "observer" }

// EventKind says what an [Event] is about.
type EventKind string

// The kinds of events.
const (
	EventOpened  EventKind = "opened"  // a connection was made or accepted
	EventClosed  EventKind = "closed"  // a connection ended: Reason says how
	EventRefused EventKind = "refused" // a rule or quota refused something: Reason says which
	EventListen  EventKind = "listen"  // an address was announced
	EventSample  EventKind = "sample"  // how a connection is: Info
)

// Event is something that happened on a plugin's network.
type Event struct {
	Time    time.Time      `json:"time"`
	Plugin  string         `json:"plugin"` // whose network
	Kind    EventKind      `json:"kind"`
	Conn    uint64         `json:"conn,omitempty"` // tells connections apart; 0 where there is none
	Network string         `json:"network,omitempty"`
	Name    string         `json:"name,omitempty"` // that was dialled
	Local   netip.AddrPort `json:"local,omitzero"`
	Remote  netip.AddrPort `json:"remote,omitzero"`
	Inbound bool           `json:"inbound,omitempty"` // accepted, not dialled
	In      uint64         `json:"in,omitempty"`      // octets read so far
	Out     uint64         `json:"out,omitempty"`     // octets written so far
	Reason  string         `json:"reason,omitempty"`
	Info    *tcp.Info      `json:"info,omitempty"`    // of TCP connections on a stack
	Dropped uint64         `json:"dropped,omitempty"` // events that were dropped since the last one
}

// String is the event on one line.
func (e Event) String() string {
	text, err := json.Marshal(e)
	if err != nil {
		return string(e.Kind)
	}
	return string(text)
}
