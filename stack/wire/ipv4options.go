package wire

// Kinds of IPv4 options (RFC 791 section 3.1, RFC 2113).
const (
	ipOptEnd         = 0
	ipOptNOP         = 1
	ipOptRecordRoute = 7
	ipOptTimestamp   = 68
	ipOptLSRR        = 131
	ipOptRouterAlert = 148
	ipOptSSRR        = 137
)

// IPv4Options is what [ParseIPv4Options] found.
type IPv4Options struct {
	SourceRoute bool // loose or strict (RFC 1122 section 3.2.1.8 (c))
	RecordRoute bool
	Timestamp   bool
	RouterAlert bool
	// Pointer is the place of the octet at fault where an option is malformed, else of the source route where there is
	// one. It counts from the IP header's start, as ICMP's "parameter problem" does.
	Pointer int
}

// ParseIPv4Options checks the options of an IPv4 header: see [IPv4.Options]. Unknown ones are skipped (RFC 1122 section
// 3.2.1.8). It says ErrIPOption where one is malformed or occurs more often than it may, and Pointer then tells where.
func ParseIPv4Options(opts []byte) (IPv4Options, error) {
	var o IPv4Options
	for at := 0; at < len(opts); {
		kind := opts[at]
		if kind == ipOptEnd {
			break
		}
		if kind == ipOptNOP {
			at++
			continue
		}
		if at+1 >= len(opts) {
			return o.fault(at)
		}
		n := int(opts[at+1])
		if n < 2 || n > len(opts)-at {
			return o.fault(at + 1)
		}
		if bad := o.one(kind, opts[at:at+n], at); bad >= 0 {
			return o.fault(at + bad)
		}
		at += n
	}
	return o, nil
}

// fault gives the answer for an octet at fault, counted from the options' start.
func (o IPv4Options) fault(at int) (IPv4Options, error) {
	o.Pointer = IPv4MinHeader + at
	return o, ErrIPOption
}

// one looks at the option opt, which starts at place at, and returns the place in it of what is at fault, or -1.
func (o *IPv4Options) one(kind uint8, opt []byte, at int) int {
	switch kind {
	case ipOptLSRR, ipOptSSRR:
		bad := routeFault(opt, &o.SourceRoute)
		if bad < 0 {
			o.Pointer = IPv4MinHeader + at
		}
		return bad
	case ipOptRecordRoute:
		return routeFault(opt, &o.RecordRoute)
	case ipOptTimestamp:
		return timestampFault(opt, &o.Timestamp)
	case ipOptRouterAlert:
		if len(opt) != 4 {
			return 1
		}
		o.RouterAlert = true
	}
	return -1
}

// routeFault checks an option that holds a route: kind, length, pointer to the next address, addresses. It sets seen,
// and each occurs at most once.
func routeFault(opt []byte, seen *bool) int {
	switch {
	case *seen:
		return 0
	case len(opt) < 3:
		return 1
	case opt[2] < 4:
		return 2
	case int(opt[2]) <= len(opt) && int(opt[2])+3 > len(opt):
		return 2 // there's room, but not for an address
	}
	*seen = true
	return -1
}

// timestampFault checks an Internet timestamp: kind, length, pointer, overflow and flag, then stamps, each of which has
// an address before it where the flag isn't 0.
func timestampFault(opt []byte, seen *bool) int {
	switch {
	case *seen:
		return 0
	case len(opt) < 4:
		return 1
	case opt[2] < 5:
		return 2
	}
	entry := 4
	if opt[3]&0xf != 0 {
		entry = 8
	}
	if int(opt[2]) <= len(opt) && int(opt[2])+entry-1 > len(opt) {
		return 2
	}
	*seen = true
	return -1
}
