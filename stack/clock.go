package stack

import "github.com/gotcp/gotcp/stack/link"

// Clock is where a stack takes all its time from. The default is the wall's; tests and simulators bring their own. It
// is the clock of package link: one serves a stack and the links under it.
type Clock = link.Clock

// Timer is a pending call of a [Clock]; *time.Timer is one.
type Timer = link.Timer

type wallClock = link.WallClock
