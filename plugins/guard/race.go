package guard

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// This file dials several addresses of a host as package net does: in turn, each getting a fair share of the time; and
// where there are both families, the second one from a while later at the same time (RFC 8305, in part).

// fallbackDelay is for how long the first family has the field for itself: package net's default.
const fallbackDelay = 300 * time.Millisecond

// connect dials places until one answers.
func (dl *dialing) connect(ctx context.Context, places []place) (net.Conn, place, error) {
	is4 := places[0].addr.Is4()
	var first, second []place
	for _, p := range places {
		if p.addr.Is4() == is4 {
			first = append(first, p)
		} else {
			second = append(second, p)
		}
	}
	if len(second) == 0 || dl.target.network != "tcp" || dl.d.FallbackDelay < 0 {
		return dl.serial(ctx, places)
	}
	return dl.race(ctx, first, second)
}

// serial dials places in turn. The first one's error is the most telling, but for that of an address of a family that
// the network doesn't have.
func (dl *dialing) serial(ctx context.Context, places []place) (net.Conn, place, error) {
	var first error
	for i, p := range places {
		c, err := dl.within(ctx, p, len(places)-i)
		if err == nil {
			return c, p, nil
		}
		if first == nil || errors.Is(first, syscall.EAFNOSUPPORT) {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, place{}, first
}

// within dials one place, in a fair share of the time that is left for so many.
func (dl *dialing) within(ctx context.Context, p place, left int) (net.Conn, error) {
	ctx, cancel := likenet.WithShare(ctx, left)
	defer cancel()
	return dl.n.inner.DialWith(ctx, dl.d, dl.target.network, dl.target.text(p.addr))
}

// dialled is what became of one family.
type dialled struct {
	family int // 0 is the first one
	c      net.Conn
	p      place
	err    error
}

// race dials two families, the second one when the first has failed or had its time. The loser is closed.
func (dl *dialing) race(ctx context.Context, first, second []place) (net.Conn, place, error) {
	ctx, cancel := context.WithCancel(ctx)
	results, returned := make(chan dialled), make(chan struct{})
	defer close(returned)
	defer cancel()
	start := func(family int, places []place) {
		go func() {
			c, p, err := dl.serial(ctx, places)
			select {
			case results <- dialled{family, c, p, err}:
			case <-returned:
				if c != nil {
					c.Close()
				}
			}
		}()
	}
	delay := dl.d.FallbackDelay
	if delay == 0 {
		delay = fallbackDelay
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	start(0, first)
	running, waiting := 1, true
	var errs [2]error
	for running > 0 {
		select {
		case <-timer.C:
		case r := <-results:
			running--
			if r.err == nil {
				return r.c, r.p, nil
			}
			errs[r.family] = r.err
		}
		if waiting {
			waiting = false
			running++
			start(1, second)
		}
	}
	if errs[0] == nil || errors.Is(errs[0], syscall.EAFNOSUPPORT) {
		return nil, place{}, errs[1]
	}
	return nil, place{}, errs[0]
}
