package tcp

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/throughput.golden anew")

// TestThroughput freezes what the connection makes of a path of 100 Mbit/s and 40 ms in virtual time, by congestion
// control, by loss and by the size of the buffers. It is exact, so every change of the engine's behaviour shows: run
// with -update and look at the difference. Its shape is checked, too, for that look.
func TestThroughput(t *testing.T) {
	losses := []float64{0, 0.0001, 0.001, 0.01, 0.05}
	buffers := []int{8 << 10, 32 << 10, 128 << 10, 512 << 10, 2 << 20}
	var out strings.Builder
	fmt.Fprintf(&out, "Goodput in KiB/s over 100 Mbit/s, 40 ms, by loss and buffers. "+
		"100 Mbit/s are 12207 KiB/s on the wire.\n")
	for _, congestion := range []string{"reno", "cubic"} {
		var rates [5][5]int
		fmt.Fprintf(&out, "\n%8s", congestion)
		for _, b := range buffers {
			fmt.Fprintf(&out, "%8dK", b>>10)
		}
		for i, loss := range losses {
			fmt.Fprintf(&out, "\n%7.2f%%", loss*100)
			for j, b := range buffers {
				rates[i][j] = goodput(t, congestion, loss, b)
				fmt.Fprintf(&out, "%9d", rates[i][j])
			}
		}
		out.WriteString("\n")
		checkShape(t, rates)
	}
	const file = "testdata/throughput.golden"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the throughput has changed; if it should, run with -update.\nnow:\n%s\nbefore:\n%s", out.String(), want)
	}
}

// goodput sends 4 MiB five times, over other losses each time, and returns KiB/s.
func goodput(t *testing.T, congestion string, loss float64, buffer int) int {
	t.Helper()
	const size, runs = 4 << 20, 5
	var total time.Duration
	for seed := range uint64(runs) {
		p := newPair(t, 100+seed, network{delay: 20 * time.Millisecond, loss: loss, rate: 12_500_000, limit: 500_000})
		for _, e := range p.ends {
			e.param.SndBuf, e.param.RcvBuf = buffer, buffer
		}
		p.ends[0].total = size
		p.ends[0].tcb.SetOptions(p.now, UserOptions{Congestion: congestion})
		p.ends[0].tcb.Connect(p.now, p.ends[0].param)
		total += p.run(time.Hour)
	}
	return int(size * runs / 1024 / total.Seconds())
}

// checkShape: more loss is never much better, larger buffers are never much worse; without
// loss a small buffer allows a buffer per round trip; and the pipe is filled where nothing stands in the way.
func checkShape(t *testing.T, r [5][5]int) {
	t.Helper()
	for i := range r {
		for j := range r[i] {
			if i > 0 && r[i][j] > r[i-1][j]*11/10 {
				t.Errorf("row %d, column %d: %d KiB/s are more than the %d with less loss", i, j, r[i][j], r[i-1][j])
			}
			if j > 0 && r[i][j] < r[i][j-1]*3/4 {
				t.Errorf("row %d, column %d: %d KiB/s are less than the %d with smaller buffers", i, j, r[i][j], r[i][j-1])
			}
		}
	}
	if r[0][0] < 150 || r[0][0] > 200 {
		t.Errorf("%d KiB/s with 8 KiB per 40 ms, want nearly 200", r[0][0])
	}
	if got := r[0][len(r[0])-1]; got < 5000 {
		t.Errorf("%d KiB/s without loss and with large buffers: slow start alone doesn't explain that", got)
	}
}
