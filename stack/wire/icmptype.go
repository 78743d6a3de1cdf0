package wire

import "strconv"

// ICMPType is the type of an ICMP message.
type ICMPType uint8

// Types of messages (RFC 792; timestamps are answered by nobody here, but have a name in print).
const (
	ICMPEchoReply        ICMPType = 0
	ICMPUnreachable      ICMPType = 3
	ICMPSourceQuench     ICMPType = 4 // deprecated by RFC 6633
	ICMPRedirect         ICMPType = 5
	ICMPEcho             ICMPType = 8
	ICMPTimeExceeded     ICMPType = 11
	ICMPParameterProblem ICMPType = 12
	ICMPTimestamp        ICMPType = 13
	ICMPTimestampReply   ICMPType = 14
)

// Codes of ICMPUnreachable (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1).
const (
	CodeNetUnreachable         uint8 = 0
	CodeHostUnreachable        uint8 = 1
	CodeProtocolUnreachable    uint8 = 2
	CodePortUnreachable        uint8 = 3
	CodeFragmentationNeeded    uint8 = 4
	CodeSourceRouteFailed      uint8 = 5
	CodeNetUnknown             uint8 = 6
	CodeHostUnknown            uint8 = 7
	CodeSourceHostIsolated     uint8 = 8
	CodeNetProhibited          uint8 = 9
	CodeHostProhibited         uint8 = 10
	CodeNetUnreachableForTOS   uint8 = 11
	CodeHostUnreachableForTOS  uint8 = 12
	CodeAdminProhibited        uint8 = 13
	CodeHostPrecedence         uint8 = 14
	CodePrecedenceCutoffEffect uint8 = 15
)

// Codes of ICMPTimeExceeded.
const (
	CodeTTLExceeded        uint8 = 0
	CodeReassemblyExceeded uint8 = 1
)

// Codes of ICMPRedirect.
const (
	CodeRedirectNet     uint8 = 0
	CodeRedirectHost    uint8 = 1
	CodeRedirectTOSNet  uint8 = 2
	CodeRedirectTOSHost uint8 = 3
)

// Codes of ICMPParameterProblem.
const (
	CodePointer       uint8 = 0 // the pointer says where
	CodeMissingOption uint8 = 1
	CodeBadLength     uint8 = 2
)

var icmpTypeNames = map[ICMPType]string{
	ICMPEchoReply:        "echo_reply",
	ICMPUnreachable:      "unreachable",
	ICMPSourceQuench:     "source_quench",
	ICMPRedirect:         "redirect",
	ICMPEcho:             "echo_request",
	ICMPTimeExceeded:     "time_exceeded",
	ICMPParameterProblem: "parameter_problem",
	ICMPTimestamp:        "timestamp_request",
	ICMPTimestampReply:   "timestamp_reply",
}

// Where packetdrill has a name for a code, it is the name here.
var icmpCodeNames = map[ICMPType][]string{
	ICMPUnreachable: {
		"net_unreachable", "host_unreachable", "protocol_unreachable", "port_unreachable", "frag_needed",
		"source_route_failed", "net_unknown", "host_unknown", "source_host_isolated", "net_prohibited",
		"host_prohibited", "net_unreachable_for_tos", "host_unreachable_for_tos", "packet_filtered",
		"precedence_violation", "precedence_cutoff",
	},
	ICMPRedirect:         {"net", "host", "tos_net", "tos_host"},
	ICMPTimeExceeded:     {"ttl", "reassembly"},
	ICMPParameterProblem: {"pointer", "missing_option", "bad_length"},
}

// String gives the type's name, as packetdrill spells it, or its number.
func (t ICMPType) String() string {
	if name, ok := icmpTypeNames[t]; ok {
		return name
	}
	return "type_" + strconv.Itoa(int(t))
}

// CodeName gives the name that code has in messages of type t; empty where the type has no codes, the number where the
// code is unknown.
func (t ICMPType) CodeName(code uint8) string {
	names, ok := icmpCodeNames[t]
	switch {
	case int(code) < len(names):
		return names[code]
	case !ok && code == 0:
		return ""
	}
	return "code_" + strconv.Itoa(int(code))
}

// IsError reports whether messages of type t report an error, and quote the datagram that had it. A host must not send
// an error about such a message (RFC 1122 section 3.2.2).
func (t ICMPType) IsError() bool {
	switch t {
	case ICMPUnreachable, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParameterProblem:
		return true
	}
	return false
}
