package guard

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// RefusedError says that a guard refused something, and why. It is around a syscall.Errno: EACCES where it was for the
// rules or the kill switch, EMFILE for a quota of connections, listeners or sockets, EDQUOT for one of bytes, ENOBUFS
// for one per second.
type RefusedError struct {
	Name    string // the network's: Config.Name
	Op      string // "dial", "accept", "listen", "write" (of a datagram), "read", "lookup"
	Network string // "tcp" or "udp"; "dns" for look-ups
	Address string // host and port as they were given, or the name

	Rule   string // the rule of Rules.Deny that refused it; "" with no Quota and not Killed: no rule allows it
	Quota  string // the field of Quota that is used up
	Limit  int64  // its value
	Killed bool   // the network is switched off
}

// maxAddress bounds the length of an address that is remembered. Names have 253 characters at most.
const maxAddress = 300

func (e *RefusedError) Error() string {
	who := e.Name
	if who == "" {
		who = "this network"
	}
	switch {
	case e.Killed:
		return fmt.Sprintf("refused: %s is switched off (by Kill; Revive switches it on)", who)
	case e.Quota == quotaLookUps:
		return fmt.Sprintf("refused: %s has %d look-ups going on already (try again later)", who, e.Limit)
	case strings.HasSuffix(e.Quota, "PerSecond"):
		return fmt.Sprintf("refused: %s has its quota of %s, %d (try again later, or raise it)", who, e.Quota, e.Limit)
	case e.Quota != "":
		return fmt.Sprintf("refused: %s has its quota of %s, %d (raise it)", who, e.Quota, e.Limit)
	case e.Rule != "":
		return fmt.Sprintf("refused: %s's rule %q denies %s (take it from Deny, or narrow it)", who, e.Rule, e.Address)
	case e.Op == "listen" || e.Op == "accept":
		return fmt.Sprintf("refused: no rule of %s lets %q be announced (add that to Listen)", who, e.Suggestion())
	case e.Op == "lookup":
		return fmt.Sprintf("refused: no rule of %s allows the name %q (add it to Allow, or to Hosts)", who, e.Address)
	}
	return fmt.Sprintf("refused: no rule of %s allows %q (add that to Allow)", who, e.Suggestion())
}

// Suggestion is the rule that would allow what no rule allows: to be added to Rules.Listen where Op is "listen" or
// "accept", else to Rules.Allow. "" where it was refused for another reason.
func (e *RefusedError) Suggestion() string {
	if e.Killed || e.Quota != "" || e.Rule != "" {
		return ""
	}
	if e.Op == "lookup" {
		return e.Address
	}
	text := e.Network + " " + e.Address
	if r, err := ParseRule(text); err == nil {
		return r.String()
	}
	return text
}

// Unwrap is the errno.
func (e *RefusedError) Unwrap() error {
	switch e.Quota {
	case "":
		return syscall.EACCES
	case quotaConns, quotaListeners, quotaSockets:
		return syscall.EMFILE
	case quotaBytesIn, quotaBytesOut:
		return syscall.EDQUOT
	}
	return syscall.ENOBUFS
}

// Refusal is what was refused, as often as it was.
type Refusal struct {
	Err         *RefusedError
	First, Last time.Time
	Count       uint64
}

// maxRefusals is how many different refusals are remembered.
const maxRefusals = 128

// refusals are the last different ones, the latest at the end.
type refusals struct {
	mu   sync.Mutex
	list []Refusal
}

func (r *refusals) add(e *RefusedError, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	this := Refusal{Err: e, First: now, Last: now, Count: 1}
	if i := slices.IndexFunc(r.list, func(o Refusal) bool { return *o.Err == *e }); i >= 0 {
		this.First, this.Count = r.list[i].First, r.list[i].Count+1
		r.list = slices.Delete(r.list, i, i+1)
	} else if len(r.list) == maxRefusals {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, this)
}

func (r *refusals) all() []Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}
