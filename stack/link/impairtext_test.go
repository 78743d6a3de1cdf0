package link_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/link"
)

// set parses "key=value,key=value" as a network specification has it.
func set(t testing.TB, text string) (i link.Impairment) {
	t.Helper()
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		if known, err := i.Set(key, value); err != nil || !known {
			t.Fatalf("%s: known %v, error %v", part, known, err)
		}
	}
	return i
}

func TestImpairmentText(t *testing.T) {
	for _, c := range []struct {
		text string
		want link.Impairment
		show string // where it isn't text
	}{
		{text: "loss=1%", want: link.Impairment{Loss: 0.01}},
		{text: "loss=7%", want: link.Impairment{Loss: 0.07}}, // 0.07*100 isn't 7
		{text: "loss=100%", want: link.Impairment{Loss: 1}},
		{text: "loss=0.001%", want: link.Impairment{Loss: 0.00001}},
		{text: "loss=12.5%", want: link.Impairment{Loss: 0.125}},
		{text: "loss=0%", want: link.Impairment{}, show: "-"},
		{text: "burst=1%", want: link.Impairment{Burst: link.Burst{P: 0.01}}},
		{text: "burst=1%/25%", want: link.Impairment{Burst: link.Burst{P: 0.01, R: 0.25}}},
		{
			text: "burst=1%/25%/90%/0.5%",
			want: link.Impairment{Burst: link.Burst{P: 0.01, R: 0.25, LossBad: 0.9, LossGood: 0.005}},
		},
		{text: "burst=1%/0%/50%", want: link.Impairment{Burst: link.Burst{P: 0.01, LossBad: 0.5}}},
		{
			text: "delay=20ms,jitter=1.5ms",
			want: link.Impairment{Delay: 20 * time.Millisecond, Jitter: 1500 * time.Microsecond},
		},
		{text: "rate=100mbit", want: link.Impairment{Rate: 1e8}},
		{text: "rate=1.5Gbit", want: link.Impairment{Rate: 1.5e9}, show: "rate=1500mbit"},
		{text: "rate=9600bit", want: link.Impairment{Rate: 9600}},
		{text: "rate=64kbit,queue=50", want: link.Impairment{Rate: 64000, Queue: 50}},
		{text: "rate=1mbit,queue=64kB", want: link.Impairment{Rate: 1e6, QueueBytes: 64000}},
		{text: "rate=1mbit,queue=10,queue=1MiB", want: link.Impairment{Rate: 1e6, Queue: 10, QueueBytes: 1 << 20}},
		{text: "reorder=1%", want: link.Impairment{Reorder: 0.01}},
		{text: "reorder=1%/5", want: link.Impairment{Reorder: 0.01, ReorderGap: 5}},
		{
			text: "reorder=1%/0/10ms",
			want: link.Impairment{Reorder: 0.01, ReorderDelay: 10 * time.Millisecond},
		},
		{
			text: "duplicate=2%,corrupt=0.1%,seed=7,direction=in",
			want: link.Impairment{Duplicate: 0.02, Corrupt: 0.001, Seed: 7, Direction: link.In},
		},
		{text: "seed=18446744073709551615", want: link.Impairment{Seed: 1<<64 - 1}},
		{text: "direction=both", want: link.Impairment{}, show: "-"},
	} {
		got := set(t, c.text)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: read as %+v, want %+v", c.text, got, c.want)
		}
		want := c.text
		if c.show != "" {
			want = strings.Trim(c.show, "-")
		}
		if got.String() != want {
			t.Errorf("%s: printed as %q, want %q", c.text, got, want)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: Validate says %v", c.text, err)
		}
	}
}

func TestImpairmentTextErrors(t *testing.T) {
	for _, c := range []struct{ key, value, say string }{
		{"loss", "1", "1%"},
		{"loss", "", "1%"},
		{"loss", "-1%", "1%"},
		{"loss", "NaN%", "1%"},
		{"loss", "1e1%", "1%"},
		{"loss", ".%", "1%"},
		{"loss", "101%", "at most 100%"},
		{"burst", "1%/2", "1%"},
		{"burst", "1%/1%/1%/1%/1%", "burst=1%/25%/100%/0%"},
		{"delay", "20", "20ms"},
		{"delay", "-1ms", "not negative"},
		{"jitter", "ms", "20ms"},
		{"rate", "100", "100mbit"},
		{"rate", "0mbit", "100mbit"},
		{"rate", "0.1bit", "100mbit"},
		{"rate", "99999999999999999999gbit", "100mbit"},
		{"rate", "100mbps", "100mbit"},
		{"queue", "0", "1000"},
		{"queue", "-5", "1000"},
		{"queue", "many", "64kB"},
		{"reorder", "1%/x", "reorder=1%/3"},
		{"reorder", "1%/-1", "reorder=1%/3"},
		{"reorder", "1%/1/5", "20ms"},
		{"reorder", "x/1", "1%"},
		{"duplicate", "often", "1%"},
		{"corrupt", "%", "1%"},
		{"seed", "-1", "7"},
		{"seed", "x", "7"},
		{"direction", "up", "both, out"},
	} {
		var i link.Impairment
		known, err := i.Set(c.key, c.value)
		if !known || err == nil {
			t.Errorf("%s=%s: known %v, error %v; want an error", c.key, c.value, known, err)
			continue
		}
		if s := err.Error(); !strings.HasPrefix(s, c.key+"="+c.value+": ") || !strings.Contains(s, c.say) {
			t.Errorf("%s=%s: %q doesn't begin with what was wrong, or say %q", c.key, c.value, s, c.say)
		}
	}
	var i link.Impairment
	if known, err := i.Set("addr", "10.0.0.1"); known || err != nil {
		t.Errorf("an unknown key gives %v, %v: it is for the caller to treat", known, err)
	}
}

func TestImpairmentValidate(t *testing.T) {
	for _, i := range []link.Impairment{
		{Loss: -0.1}, {Duplicate: 2}, {Burst: link.Burst{R: 3}}, {Delay: -1}, {Rate: -1}, {Queue: 5},
		{QueueBytes: 5}, {Rate: 5, Queue: -1}, {Direction: 3}, {ReorderGap: -1},
	} {
		if i.Validate() == nil {
			t.Errorf("%+v passes as a sound impairment", i)
		}
	}
	if i := (link.Impairment{Seed: 3, Direction: link.In}); !i.IsZero() {
		t.Error("a seed alone is taken for an impairment")
	}
}

// Every key in the usage text is known and its example is right.
func TestImpairmentUsage(t *testing.T) {
	for line := range strings.Lines(link.ImpairmentUsage) {
		set(t, strings.Fields(line)[0])
	}
}

func FuzzImpairmentSet(f *testing.F) {
	for line := range strings.Lines(link.ImpairmentUsage) {
		key, value, _ := strings.Cut(strings.Fields(line)[0], "=")
		f.Add(key, value)
	}
	f.Add("burst", "1%/25%/100%/0.1%")
	f.Add("reorder", "0.3%/2/1h1m")
	f.Add("queue", "1.5MiB")
	f.Add("rate", "0.001gbit")
	f.Fuzz(func(t *testing.T, key, value string) {
		var i link.Impairment
		known, err := i.Set(key, value)
		if !known || err != nil {
			return
		}
		i.Rate = max(i.Rate, 1) // queue alone is no sound impairment
		if err := i.Validate(); err != nil {
			t.Fatalf("%s=%s was read as what Validate refuses: %v", key, value, err)
		}
		if back := set(t, i.String()); !reflect.DeepEqual(back, i) {
			t.Errorf("%s=%s: %q reads as %+v, want %+v", key, value, i, back, i)
		}
	})
}
