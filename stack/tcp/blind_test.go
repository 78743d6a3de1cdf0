package tcp

import (
	"fmt"
	"testing"
	"time"
)

// TestRSTMustBeExact walks RFC 5961 3.2 over the whole window: exact ends the connection, elsewhere in the window draws
// a challenge ACK, outside nothing.
func TestRSTMustBeExact(t *testing.T) {
	for _, c := range []struct {
		at   int
		want string
	}{{-70000, ""}, {-1, ""}, {0, ""}, {1, "closed"}, {2, "challenge"}, {1000, "challenge"}, {65535, "challenge"},
		{65536, ""}, {65537, ""}, {1 << 20, ""}, {1 << 30, ""}} {
		for _, flags := range []string{"R", "RA", "RAP"} {
			d := start(t, setup{})
			text := fmt.Sprintf("%s %d", flags, c.at)
			if flags != "R" {
				text += " ack 1"
			}
			d.in(text)
			switch {
			case (d.tcb.State() == Closed) != (c.want == "closed"):
				t.Errorf("%s: state %v, want %s", text, d.tcb.State(), c.want)
			case (len(d.queue) == 1) != (c.want == "challenge") || len(d.queue) > 1:
				t.Errorf("%s: %d segments are sent, want %q", text, len(d.queue), c.want)
			}
		}
	}
}

// TestChallengeConvinces: the real peer answers the challenge with a RST of the right number, and that counts.
func TestChallengeConvinces(t *testing.T) {
	d := start(t, setup{})
	d.in("S 30000") // the peer has lost its state and opens again
	d.out("A 1 ack 1")
	d.in("R 1") // its answer to our ACK: <SEQ=SEG.ACK><CTL=RST>
	d.state(Closed)
	d.holds("err ECONNRESET")
}

// TestSYNAnywhere: a SYN in a synchronized state draws a challenge ACK, wherever it is, and never ends the connection
// (RFC 5961 4.2).
func TestSYNAnywhere(t *testing.T) {
	for _, at := range []int{-70000, 0, 1, 1000, 65535, 65536, 1 << 30} {
		d := start(t, setup{})
		d.in(fmt.Sprintf("S %d", at))
		d.out("A 1 ack 1")
		d.state(Established)
	}
}

// TestOldACKs is RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT, or a challenge ACK.
func TestOldACKs(t *testing.T) {
	for _, c := range []struct {
		ack       int
		challenge bool
	}{{5001, false}, {5002, true}, {3001, false}, {1, true}, {3001 - 2000, false}, {3001 - 2001, true},
		{-1 << 30, true}, {1 << 30, true}} {
		d := start(t, setup{win: 2000})
		d.write(5000)
		d.in("A 1 ack 2001", "A 1 ack 3001")
		d.skip()
		d.in(fmt.Sprintf("A 1:11 ack %d", c.ack))
		if got := d.tcb.Queued(); (got == 0) != c.challenge {
			t.Errorf("ack %d: %d octets are taken", c.ack, got)
		}
	}
}

// TestChallengeThrottle is RFC 5961 section 7: no more than 10 in 5 seconds.
func TestChallengeThrottle(t *testing.T) {
	for _, attack := range []string{"R 100", "S 100", "S -5000", "A 1 ack 99999", "A 0 ack 1", "SA 0 ack 1"} {
		d := start(t, setup{})
		for i := range 1000 {
			d.in(attack)
			d.elapse(time.Millisecond)
			if n := len(d.queue); n > 10 {
				t.Fatalf("%s: %d answers to %d segments within a second", attack, n, i)
			}
		}
		if n := len(d.queue); n != 10 {
			t.Errorf("%s: %d answers in a second, want 10", attack, n)
		}
		d.elapse(4100 * time.Millisecond)
		d.skip()
		d.in(attack)
		d.out("A 1 ack 1") // five seconds after the first, there are new ones
		if got := d.tcb.Info(d.now).ChallengeAcks; got != 11 {
			t.Errorf("%s: ChallengeAcks is %d, want 11", attack, got)
		}
	}
}

// TestChallengeClockWrap: the throttle's clock is 32 bits of milliseconds; a connection of 25 or 50 days still has
// challenge ACKs.
func TestChallengeClockWrap(t *testing.T) {
	for _, days := range []int{1, 24, 25, 26, 49, 50, 51, 400} {
		var c challenge
		now := Time(time.Hour)
		for range 20 {
			c.allow(now)
		}
		if c.allow(now.Add(time.Second)) {
			t.Error("an eleventh within a second")
		}
		later := now.Add(time.Duration(days) * 24 * time.Hour)
		for i := range 10 {
			if !c.allow(later) {
				t.Errorf("after %d days challenge ACK %d is refused", days, i+1)
			}
		}
	}
}

// TestInjectedData: a blind attacker's data is kept out by its ACK (RFC 5961 5): of all acknowledgment numbers, only a
// window's worth is believed.
func TestInjectedData(t *testing.T) {
	d := start(t, setup{})
	for ack := int64(-1 << 31); ack < 1<<31; ack += 100_003 { // some 43,000 of them
		if ack > -60001 && ack <= 1 {
			continue
		}
		d.in(fmt.Sprintf("A 1:2 ack %d", ack))
		d.skip()
	}
	if got := d.tcb.Queued(); got != 0 {
		t.Errorf("%d octets were injected", got)
	}
}

// TestChallengePeriod: "in any 5 second window, no more than 10 challenge ACKs should be sent" (RFC 5961 section 7): the
// window is over after 5 seconds and not before.
func TestChallengePeriod(t *testing.T) {
	for after, want := range map[time.Duration]bool{4900 * ms: false, 5 * time.Second: true} {
		var c challenge
		now := Time(time.Hour)
		for range challengeLimit {
			c.allow(now)
		}
		if got := c.allow(now.Add(after)); got != want {
			t.Errorf("%v after ten: one more is allowed: %v", after, got)
		}
	}
}
