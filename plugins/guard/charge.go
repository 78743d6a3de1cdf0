package guard

import "sync/atomic"

// usedBytes are the octets that were read and written, which quotas are compared with.
type usedBytes struct{ in, out atomic.Int64 }

// exhausted is the quota of bytes that is used up, "" where none is.
func (u *usedBytes) exhausted(q *Quota) (name string, limit int64) {
	switch {
	case q.BytesIn > 0 && u.in.Load() >= q.BytesIn:
		return quotaBytesIn, q.BytesIn
	case q.BytesOut > 0 && u.out.Load() >= q.BytesOut:
		return quotaBytesOut, q.BytesOut
	}
	return "", 0
}

// charge adds k octets to an account and gives how many of them the limit has room for; no others remain on it.
func charge(used *atomic.Int64, limit int64, k int) int {
	total := used.Add(int64(k))
	if limit <= 0 || total <= limit {
		return k
	}
	granted := max(int64(k)-(total-limit), 0)
	used.Add(granted - int64(k))
	return int(granted)
}

// chargeOut and chargeIn take k octets from the quotas of what is sent and what is read, and give how many they have.
func (f *flow) chargeOut(k int) int { return charge(&f.n.used.out, f.n.quota.Load().BytesOut, k) }
func (f *flow) chargeIn(k int) int  { return charge(&f.n.used.in, f.n.quota.Load().BytesIn, k) }

// sent counts n octets, for which room was charged.
func (f *flow) sent(room, n int64) {
	f.out.Add(n)
	if n < room {
		f.n.used.out.Add(n - room)
	}
}

// exhaust cuts all connections off, for a quota of bytes is used up, and says so.
func (f *flow) exhaust(op, quota string) *RefusedError {
	q := f.n.quota.Load()
	why := &RefusedError{Name: f.n.name, Op: op, Network: f.place.proto, Quota: quota, Limit: q.BytesIn}
	if quota == quotaBytesOut {
		why.Limit = q.BytesOut
	}
	why.Address = f.place.address()
	f.n.refused(why)
	f.n.cut(why, isConn)
	return why
}

// exhausted is exhaust as a call's error.
func (f *flow) exhausted(op, quota string) error { return f.opError(op, f.exhaust(op, quota)) }
