package likenet

import (
	"context"
	"net"
	"time"
)

// Limit bounds a context by a Dialer's Timeout, Deadline and Cancel.
func Limit(ctx context.Context, d *net.Dialer) (context.Context, context.CancelFunc) {
	deadline := d.Deadline
	if d.Timeout != 0 { // a negative one has passed
		if t := time.Now().Add(d.Timeout); deadline.IsZero() || t.Before(deadline) {
			deadline = t
		}
	}
	cancel := func() {}
	if !deadline.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, deadline)
	}
	//lint:ignore SA1019 what takes package net's place honours it
	cancelled := d.Cancel
	if cancelled == nil {
		return ctx, cancel
	}
	sub, cancelSub := context.WithCancel(ctx)
	go func() {
		select {
		case <-cancelled:
			cancelSub()
		case <-sub.Done():
		}
	}()
	return sub, func() { cancelSub(); cancel() }
}

// Share is when to give up the first of so many addresses that are tried in turn until a deadline: each gets a fair
// share of the time, but for two seconds, less than which is no fair try.
func Share(deadline time.Time, left int) time.Time {
	const sane = 2 * time.Second // the later addresses are stolen from
	now := time.Now()
	if t := now.Add(max(deadline.Sub(now)/time.Duration(left), sane)); t.Before(deadline) {
		return t
	}
	return deadline
}

// WithShare bounds a context to try the first of so many addresses in: see [Share].
func WithShare(ctx context.Context, left int) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		return context.WithDeadline(ctx, Share(deadline, left))
	}
	return ctx, func() {}
}
