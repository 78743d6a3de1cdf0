package tcptest

import (
	"reflect"
	"strings"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// WallTime is the part of a [Host] that passes time by sleeping: real time, or that of a synctest bubble.
type WallTime struct {
	// Settle waits until all that is due now has happened; nil where that cannot be known.
	Settle func()
	wake   chan struct{}
}

// NewWallTime returns a WallTime with what Settle says.
func NewWallTime(settle func()) *WallTime {
	return &WallTime{Settle: settle, wake: make(chan struct{}, 1)}
}

// Now is time.Now.
func (w *WallTime) Now() time.Time { return time.Now() }

// Go runs f in a goroutine.
func (w *WallTime) Go(f func()) { go f() }

// Wake has Wait ask again.
func (w *WallTime) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is to ask already
	}
}

// Wait sleeps until t, or until stop says so.
func (w *WallTime) Wait(t time.Time, stop func() bool) {
	for {
		if w.Settle != nil {
			w.Settle()
		}
		d := time.Until(t)
		if stop() || d <= 0 {
			return
		}
		timer := time.NewTimer(d)
		select {
		case <-w.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// InfoFields gives the integers of a struct by the names that tcp_info's fields have in scripts: RcvWScale and
// Rcv_wscale are tcpi_rcv_wscale.
func InfoFields(info any) map[string]int64 {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	fields := map[string]int64{}
	v := reflect.ValueOf(info)
	for i := range v.NumField() {
		if f := v.Field(i); f.CanUint() {
			fields[plain(v.Type().Field(i).Name)] = int64(f.Uint())
		}
	}
	named := map[string]int64{}
	for _, name := range script.InfoFields {
		if n, ok := fields[plain(strings.TrimPrefix(name, "tcpi_"))]; ok {
			named[name] = n
		}
	}
	return named
}
