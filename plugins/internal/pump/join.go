package pump

import (
	"context"
	"sync"

	"github.com/gotcp/gotcp/dialer"
)

// Result says how two connections that were joined have ended.
type Result struct {
	AtoB, BtoA int64 // octets that were written to B and to A
	A, B       error // what each of the two died of; nil for one that ended orderly, or was reset because of the other
	Err        error // the cause of the context's end, where it was that which ended the two; else nil
}

// Join copies between two connections both ways until both have ended, and closes them. The end of one's stream becomes
// the end of the other's, which can go on sending: a half-close stays one. Where one dies (of a reset, of a timeout, by
// its own Close) the other is reset. The end of ctx resets both.
func Join(ctx context.Context, a, b dialer.TCPConn) Result {
	j := &joint{ctx: ctx, a: a, b: b}
	stop := context.AfterFunc(ctx, func() { j.reset(nil, nil) })
	var wg sync.WaitGroup
	wg.Go(func() { j.res.AtoB = j.copy(b, a) })
	wg.Go(func() { j.res.BtoA = j.copy(a, b) })
	wg.Wait()
	stop()
	j.mu.Lock() // the context's end may be at it
	defer j.mu.Unlock()
	return j.res
}

// joint is two connections that are joined.
type joint struct {
	ctx  context.Context
	a, b dialer.TCPConn

	mu   sync.Mutex
	half bool // one direction has ended orderly
	over bool
	res  Result
}

// copy moves the octets of one direction.
func (j *joint) copy(dst, src dialer.TCPConn) int64 {
	n, srcErr, dstErr := Copy(dst, Source(src))
	switch {
	case srcErr != nil:
		j.reset(src, srcErr)
	case dstErr != nil:
		j.reset(dst, dstErr)
	default:
		// The first end is a half-close. An error of it says that dst is dead; the other direction finds the same.
		dst.CloseWrite()
		if j.ended() {
			j.a.Close()
			j.b.Close()
		}
	}
	return n
}

// ended notes the orderly end of a direction, and says whether it was the last one's.
func (j *joint) ended() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over || !j.half {
		j.half = true
		return false
	}
	j.over = true
	return true
}

// reset ends both connections, because of one that has died or, where that is nil, of the context. The first cause
// counts: what follows are consequences.
func (j *joint) reset(dead dialer.TCPConn, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over {
		return
	}
	j.over = true
	switch dead {
	case nil:
		j.res.Err = context.Cause(j.ctx)
	case j.a:
		j.res.A = err
	case j.b:
		j.res.B = err
	}
	Reset(j.a)
	Reset(j.b)
}

// Reset closes a connection such that its peer gets a reset.
func Reset(c dialer.TCPConn) {
	c.SetLinger(0) // an error says that it is closed or dead already
	c.Close()
}
