package stack

import (
	"time"

	"github.com/gotcp/gotcp/stack/seq"
)

// tcpState is the TCP half of a stack: connections, records and listeners.
type tcpState struct{}

// init prepares the table of s.
func (t *tcpState) init(s *Stack) {}

func (s *Stack) inputTCP(in *inPacket)                          {}
func (s *Stack) tcpICMP(k flowKey, quoted seq.Num, e icmpEvent) {}
func (s *Stack) closeTCP()                                      {}
func (s *Stack) newStream() Socket                              { return nil }
func (s *Stack) Open() int                                      { return 0 }
func (s *Stack) Flush(max time.Duration)                        {}
