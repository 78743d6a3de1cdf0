package tcp

import (
	"testing"
	"time"
)

// TestSYNOptions: what we offer by default, and what Config leaves out.
//
// RFC 9293 MUST-14, RFC 9293 SHLD-5, RFC 9293 MAY-3: the MSS is announced, always.
// RFC 9293 MUST-67: by what we can receive.
func TestSYNOptions(t *testing.T) {
	for _, c := range []struct {
		s    setup
		want string
	}{
		{setup{mss: 1460}, "S 0 win 65535 mss 1460 ws 7 sackok ts 0/32"}, // TSecr is 0: 32 after the peer's offset
		{setup{mss: 1460, tune: func(c *Config) { c.NoSACK = true }}, "S 0 mss 1460 ws 7 nosackok ts 0"},
		{setup{mss: 1460, tune: func(c *Config) { c.NoTimestamps = true }}, "S 0 mss 1460 ws 7 sackok nots"},
		{setup{mss: 1460, tune: func(c *Config) { c.NoWScale = true }}, "S 0 mss 1460 nows sackok ts 0"},
		{setup{mss: 1460, user: UserOptions{MaxSeg: 536}}, "S 0 mss 536"},
		{setup{mss: 500, user: UserOptions{MaxSeg: 1460}}, "S 0 mss 500"},
		{setup{mss: 1460, rcv: 3000}, "S 0 win 3000"},
	} {
		d := newDUT(t, c.s)
		d.connect2(c.want)
		d.tick(time.Second)
		d.queue[0].seg.Options.TSVal -= 1000
		d.out(c.want) // the second is as the first
	}
}

// TestMSSOnlyOnSYN: no other segment has the options of SYNs.
//
// RFC 9293 MUST-65
func TestMSSOnlyOnSYN(t *testing.T) {
	d := start(t, setup{ts: true, sack: true, ws: 3})
	d.write(3000)
	d.in("PA 101:201 ack 1")
	d.closeWrite()
	d.in("FA 1:101 ack 3002")
	for _, q := range d.queue {
		if o := &q.seg.Options; o.HasMSS || o.HasWScale || o.SACKPermitted {
			t.Errorf("%s has an option of SYNs", d.baseOut().format(&q.seg))
		}
	}
}

// TestSendMSS: the least of what the peer, the path and the user allow, less the options carried.
//
// RFC 9293 MUST-15, RFC 9293 MUST-16
func TestSendMSS(t *testing.T) {
	for _, c := range []struct {
		syn  string // the peer's
		user int
		ts   bool
		want int
	}{
		{"SA 0 ack 1 mss 1460", 0, false, 1400}, // ours: 1400
		{"SA 0 ack 1 mss 700", 0, false, 700},
		{"SA 0 ack 1", 0, false, 536},
		{"SA 0 ack 1", 0, true, 536 - 12},
		{"SA 0 ack 1 mss 1460", 600, false, 600},
		{"SA 0 ack 1 mss 1460", 600, true, 588},
		{"SA 0 ack 1 mss 1", 0, false, minMSS}, // an attack on our processor
		{"SA 0 ack 1 mss 0", 0, false, 536},    // says nothing (Linux)
		{"SA 0 ack 1 mss 65535", 0, false, 1400},
	} {
		s := setup{mss: 1400, ts: c.ts, user: UserOptions{MaxSeg: c.user}}
		if c.ts {
			s.mss -= tsLen
		}
		d := newDUT(t, s)
		d.connect()
		d.in(c.syn)
		d.skip()
		d.write(10000)
		if got := d.queue[0].seg.Payload.Len(); got != c.want {
			t.Errorf("%s, MaxSeg %d, ts %v: segments of %d octets, want %d", c.syn, c.user, c.ts, got, c.want)
		}
	}
}

// TestMaxSegLater: the user may lower it on an open connection.
func TestMaxSegLater(t *testing.T) {
	d := start(t, setup{})
	d.call(func(t *TCB) { t.SetOptions(d.now, UserOptions{MaxSeg: 300}) })
	d.write(700)
	d.out("A 1:301", "A 301:601", "PA 601:701")
	d.call(func(t *TCB) { t.SetOptions(d.now, UserOptions{}) })
	d.in("A 1 ack 701")
	d.write(1000)
	d.out("PA 701:1701")
}

// TestOptionsAsked: only what both ends have is used.
func TestOptionsAsked(t *testing.T) {
	for mask := range 8 {
		s := setup{ts: mask&1 != 0, sack: mask&2 != 0}
		if mask&4 != 0 {
			s.ws = 5
		}
		for _, passive := range []bool{false, true} {
			s.passive = passive
			d := start(t, s)
			in := d.tcb.Info(d.now)
			if int(in.Options) != mask {
				t.Errorf("mask %b, passive %v: Info says %b", mask, passive, in.Options)
			}
			if s.ws == 0 && (in.RcvWScale != 0 || in.SndWScale != 0) {
				t.Errorf("shifts %d and %d without window scaling: RFC 7323 2.2", in.SndWScale, in.RcvWScale)
			}
		}
	}
}

// TestOptionsRoundTrip: what SetOptions sets, Options gives back; times are kept in milliseconds.
func TestOptionsRoundTrip(t *testing.T) {
	for _, o := range []UserOptions{
		{},
		{NoDelay: true, Cork: true, KeepAlive: true, NoQuickAck: true},
		{KeepCount: 3, SynRetries: 4, MaxSeg: 555},
		{KeepIdle: time.Second, KeepInterval: 2 * time.Second, UserTimeout: 3 * time.Second, FinTimeout: 4 * time.Second},
	} {
		var tcb TCB
		tcb.SetOptions(0, o)
		if got := tcb.Options(); got != o {
			t.Errorf("Options gives %+v, want %+v", got, o)
		}
	}
	var tcb TCB
	tcb.SetOptions(0, UserOptions{KeepIdle: 1500 * time.Microsecond, UserTimeout: 1 << 62, KeepCount: 1000,
		SynRetries: -1, FinTimeout: -time.Second, MaxSeg: 1 << 20})
	got := tcb.Options()
	if got.KeepIdle != 2*time.Millisecond {
		t.Errorf("1.5 ms is kept as %v, want it rounded up", got.KeepIdle)
	}
	if got.UserTimeout < 24*24*time.Hour || got.KeepCount != 255 || got.SynRetries != 0 || got.FinTimeout >= 0 ||
		got.MaxSeg != 65535 {
		t.Errorf("extremes are kept as %+v", got)
	}
}

// TestOptionsStayOverConnect: options that were set before the connection is opened count for it.
func TestOptionsStayOverConnect(t *testing.T) {
	o := UserOptions{NoDelay: true, KeepAlive: true, KeepIdle: time.Minute, SynRetries: 2}
	d := newDUT(t, setup{user: o})
	d.connect()
	if got := d.tcb.Options(); got != o {
		t.Errorf("after Connect the options are %+v", got)
	}
	d.tick(time.Second)
	d.tick(2 * time.Second)
	d.tick(4 * time.Second)
	d.state(Closed) // after two retransmissions
}

// TestSimultaneousOpenWindow: the window of a SYN-ACK is never scaled (RFC 7323 2.2), whichever way it comes.
func TestSimultaneousOpenWindow(t *testing.T) {
	d := newDUT(t, setup{ws: 7})
	d.connect()
	d.in("S 0 mss 1000 ws 7 win 30000")
	d.out("SA 0 ack 1")
	d.in("SA 0 ack 1 mss 1000 ws 7 win 30000")
	d.state(Established)
	if got := d.tcb.Info(d.now).SndWnd; got != 30000 {
		t.Errorf("SND.WND is %d, want 30000", got)
	}
	d.in("A 1 ack 1 win 300")
	if got := d.tcb.Info(d.now).SndWnd; got != 300<<7 {
		t.Errorf("SND.WND is %d, want 300 << 7", got)
	}
}

// TestConfigDefaults: the zero Config means Linux's defaults, and what is set stays.
func TestConfigDefaults(t *testing.T) {
	var c Config
	c.Default()
	for name, v := range map[string][2]any{
		"RTOMin":        {c.RTOMin, 200 * time.Millisecond},
		"RTOInitial":    {c.RTOInitial, time.Second},
		"RTOMax":        {c.RTOMax, 120 * time.Second},
		"SynRetries":    {c.SynRetries, 6},
		"SynAckRetries": {c.SynAckRetries, 5},
		"Retries":       {c.Retries, 15},
		"DelAckMin":     {c.DelAckMin, 40 * time.Millisecond},
		"DelAckMax":     {c.DelAckMax, 200 * time.Millisecond},
		"FinTimeout":    {c.FinTimeout, time.Minute},
		"TimeWait":      {c.TimeWait, time.Minute},
		"KeepIdle":      {c.KeepIdle, 2 * time.Hour},
		"KeepInterval":  {c.KeepInterval, 75 * time.Second},
		"KeepCount":     {c.KeepCount, 9},
		"InitialWindow": {c.InitialWindow, 10},
		"RcvBufMax":     {c.RcvBufMax, 6 << 20},
	} {
		if v[0] != v[1] {
			t.Errorf("%s is %v, want %v", name, v[0], v[1])
		}
	}
	c = Config{RTOMin: time.Millisecond, KeepCount: 2}
	if c.Default(); c.RTOMin != time.Millisecond || c.KeepCount != 2 {
		t.Error("Default overwrites what was set")
	}
}
