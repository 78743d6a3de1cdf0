package plugins

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// BenchmarkHTTP compares an HTTP server that is a plugin with the same server in the host's process, both on networks of
// one fabric, as the kernel's TCP sees them through a TUN device: throughput of downloads (times that of the server in
// process), and round trip (times as long). Both alternate, so that whatever else the machine does hits both.
func BenchmarkHTTP(b *testing.B) {
	netns.Require(b)
	spec, err := netspec.Parse("private")
	if err != nil {
		b.Fatal(err)
	}
	dev, err := netspec.OpenDevice(spec)
	if err != nil {
		b.Fatal(err)
	}
	f, err := NewFabric(dev.Addr, dev.Device, dev.Peer)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	all := anything(b)
	inside, err := f.Net(NetConfig{Guard: guard.Config{Name: "inside", Rules: all}})
	if err != nil {
		b.Fatal(err)
	}
	outside, err := f.Net(NetConfig{Guard: guard.Config{Name: "plugin", Rules: all}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ln, err := inside.Listen(ctx, "tcp", ":80")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: webHandler()}
	go srv.Serve(ln)
	defer srv.Close()

	h := NewHost(HostConfig{Logger: slog.New(slog.DiscardHandler), Dir: b.TempDir()})
	defer h.Close(ctx)
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := h.Start(ctx, Spec{
		Name: "web", Command: []string{exe}, Env: []string{envTestPlugin + "=web"}, Net: outside,
	}); err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for fetch(client, outside.Address, "/") != nil { // until it listens
	}
	b.ResetTimer()
	var rates, trips []float64
	var inProcess time.Duration
	for b.Loop() {
		for range 7 {
			a, p := download(b, inside.Address), download(b, outside.Address)
			rates = append(rates, float64(a)/float64(p))
			a, p = roundTrips(b, inside.Address), roundTrips(b, outside.Address)
			trips = append(trips, float64(p)/float64(a))
			inProcess = a
		}
	}
	b.ReportMetric(median(rates), "x-throughput")
	b.ReportMetric(median(trips), "x-round-trip")
	b.ReportMetric(float64(inProcess.Microseconds()), "in-process-us")
	b.ReportMetric(0, "ns/op")
}

// download is the time that so many octets take.
func download(b *testing.B, server netip.Addr) time.Duration {
	b.Helper()
	return curl(b, fmt.Sprintf("http://%v/octets?n=%d", server, 256<<20))[0]
}

// roundTrips is the median time of a small request on a connection that is there.
func roundTrips(b *testing.B, server netip.Addr) time.Duration {
	b.Helper()
	return median(curl(b, fmt.Sprintf("http://%v/?[1-500]", server))[1:])
}

// curl fetches, and says how long each transfer has taken.
func curl(b *testing.B, url string) (times []time.Duration) {
	b.Helper()
	out, err := exec.Command("curl", "-sS", "-f", "-o", "/dev/null", "-w", "%{time_total}\n", url).Output()
	if err != nil {
		b.Fatalf("curl %s: %v", url, err)
	}
	for line := range strings.Lines(string(out)) {
		s, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		if err != nil {
			b.Fatalf("curl says %q", line)
		}
		times = append(times, time.Duration(s*float64(time.Second)))
	}
	return times
}

func fetch(c *http.Client, server netip.Addr, path string) error {
	resp, err := c.Get("http://" + server.String() + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func median[T cmp.Ordered](v []T) T {
	slices.Sort(v)
	return v[len(v)/2]
}
