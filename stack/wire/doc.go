// Package wire translates between bytes and meaning: IPv4 and TCP headers, TCP options, ICMP, UDP, checksums, and the
// text that people read. It has no policy: what to do about a packet is decided elsewhere.
//
// A view such as [IPv4] is the packet's own bytes with methods that read fields where they lie. [Segment] is a TCP
// segment taken apart: the engine eats and makes these. Parsers take any input, never panic, and keep no reference
// beyond the slices that their result shows.
package wire
