package guard

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// portRange is the ports from lo to hi, both included.
type portRange struct{ lo, hi uint16 }

// portSet is a set of ports, as ranges in order between which there are gaps. nil is all but 0.
type portSet []portRange

// allPorts is what the nil portSet means.
var allPorts = portSet{{1, 65535}}

// parsePorts reads PORTS.
func parsePorts(s string) (portSet, error) {
	if s == "*" {
		return nil, nil
	}
	var set portSet
	for part := range strings.SplitSeq(s, ",") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		lo, err1 := strconv.ParseUint(from, 10, 16)
		hi, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || lo > hi {
			return nil, fmt.Errorf("%q is neither a port, 0 to 65535, nor a range such as 8000-8100", part)
		}
		set = append(set, portRange{uint16(lo), uint16(hi)})
	}
	set = set.joined()
	if slices.Equal(set, allPorts) {
		return nil, nil
	}
	return set, nil
}

// joined sorts ranges and makes one of those that touch.
func (s portSet) joined() portSet {
	slices.SortFunc(s, func(a, b portRange) int { return cmp.Compare(a.lo, b.lo) })
	out := s[:1]
	for _, r := range s[1:] {
		if last := &out[len(out)-1]; int(r.lo) <= int(last.hi)+1 {
			last.hi = max(last.hi, r.hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// ranges are the set's, also of the nil one.
func (s portSet) ranges() portSet {
	if s == nil {
		return allPorts
	}
	return s
}

func (s portSet) has(port uint16) bool {
	return slices.ContainsFunc(s.ranges(), func(r portRange) bool { return r.lo <= port && port <= r.hi })
}

// without is what is left of ranges when those of another set are taken away.
func (s portSet) without(other portSet) portSet {
	left := s
	for _, o := range other.ranges() {
		var next portSet
		for _, r := range left {
			if o.hi < r.lo || r.hi < o.lo {
				next = append(next, r)
				continue
			}
			if r.lo < o.lo {
				next = append(next, portRange{r.lo, o.lo - 1})
			}
			if o.hi < r.hi {
				next = append(next, portRange{o.hi + 1, r.hi})
			}
		}
		left = next
	}
	return left
}

func (s portSet) String() string {
	if s == nil {
		return "*"
	}
	var parts []string
	for _, r := range s {
		if r.lo == r.hi {
			parts = append(parts, strconv.Itoa(int(r.lo)))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", r.lo, r.hi))
		}
	}
	return strings.Join(parts, ",")
}
