package bench

import (
	"math"
	"slices"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{5, 1, 3}, 3},      // the middle in order of size
		{[]float64{4, 1, 3, 2}, 2.5}, // between the two in the middle
		{[]float64{1, 1, 1, 1e9}, 1}, // one outlier doesn't matter
		{[]float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64}, // no overflow on the way
	} {
		before := slices.Clone(c.values)
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
		if !slices.Equal(c.values, before) {
			t.Errorf("median changed its argument from %v to %v: pairs would be torn apart", before, c.values)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN: no number would be honest", got)
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for _, c := range []struct {
		sorted []int
		p      float64
		want   int
	}{
		{hundred, 50, 50}, // 50 of 100 values don't exceed 50
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred, 0.1, 1},
		{[]int{7}, 50, 7}, // one value is every percentile
		{[]int{7}, 99, 7},
		{[]int{1, 2}, 50, 1}, // the nearest rank is a value that was measured, not a mean
		{[]int{1, 2}, 51, 2},
	} {
		if got := percentile(c.sorted, c.p); got != c.want {
			t.Errorf("percentile(%d values, %v) = %d, want %d", len(c.sorted), c.p, got, c.want)
		}
	}
}

// The ratio told is the median of the pairs' ratios, not the ratio of the medians: what slows the machine for one pair
// must not count.
func TestRatioIsPairwise(t *testing.T) {
	stack, kernel := []float64{60, 6, 70}, []float64{100, 10, 100} // the machine was ten times slower in the second pair
	got := spreadOf(ratios(stack, kernel))
	if got.Median != 0.6 || got.Min != 0.6 || got.Max != 0.7 {
		t.Errorf("ratio = %+v, want a median of 0.6 with a spread of 0.6..0.7", got)
	}
	if want := []float64{0.6, 0.6, 0.7}; !slices.Equal(got.Values, want) {
		t.Errorf("values = %v, want %v in the order of the pairs", got.Values, want)
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		target Target
		ratio  float64
		met    bool
		text   string
	}{
		{Target{Least: 0.6}, 0.6, true, ">= 0.60"}, // bounds belong to what they allow
		{Target{Least: 0.6}, 0.59, false, ">= 0.60"},
		{Target{Least: 0.6}, 5, true, ">= 0.60"},
		{Target{Most: 2}, 2, true, "<= 2.00"},
		{Target{Most: 2}, 2.01, false, "<= 2.00"},
		{Target{Most: 2}, 0.1, true, "<= 2.00"},
		{Target{Least: 0.6}, math.NaN(), false, ">= 0.60"}, // what wasn't measured wasn't met
	} {
		if got := c.target.Met(c.ratio); got != c.met {
			t.Errorf("%v met by %v: %v, want %v", c.target, c.ratio, got, c.met)
		}
		if got := c.target.String(); got != c.text {
			t.Errorf("target prints %q, want %q", got, c.text)
		}
	}
	if !(Target{}).None() || (Target{}).String() != "" {
		t.Error("the zero target is one")
	}
}

func TestParseMeasurements(t *testing.T) {
	got, err := ParseMeasurements("rtt, in,rtt")
	if want := []Measurement{RTT, In}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v: once each, in the order given", got, err, want)
	}
	if got, err := ParseMeasurements(""); err != nil || !slices.Equal(got, All) {
		t.Errorf("of nothing: %v, %v, want all", got, err)
	}
	if _, err := ParseMeasurements("in,speed"); err == nil {
		t.Error("a measurement that doesn't exist was taken")
	}
}
