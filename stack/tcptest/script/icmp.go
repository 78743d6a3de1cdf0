package script

import "strings"

type icmpType struct {
	name   string
	number uint8
	codes  []string // names of the codes from 0; nil: the type has none
}

// icmpTypes are the ICMP types of RFC 792 with packetdrill's names (the codes of type 3 also of RFC 1122 and 1812).
var icmpTypes = []icmpType{
	{"echo_reply", 0, nil},
	{"unreachable", 3, []string{"net_unreachable", "host_unreachable", "protocol_unreachable", "port_unreachable",
		"frag_needed", "source_route_failed", "net_unknown", "host_unknown", "source_host_isolated", "net_prohibited",
		"host_prohibited", "net_unreachable_for_tos", "host_unreachable_for_tos", "packet_filtered",
		"precedence_violation", "precedence_cutoff"}},
	{"source_quench", 4, nil},
	{"redirect", 5, []string{"net_redirect", "host_redirect"}},
	{"echo_request", 8, nil},
	{"time_exceeded", 11, []string{"exceeded_in_transit", "reassembly_time_exceeded"}},
	{"parameter_problem", 12, []string{"pointer_indicates_error", "missing_option", "bad_length"}},
}

func icmpTypeNames() string {
	var names []string
	for _, t := range icmpTypes {
		names = append(names, t.name)
	}
	return strings.Join(names, ", ")
}
