package parity

import (
	"slices"
	"strings"
)

// Deviation is a difference that is wanted. netapi/DEVIATIONS.md has the same list, with the reasons.
type Deviation struct {
	Question string   // its name
	Answer   string   // what the stack gives, as Types, Value or Err
	Parts    []string // of the answer in which alone the two may differ, as WriteTable names them
}

// Deviations are all there are; their numbers begin with 1.
var Deviations = []Deviation{
	{"dial.timeout", "*net.OpError > netapi.timeoutError", []string{"types", "is"}},
	{"listen.addr.wildcard", "TCP 0.0.0.0:P len 4", []string{"value"}},
	{"dial.ipv6", "socket: address family not supported by protocol", []string{"error", "is"}},
	{"dial.control.fd", "false", []string{"value"}},
	{"iface.syscallconn", "false", []string{"value"}},
}

// deviationOf is the number of the deviation that a difference is, 0 for none.
func deviationOf(d *Difference) int {
	i := slices.IndexFunc(Deviations, func(v Deviation) bool {
		if v.Question != d.Question || !v.gives(d.Stack) {
			return false
		}
		for _, p := range parts(d.Stack, d.Kernel) {
			if !slices.Contains(v.Parts, p[0]) {
				return false
			}
		}
		return true
	})
	return i + 1
}

// gives reports whether an answer is the one that is wanted.
func (v *Deviation) gives(a Answer) bool {
	return v.Answer == a.Types || v.Answer == a.Value || strings.HasSuffix(a.Err, v.Answer)
}
