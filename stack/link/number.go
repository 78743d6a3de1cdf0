package link

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// unit is the unit of a number in the text form of an impairment.
type unit struct {
	name string // in lower case, as it is matched
	show string // as it is printed
	mul  int64
}

// Each list goes from the largest to the smallest unit, so that no name is taken for the end of another one.
var (
	rateUnits = []unit{{"gbit", "gbit", 1e9}, {"mbit", "mbit", 1e6}, {"kbit", "kbit", 1e3}, {"bit", "bit", 1}}
	sizeUnits = []unit{
		{"gib", "GiB", 1 << 30}, {"gb", "GB", 1e9}, {"mib", "MiB", 1 << 20}, {"mb", "MB", 1e6},
		{"kib", "KiB", 1 << 10}, {"kb", "kB", 1e3}, {"b", "B", 1},
	}
)

// isDecimal reports whether s is digits with at most one point between or around them: no sign, exponent or "inf".
func isDecimal(s string) bool {
	return strings.Trim(s, "0123456789.") == "" && strings.Count(s, ".") <= 1 && strings.Trim(s, ".") != ""
}

// parseScaled reads a positive number with one of the units.
func parseScaled(s string, units []unit) (int64, error) {
	text := strings.ToLower(s)
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok || !isDecimal(number) {
			continue
		}
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n > 0 && n <= math.MaxInt64/u.mul {
			return n * u.mul, nil // a float would not be exact
		}
		f, err := strconv.ParseFloat(number, 64)
		if f = math.Round(f * float64(u.mul)); err == nil && f >= 1 && f < math.MaxInt64 {
			return int64(f), nil
		}
	}
	return 0, fmt.Errorf("write a positive number and its unit, such as 100%s", units[len(units)-3].show)
}

// scaled is the text that parseScaled reads as n, with the largest unit of which n has a whole number.
func scaled(n int64, units []unit) string {
	for _, u := range units {
		if n%u.mul == 0 {
			return strconv.FormatInt(n/u.mul, 10) + u.show
		}
	}
	return strconv.FormatInt(n, 10) // not reached: the smallest unit is 1
}

// parsePercent reads a percentage as a probability.
func parsePercent(s string) (float64, error) {
	number, ok := strings.CutSuffix(s, "%")
	if !ok || !isDecimal(number) {
		return 0, fmt.Errorf("not a percentage: write one such as 1%% or 0.1%%")
	}
	p, err := strconv.ParseFloat(number+"e-2", 64) // exact, where a division by 100 is rounded once more
	if err != nil || p > 1 {
		return 0, fmt.Errorf("a probability is at most 100%%")
	}
	return p, nil
}

// percent is the text that parsePercent reads as p: p's shortest digits with the point moved by two places.
func percent(p float64) string {
	whole, frac, _ := strings.Cut(strconv.FormatFloat(p, 'f', -1, 64), ".")
	for len(frac) < 2 {
		frac += "0"
	}
	whole = strings.TrimLeft(whole+frac[:2], "0")
	if whole == "" {
		whole = "0"
	}
	if frac = frac[2:]; frac != "" {
		whole += "." + frac
	}
	return whole + "%"
}
