// Package pace keeps a plugin that goes on asking for what it doesn't get from having its host do nothing but refuse.
package pace

import (
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/time/rate"
)

// failuresPerSecond is how often a plugin may be told no. One that goes on asking is listened to no faster, and waits.
const failuresPerSecond = 1000

// Pace is how fast a plugin is listened to. Its methods may be called concurrently.
type Pace struct{ failures *rate.Limiter }

// New makes the pace of one plugin.
func New() Pace { return Pace{rate.NewLimiter(failuresPerSecond, failuresPerSecond)} }

// Failed notes that the plugin didn't get what it has asked for.
func (p Pace) Failed() { p.failures.Reserve() }

// Answered notes the answer to a DNS query of the plugin's (RFC 1035, 4.1.1): it may be that it is refused.
func (p Pace) Answered(message []byte) {
	if len(message) > 3 && dnsmessage.RCode(message[3]&0xf) == dnsmessage.RCodeRefused {
		p.Failed()
	}
}

// Wait waits until there were no more failures than there may be; false: it was ended.
func (p Pace) Wait(end <-chan struct{}) bool {
	debt := -p.failures.Tokens()
	if debt <= 0 {
		return true
	}
	t := time.NewTimer(time.Duration(debt / failuresPerSecond * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-end:
		return false
	}
}
