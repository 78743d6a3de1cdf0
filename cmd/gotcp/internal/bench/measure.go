package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// blockSize is how much each write offers and each read has room for, octets.
const blockSize = 64 << 10

// throughput has one end write for a while and the other read to the end; up has the client write. The rate is what
// arrived over the time from the first write to the end of the stream.
func throughput(up bool) func(context.Context, Side, time.Duration) ([]float64, float64, error) {
	return func(ctx context.Context, s Side, d time.Duration) (rate []float64, gib float64, err error) {
		p, err := s.connect(ctx)
		if err != nil {
			return nil, 0, err
		}
		defer p.close()
		from, to := p.client, p.server
		if !up {
			from, to = to, from
		}
		start := time.Now()
		sent := make(chan error, 1)
		go func() { sent <- pour(from, start.Add(d)) }()
		n, err := drain(to)
		elapsed := time.Since(start)
		if err != nil {
			p.close() // the writer need not wait for a reader who has gone
		}
		if err := errors.Join(<-sent, err); err != nil {
			return nil, 0, err
		}
		return []float64{float64(n) * 8 / elapsed.Seconds()}, float64(n) / (1 << 30), nil
	}
}

// pour writes blocks until a time has come, and ends the stream.
func pour(c net.Conn, until time.Time) error {
	block := make([]byte, blockSize)
	for time.Now().Before(until) {
		if _, err := c.Write(block); err != nil {
			return err
		}
	}
	return closeWrite(c)
}

// drain reads to the end and counts.
func drain(c net.Conn) (n int64, err error) {
	block := make([]byte, blockSize)
	for {
		m, err := c.Read(block)
		n += int64(m)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// maxSamples bounds the memory for the times of single round trips; a run ends early that has so many.
const maxSamples = 1 << 20

// roundTrips has the client send an octet and wait for the server's echo of it, again and again. The figures are the
// median and the 99th percentile of the single times, in seconds.
func roundTrips(ctx context.Context, s Side, d time.Duration) (values []float64, trips float64, err error) {
	p, err := s.connect(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer p.close()
	echoed := make(chan error, 1)
	go func() { echoed <- echo(p.server) }()
	times, err := ask(p.client, d)
	if err == nil {
		err = closeWrite(p.client)
	}
	if err != nil {
		p.close()
	}
	if err := errors.Join(err, <-echoed); err != nil {
		return nil, 0, err
	}
	slices.Sort(times)
	return []float64{percentile(times, 50).Seconds(), percentile(times, 99).Seconds()}, float64(len(times)), nil
}

// ask times round trips for d, one at least.
func ask(c net.Conn, d time.Duration) ([]time.Duration, error) {
	times := make([]time.Duration, 0, maxSamples)
	var b [1]byte
	start := time.Now()
	for last := start; len(times) == 0 || last.Sub(start) < d && len(times) < maxSamples; {
		b[0]++
		want := b[0]
		if _, err := c.Write(b[:]); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(c, b[:]); err != nil {
			return nil, err
		}
		if b[0] != want {
			return nil, fmt.Errorf("bench: sent octet %d and got %d back", want, b[0])
		}
		now := time.Now()
		times = append(times, now.Sub(last))
		last = now
	}
	return times, nil
}

// echo sends back what it reads, octet by octet.
func echo(c net.Conn) error {
	var b [1]byte
	for {
		if _, err := c.Read(b[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := c.Write(b[:]); err != nil {
			return err
		}
	}
}
