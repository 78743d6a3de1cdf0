package netapi

import (
	"net"
	"runtime"
	"testing"
	"time"
	"unsafe"
)

// BenchmarkIdleConnections makes 100,000 connections and says what each end costs while nothing is sent: the engine, the
// socket and this package's part, and the timer where keep-alive is on, as package net has it. Law 9 bounds that by 1024
// octets.
func BenchmarkIdleConnections(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkIdle(b, -1) })
	b.Run("keepalive", func(b *testing.B) { benchmarkIdle(b, 0) })
}

func benchmarkIdle(b *testing.B, keepAlive time.Duration) {
	const n, listeners = 100_000, 4 // one pair of addresses has 28232 ports
	d, lc := net.Dialer{KeepAlive: keepAlive}, net.ListenConfig{KeepAlive: keepAlive}
	for b.Loop() {
		from, to := newPair(b)
		var lns []net.Listener
		for range listeners {
			ln, err := to.ListenWith(b.Context(), &lc, "tcp", "10.0.0.2:0")
			if err != nil {
				b.Fatal(err)
			}
			lns = append(lns, ln)
		}
		before := heap()
		conns := make([]net.Conn, 0, 2*n)
		for i := range n {
			ln := lns[i%listeners]
			c, err := from.DialWith(b.Context(), &d, "tcp", ln.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			a, err := ln.Accept()
			if err != nil {
				b.Fatal(err)
			}
			conns = append(conns, c, a)
		}
		used := heap() - before - uint64(cap(conns))*uint64(unsafe.Sizeof(conns[0]))
		b.ReportMetric(float64(used)/(2*n), "B/conn")
		for _, c := range conns {
			c.(*TCPConn).SetLinger(0)
			c.Close()
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	for range 3 { // what is in the pools goes at the second collection
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
