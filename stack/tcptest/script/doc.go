// Package script is the notation of packetdrill, as far as tests of a TCP use it: what a script is, how it is parsed,
// and how packets are printed in it. It runs nothing; package tcptest does.
//
// Errors carry file, line and column and say what was expected there.
package script
