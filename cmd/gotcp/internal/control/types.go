package control

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/tcp"
)

// Plugin is a plugin in short.
type Plugin struct {
	Name       string        `json:"name"`
	Kinds      []string      `json:"kinds"` // service, handler, observer, or a foreign one's protocol
	Address    netip.Addr    `json:"address,omitzero"`
	PID        int           `json:"pid,omitempty"`
	State      plugins.State `json:"state"`
	Since      time.Time     `json:"since"` // of the state
	Restarts   int           `json:"restarts"`
	Error      string        `json:"error,omitempty"` // how it ended last
	Supervisor int           `json:"supervisor"`      // the process that looks after it
	Net        Counters      `json:"net"`
	Off        bool          `json:"off"` // its network is switched off
}

// Detail is all that is known of a plugin.
type Detail struct {
	Plugin
	Command  []string        `json:"command"`
	Foreign  bool            `json:"foreign"`
	Restart  plugins.Restart `json:"restart"`
	Bounds   Net             `json:"bounds"`
	Conns    []Conn          `json:"conns"`
	Refusals []Refusal       `json:"refusals"`           // the latest first
	Services []string        `json:"services,omitempty"` // of gRPC
	Reattach *Reattach       `json:"reattach,omitempty"`
}

// Net is what bounds a plugin's network.
type Net struct {
	Rules  Rules  `json:"rules"`
	Quota  Quota  `json:"quota"`
	Impair string `json:"impair,omitempty"`
	Off    bool   `json:"off"`
}

// Rules are guard's.
type Rules struct {
	Allow  []guard.Rule `json:"allow"`
	Deny   []guard.Rule `json:"deny"`
	Listen []guard.Rule `json:"listen"`
}

// Quota is guard's.
type Quota struct {
	Conns            int   `json:"conns"`
	Listeners        int   `json:"listeners"`
	Sockets          int   `json:"sockets"`
	BytesIn          int64 `json:"in"`
	BytesOut         int64 `json:"out"`
	DialsPerSecond   int   `json:"dials"`
	LookupsPerSecond int   `json:"lookups"`
}

// Counters are guard's.
type Counters struct {
	Dials            uint64 `json:"dials"`
	Accepts          uint64 `json:"accepts"`
	Listens          uint64 `json:"listens"`
	LookUps          uint64 `json:"lookups"`
	Refused          uint64 `json:"refused"`
	Conns            int    `json:"conns"`
	ConnsPeak        int    `json:"connsPeak"`
	Listeners        int    `json:"listeners"`
	Sockets          int    `json:"sockets"`
	BytesIn          int64  `json:"in"`
	BytesOut         int64  `json:"out"`
	DatagramsIn      uint64 `json:"datagramsIn"`
	DatagramsOut     uint64 `json:"datagramsOut"`
	DatagramsDropped uint64 `json:"datagramsDropped"`
	EventsLost       uint64 `json:"eventsLost"`
}

// Conn is guard's.
type Conn struct {
	ID       uint64         `json:"id"`
	Op       string         `json:"op"`
	Network  string         `json:"network"`
	Name     string         `json:"name,omitempty"`
	Local    netip.AddrPort `json:"local,omitzero"`
	Remote   netip.AddrPort `json:"remote,omitzero"`
	Start    time.Time      `json:"start"`
	BytesIn  int64          `json:"in"`
	BytesOut int64          `json:"out"`
	TCP      *tcp.Info      `json:"info,omitempty"`
}

// Refusal is something that was refused.
type Refusal struct {
	Op      string    `json:"op"`
	Network string    `json:"network"`
	Address string    `json:"address"`
	Rule    string    `json:"rule,omitempty"`  // that denied it
	Quota   string    `json:"quota,omitempty"` // that was used up, as guard.Quota has it
	Count   uint64    `json:"count"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Reason  string    `json:"reason"`
	Remedy  string    `json:"remedy,omitempty"` // the command that would allow it from now on
}

// Reattach is what a go-plugin client needs to talk to a foreign plugin, in the form that Terraform reads.
type Reattach struct {
	Protocol        string
	ProtocolVersion int
	Pid             int
	Test            bool // the client doesn't end the plugin
	Addr            ReattachAddr
}

// ReattachAddr is where the plugin listens.
type ReattachAddr struct{ Network, String string }

// LogLine is a plugins.LogRecord.
type LogLine struct {
	Time  time.Time  `json:"time"`
	Level slog.Level `json:"level"`
	Text  string     `json:"text"`
}

// String is the line for people.
func (l LogLine) String() string { return plugins.LogRecord(l).String() }

// Change is a change of a plugin's network.
type Change struct {
	Allow  []guard.Rule        `json:"allow,omitempty"` // are added
	Deny   []guard.Rule        `json:"deny,omitempty"`
	Listen []guard.Rule        `json:"listen,omitempty"`
	Remove []guard.Rule        `json:"remove,omitempty"` // from whichever list has them
	Quota  []plugincfg.Setting `json:"quota,omitempty"`
	Impair *string             `json:"impair,omitempty"` // as plugincfg.ParseImpair reads it
	Kill   bool                `json:"kill,omitempty"`
	Revive bool                `json:"revive,omitempty"`
}

// IsZero reports whether it changes nothing.
func (c *Change) IsZero() bool {
	return len(c.Allow)+len(c.Deny)+len(c.Listen)+len(c.Remove)+len(c.Quota) == 0 && c.Impair == nil &&
		!c.Kill && !c.Revive
}

// failure is an answer that tells of an error.
type failure struct {
	Error string `json:"error"`
}

// line is a value as a line of JSON.
func line(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(text, '\n'), err
}
