package parity

import (
	"slices"
	"strings"
)

// Deviation is a difference that is wanted. netapi/DEVIATIONS.md has the same list, with the reasons.
type Deviation struct {
	Number   int      // of its row
	Question string   // its name
	Answer   string   // what the stack gives, as Types, Value or the end of Err
	Parts    []string // of the answer in which alone the two may differ, as WriteTable names them
}

// Deviations are all there are, in the order of their numbers.
var Deviations = []Deviation{
	{1, "dial.timeout", "*net.OpError > likenet.timeoutError", []string{"types", "is"}},
	{2, "listen.addr.wildcard", "TCP 0.0.0.0:P len 4", []string{"value"}},
	{2, "udp.addr.wildcard", "UDP 0.0.0.0:P len 4", []string{"value"}},
	{3, "dial.ipv6", "socket: address family not supported by protocol", []string{"error", "is"}},
	{4, "dial.control.fd", "false", []string{"value"}},
	{4, "options.syscallconn", "false", []string{"value"}},
	{5, "write.systemcall", "write: broken pipe", []string{"error", "types", "op"}},
	{5, "write.systemcall", "i/o timeout", []string{"error", "op"}},
}

// deviationOf is the number of the deviation that a difference is, 0 for none.
func deviationOf(d *Difference) int {
	for i := range Deviations {
		if v := &Deviations[i]; v.Question == d.Question && v.gives(d.Stack) && v.only(d) {
			return v.Number
		}
	}
	return 0
}

// gives reports whether an answer is the one that is wanted.
func (v *Deviation) gives(a Answer) bool {
	return v.Answer == a.Types || v.Answer == a.Value || strings.HasSuffix(a.Err, v.Answer)
}

// only reports whether a difference is in the parts that may differ.
func (v *Deviation) only(d *Difference) bool {
	for _, p := range parts(d.Stack, d.Kernel) {
		if !slices.Contains(v.Parts, p[0]) {
			return false
		}
	}
	return true
}
