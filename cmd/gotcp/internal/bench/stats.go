package bench

import (
	"math"
	"slices"
)

// Spread is what is told of several values of one thing.
type Spread struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Values []float64 `json:"values"` // in the order in which they were measured
}

// spreadOf describes values, of which there must be one at least.
func spreadOf(values []float64) Spread {
	return Spread{median(values), slices.Min(values), slices.Max(values), values}
}

// median is the middle value, or the mean of the two in the middle. NaN of nothing.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	switch {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return v[n/2]
	}
	return v[n/2-1] + (v[n/2]-v[n/2-1])/2
}

// percentile is the least value that at least p percent of the values don't exceed (the nearest-rank definition).
// sorted must be, and not be empty; p is in (0, 100].
func percentile[T any](sorted []T, p float64) T {
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// ratios divides the values of each pair.
func ratios(over, under []float64) []float64 {
	r := make([]float64, len(over))
	for i := range r {
		r[i] = over[i] / under[i]
	}
	return r
}
