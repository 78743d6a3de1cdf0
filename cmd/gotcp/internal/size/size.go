// Package size reads and writes numbers of octets for people.
package size

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// units are from the largest to the smallest, so that no name is taken for the end of another one.
var units = []struct {
	name string
	n    int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}, {"", 1},
}

// Parse reads a number of octets such as 256MiB.
func Parse(s string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(strings.ToLower(s), strings.ToLower(u.name))
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if n := f * float64(u.n); err == nil && n >= 0 && n < math.MaxInt64 {
			return int64(n), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is no size: write a number of octets such as 256MiB, 1GB or 65536", s)
}

// Format is a number of octets for people.
func Format(n int64) string {
	for _, u := range units[:3] {
		if n >= u.n {
			return strconv.FormatFloat(math.Round(float64(n)*10/float64(u.n))/10, 'f', -1, 64) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}

// Rate is n octets in d, in the units of networks.
func Rate(n int64, d time.Duration) string {
	bits := float64(n) * 8 / max(d.Seconds(), 1e-9)
	switch {
	case bits >= 1e9:
		return fmt.Sprintf("%.2f Gbit/s", bits/1e9)
	case bits >= 1e6:
		return fmt.Sprintf("%.1f Mbit/s", bits/1e6)
	}
	return fmt.Sprintf("%.1f kbit/s", bits/1e3)
}
