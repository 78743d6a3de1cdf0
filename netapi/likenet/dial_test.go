package likenet

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimit: of Timeout and Deadline the earlier one holds, and Cancel ends the context before.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, c := range []struct {
			d    net.Dialer
			want time.Duration // after now; 0: no deadline
		}{
			{net.Dialer{}, 0}, {net.Dialer{Timeout: time.Second}, time.Second}, {net.Dialer{Timeout: -1}, -1},
			{net.Dialer{Deadline: now.Add(time.Minute)}, time.Minute},
			{net.Dialer{Deadline: now.Add(time.Minute), Timeout: time.Second}, time.Second},
			{net.Dialer{Deadline: now.Add(time.Minute), Timeout: time.Hour}, time.Minute},
		} {
			ctx, cancel := Limit(t.Context(), &c.d)
			if got, ok := ctx.Deadline(); ok != (c.want != 0) || ok && got.Sub(now) != c.want {
				t.Errorf("Timeout %v, Deadline %v: until %v; want %v later than now", c.d.Timeout, c.d.Deadline, got, c.want)
			}
			cancel()
		}
		ends := make(chan struct{})
		//lint:ignore SA1019 what takes package net's place honours it
		ctx, cancel := Limit(t.Context(), &net.Dialer{Cancel: ends, Timeout: time.Minute})
		defer cancel()
		close(ends)
		<-ctx.Done()
		if took := time.Since(now); took != 0 {
			t.Errorf("the context ended after %v; want at once, when Cancel was closed", took)
		}
	})
}

// TestShare: an address gets its part of the time, but two seconds where there are as many.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, c := range []struct {
			time time.Duration
			left int
			want time.Duration
		}{
			{time.Minute, 3, 20 * time.Second}, {time.Minute, 1, time.Minute}, {5 * time.Second, 5, 2 * time.Second},
			{time.Second, 5, time.Second}, {-time.Second, 5, -time.Second},
		} {
			if got := Share(now.Add(c.time), c.left).Sub(now); got != c.want {
				t.Errorf("the first of %d has %v of %v; want %v", c.left, got, c.time, c.want)
			}
		}
	})
}
