package border

import (
	"io"
	"testing"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
)

// BenchmarkBorder measures a connection of the plugin's against one of the network itself, over the same pair of
// stacks in the same run: round is how many times as long a round trip takes, up and down are shares of the throughput,
// dials how many connections are made a second, one after the other.
func BenchmarkBorder(b *testing.B) {
	for name, pair := range carriers {
		b.Run(name, func(b *testing.B) {
			own, peer := stacks(b)
			n := serve(b, pair, own, Limits{}, Hooks{})
			var round, up, down, in, through []float64
			for b.Loop() {
				in = append(in, roundTrips(b, own, peer))
				through = append(through, roundTrips(b, n, peer))
				round = append(round, last(through)/last(in))
				up = append(up, transfer(b, n, peer, true)/transfer(b, own, peer, true))
				down = append(down, transfer(b, n, peer, false)/transfer(b, own, peer, false))
			}
			b.ReportMetric(mean(in)*1e6, "µs-inside")
			b.ReportMetric(mean(through)*1e6, "µs-border")
			b.ReportMetric(mean(round), "round")
			b.ReportMetric(mean(up), "up")
			b.ReportMetric(mean(down), "down")
			b.ReportMetric(dials(b, n, peer), "dials/s")
			b.ReportMetric(dials(b, own, peer), "dials/s-inside")
		})
	}
}

func last(v []float64) float64 { return v[len(v)-1] }

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

// roundTrips is how long one octet to the peer and back takes, in seconds.
func roundTrips(b *testing.B, n, peer netapi.Tuned) float64 {
	const rounds = 2000
	own, other := connected(b, n, peer, false)
	defer own.Close()
	go io.Copy(struct{ io.Writer }{other}, struct{ io.Reader }{other})
	start := time.Now()
	buf := make([]byte, 1)
	for range rounds {
		if _, err := own.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := own.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start).Seconds() / rounds
}

// transfer is the throughput of one direction, in octets a second.
func transfer(b *testing.B, n, peer netapi.Tuned, up bool) float64 {
	const size, chunk = 128 << 20, 64 << 10
	own, other := connected(b, n, peer, false)
	from, to := dialer.TCPConn(own), other
	if !up {
		from, to = other, own
	}
	go func() {
		buf := make([]byte, chunk)
		for range size / chunk {
			from.Write(buf)
		}
		from.Close()
	}()
	start := time.Now()
	buf := make([]byte, chunk)
	for {
		if _, err := to.Read(buf); err == io.EOF {
			break
		} else if err != nil {
			b.Fatal(err)
		}
	}
	to.Close()
	return size / time.Since(start).Seconds()
}

// dials is how many connections are dialled and accepted a second, each on the network that is asked.
func dials(b *testing.B, n, peer netapi.Tuned) float64 {
	const count, workers = 4000, 8
	ln, err := n.Listen(b.Context(), "tcp", ownIP+":0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	start := time.Now()
	done := make(chan error)
	for range workers {
		go func() {
			for range count / workers {
				c, err := n.DialContext(b.Context(), "tcp", ln.Addr().String())
				if err != nil {
					done <- err
					return
				}
				c.Read(make([]byte, 1)) // the other end closes first, so that no port of this one stays in TIME-WAIT
				c.Close()
			}
			done <- nil
		}()
	}
	for range workers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	return count / time.Since(start).Seconds()
}
