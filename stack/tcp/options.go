package tcp

import "time"

// UserOptions is what a connection's user may set, before it is opened or later. The zero value is Linux's default; a
// zero duration or number means the [Config]'s.
type UserOptions struct {
	NoDelay    bool // TCP_NODELAY: no Nagle
	Cork       bool // TCP_CORK: hold back what doesn't fill a segment
	KeepAlive  bool // SO_KEEPALIVE
	NoQuickAck bool // TCP_QUICKACK set to 0

	KeepCount  int // TCP_KEEPCNT: unanswered probes
	SynRetries int // TCP_SYNCNT
	MaxSeg     int // TCP_MAXSEG: octets, options included

	KeepIdle     time.Duration // TCP_KEEPIDLE: since the last segment from the peer
	KeepInterval time.Duration // TCP_KEEPINTVL: between probes
	UserTimeout  time.Duration // TCP_USER_TIMEOUT: how long data may stay unacknowledged (RFC 5482)
	FinTimeout   time.Duration // TCP_LINGER2: in FIN-WAIT-2 after Close; negative: none at all

	Congestion string // TCP_CONGESTION: a name that the function Congestion knows; any other means the Config's
}

// options is UserOptions as the TCB keeps it: an idle connection has to be small. Times in milliseconds.
type options struct {
	noDelay, cork, keepAlive, noQuickAck  bool
	keepCount, synRetries                 uint8
	maxSeg                                uint16
	keepIdle, keepInterval, userTimeoutMS int32
	finTimeout                            int32
}

const ms = time.Millisecond

// toMS rounds up, and keeps what doesn't fit as the longest time there is: 24 days.
func toMS(d time.Duration) int32 {
	if d < 0 {
		return -1
	}
	return int32(min((d+ms-1)/ms, 1<<31-1))
}

func fromMS(n int32) time.Duration { return time.Duration(n) * ms }

// Options returns what SetOptions set, times rounded up to milliseconds.
func (t *TCB) Options() UserOptions {
	u := &t.user
	return UserOptions{NoDelay: u.noDelay, Cork: u.cork, KeepAlive: u.keepAlive, NoQuickAck: u.noQuickAck,
		KeepCount: int(u.keepCount), SynRetries: int(u.synRetries), MaxSeg: int(u.maxSeg), KeepIdle: fromMS(u.keepIdle),
		KeepInterval: fromMS(u.keepInterval), UserTimeout: fromMS(u.userTimeoutMS), FinTimeout: fromMS(u.finTimeout),
		Congestion: choiceNames[t.choice]}
}

// SetOptions sets the user's options. Turning NoDelay on or Cork off sends what they held back.
func (t *TCB) SetOptions(now Time, o UserOptions) {
	old := t.user
	t.user = options{noDelay: o.NoDelay, cork: o.Cork, keepAlive: o.KeepAlive, noQuickAck: o.NoQuickAck,
		keepCount: uint8(max(min(o.KeepCount, 255), 0)), synRetries: uint8(max(min(o.SynRetries, 255), 0)),
		maxSeg: uint16(max(min(o.MaxSeg, 1<<16-1), 0)), keepIdle: toMS(o.KeepIdle), keepInterval: toMS(o.KeepInterval),
		userTimeoutMS: toMS(o.UserTimeout), finTimeout: toMS(o.FinTimeout)}
	t.choose(chosen(o.Congestion))
	if o.NoDelay && !old.noDelay || !o.Cork && old.cork {
		t.Push(now)
	}
	if o.KeepAlive && !old.keepAlive {
		t.heard(now)
	}
	if o.NoQuickAck {
		t.rcv.quick = 0
	}
	if t.user.maxSeg != old.maxSeg && t.snd.mss != 0 {
		t.updateMSS()
	}
}

// Buffers returns the limits of the send and the receive store, in octets.
func (t *TCB) Buffers() (snd, rcv int) { return int(t.snd.limit), int(t.rcv.limit) }

// SetBuffers changes the limits of the stores, where not 0. A smaller receive store never takes back a window that was
// offered (RFC 9293 3.8.6, SHLD-14).
func (t *TCB) SetBuffers(now Time, snd, rcv int) {
	if snd > 0 {
		t.snd.limit = int32(min(snd, maxBuffer))
		if t.writable() {
			t.events |= Writable
		}
	}
	if rcv > 0 {
		t.rcv.limit = int32(min(rcv, maxBuffer))
	}
}

// maxBuffer is the largest window that TCP can express: 2^30 (RFC 7323 2.3).
const maxBuffer = 1 << 30

func (t *TCB) keepIdle() time.Duration { return orDuration(fromMS(t.user.keepIdle), t.cfg.KeepIdle) }
func (t *TCB) keepInterval() time.Duration {
	return orDuration(fromMS(t.user.keepInterval), t.cfg.KeepInterval)
}
func (t *TCB) userTimeout() time.Duration { return fromMS(t.user.userTimeoutMS) }
func (t *TCB) keepCount() int             { return orInt(int(t.user.keepCount), t.cfg.KeepCount) }
func (t *TCB) synRetries() int            { return orInt(int(t.user.synRetries), t.cfg.SynRetries) }

func orDuration(a, b time.Duration) time.Duration {
	if a != 0 {
		return a
	}
	return b
}

func orInt(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}
