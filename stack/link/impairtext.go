package link

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ImpairmentUsage describes the text form of an [Impairment], a line for each key.
const ImpairmentUsage = `loss=1%                packets lost at random
burst=1%/25%           loss in bursts: chance to begin one, to end it [, loss within, loss between: /100%/0%]
delay=20ms             one-way delay
jitter=5ms             the delay varies by so much, up and down
rate=100mbit           bandwidth (bit, kbit, mbit, gbit per second)
queue=1000             packets that may wait for it; or octets: 64kB, 1MiB
reorder=1%             packets overtaken by others [by how many, or after how long: /3/10ms]
duplicate=1%           packets that come twice
corrupt=0.1%           packets with a bit flipped
seed=7                 another sequence of random decisions
direction=both         which packets: both, out, in`

// Set sets the part of the impairment that key names: see [ImpairmentUsage]. It reports whether it knows the key; the
// error says what was wrong with the value and what to write; the impairment stays as it was then.
func (i *Impairment) Set(key, value string) (known bool, err error) {
	j := *i
	if known, err = j.set(key, value); err != nil {
		return known, fmt.Errorf("%s=%s: %w", key, value, err)
	}
	*i = j
	return known, nil
}

func (i *Impairment) set(key, value string) (known bool, err error) {
	switch key {
	case "loss":
		i.Loss, err = parsePercent(value)
	case "burst":
		err = i.Burst.set(value)
	case "delay":
		i.Delay, err = parseDuration(value)
	case "jitter":
		i.Jitter, err = parseDuration(value)
	case "rate":
		i.Rate, err = parseScaled(value, rateUnits)
	case "queue":
		err = i.setQueue(value)
	case "reorder":
		err = i.setReorder(value)
	case "duplicate":
		i.Duplicate, err = parsePercent(value)
	case "corrupt":
		i.Corrupt, err = parsePercent(value)
	case "seed":
		if i.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
			err = fmt.Errorf("not a number of up to 64 bits: write one such as 7")
		}
	case "direction":
		i.Direction, err = parseDirection(value)
	default:
		return false, nil
	}
	return true, err
}

// String is the text that [Impairment.Set] reads, without what is zero, and without the hook: "loss=1%,delay=20ms".
func (i Impairment) String() string {
	var s []string
	add := func(is bool, key, value string) {
		if is {
			s = append(s, key+"="+value)
		}
	}
	add(i.Loss != 0, "loss", percent(i.Loss))
	add(i.Burst != Burst{}, "burst", i.Burst.String())
	add(i.Delay != 0, "delay", i.Delay.String())
	add(i.Jitter != 0, "jitter", i.Jitter.String())
	add(i.Rate != 0, "rate", scaled(i.Rate, rateUnits))
	add(i.Queue != 0, "queue", strconv.Itoa(i.Queue))
	add(i.QueueBytes != 0, "queue", scaled(int64(i.QueueBytes), sizeUnits))
	add(i.Reorder != 0 || i.ReorderGap != 0 || i.ReorderDelay != 0, "reorder", i.reorderString())
	add(i.Duplicate != 0, "duplicate", percent(i.Duplicate))
	add(i.Corrupt != 0, "corrupt", percent(i.Corrupt))
	add(i.Seed != 0, "seed", strconv.FormatUint(i.Seed, 10))
	add(i.Direction != Both, "direction", i.Direction.String())
	return strings.Join(s, ",")
}

var directionNames = []string{"both", "out", "in"}

// String is both, out or in.
func (d Direction) String() string {
	if int(d) < len(directionNames) {
		return directionNames[d]
	}
	return strconv.Itoa(int(d))
}

func parseDirection(s string) (Direction, error) {
	if n := slices.Index(directionNames, s); n >= 0 {
		return Direction(n), nil
	}
	return Both, fmt.Errorf("no such direction: write both, out (what the stack sends) or in (what it receives)")
}

// set reads P/R/LossBad/LossGood, the last three of which may be missing.
func (b *Burst) set(s string) error {
	parts := strings.Split(s, "/")
	if len(parts) > 4 {
		return fmt.Errorf("more than four percentages: write burst=1%%/25%%/100%%/0%%, or fewer of them")
	}
	*b = Burst{}
	for n, to := range []*float64{&b.P, &b.R, &b.LossBad, &b.LossGood}[:len(parts)] {
		p, err := parsePercent(parts[n])
		if err != nil {
			return err
		}
		*to = p
	}
	return nil
}

// String is the text form, without what is zero at its end.
func (b Burst) String() string {
	parts := []string{percent(b.P), percent(b.R), percent(b.LossBad), percent(b.LossGood)}
	for len(parts) > 1 && parts[len(parts)-1] == "0%" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, "/")
}

// setQueue reads a number of packets, or of octets where it has a unit. Each may be given once.
func (i *Impairment) setQueue(s string) error {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		i.Queue = n
		return nil
	}
	n, err := parseScaled(s, sizeUnits)
	if err != nil || n > math.MaxInt {
		return fmt.Errorf("write a number of packets such as 1000, or of octets such as 64kB")
	}
	i.QueueBytes = int(n)
	return nil
}

// setReorder reads probability/gap/delay, the last two of which may be missing.
func (i *Impairment) setReorder(s string) (err error) {
	p, rest, more := strings.Cut(s, "/")
	i.ReorderGap, i.ReorderDelay = 0, 0
	if i.Reorder, err = parsePercent(p); err != nil || !more {
		return err
	}
	gap, delay, more := strings.Cut(rest, "/")
	if i.ReorderGap, err = strconv.Atoi(gap); err != nil || i.ReorderGap < 0 {
		return fmt.Errorf("the gap is a number of packets: write reorder=1%%/3")
	}
	if more {
		i.ReorderDelay, err = parseDuration(delay)
	}
	return err
}

func (i *Impairment) reorderString() string {
	s := percent(i.Reorder)
	if i.ReorderGap != 0 || i.ReorderDelay != 0 {
		s += "/" + strconv.Itoa(i.ReorderGap)
	}
	if i.ReorderDelay != 0 {
		s += "/" + i.ReorderDelay.String()
	}
	return s
}

// parseDuration reads a duration such as 20ms that isn't negative.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("not a duration: write one with its unit, such as 20ms or 1.5s")
	}
	if d < 0 {
		return 0, fmt.Errorf("a duration is not negative")
	}
	return d, nil
}
