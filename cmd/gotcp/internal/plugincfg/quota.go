package plugincfg

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/size"
	"github.com/gotcp/gotcp/plugins/guard"
)

// QuotaKeys are the names of what quotas bound, in the order in which they are shown.
var QuotaKeys = []string{"conns", "listeners", "sockets", "in", "out", "dials", "lookups"}

// QuotaField is the field of guard.Quota that a key names.
func QuotaField(key string) string {
	return map[string]string{
		"conns": "Conns", "listeners": "Listeners", "sockets": "Sockets", "in": "BytesIn", "out": "BytesOut",
		"dials": "DialsPerSecond", "lookups": "LookupsPerSecond",
	}[key]
}

// QuotaOf is the value of a quota by its key.
func QuotaOf(q *guard.Quota, key string) int64 {
	switch key {
	case "in":
		return q.BytesIn
	case "out":
		return q.BytesOut
	}
	if n := small(q, key); n != nil {
		return int64(*n)
	}
	return 0
}

// small is the field for a key that isn't about octets, nil where there is none.
func small(q *guard.Quota, key string) *int {
	switch key {
	case "conns":
		return &q.Conns
	case "listeners":
		return &q.Listeners
	case "sockets":
		return &q.Sockets
	case "dials":
		return &q.DialsPerSecond
	case "lookups":
		return &q.LookupsPerSecond
	}
	return nil
}

// SetQuota sets a quota by its key: a number, or a size such as 1GiB for in and out; 0 bounds nothing.
func SetQuota(q *guard.Quota, key, value string) error {
	if key == "in" || key == "out" {
		n, err := size.Parse(value)
		switch {
		case err != nil:
			return fmt.Errorf("%s=%s: write a number of octets such as 1GiB, 500MB or 65536; 0 for no bound", key, value)
		case key == "in":
			q.BytesIn = n
		default:
			q.BytesOut = n
		}
		return nil
	}
	field := small(q, key)
	if field == nil {
		return fmt.Errorf("no quota is called %q: there are %s", key, strings.Join(QuotaKeys, ", "))
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || n > math.MaxInt32 {
		return fmt.Errorf("%s=%s: write a number such as 100; 0 for no bound", key, value)
	}
	*field = int(n)
	return nil
}

// Setting is one quota that is to be set.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// ParseQuota reads KEY=VALUE,KEY=VALUE.
func ParseQuota(text string) ([]Setting, error) {
	var settings []Setting
	for piece := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(piece, "=")
		if !ok {
			return nil, fmt.Errorf("%q is no quota: write KEY=VALUE, such as conns=100,in=1GiB", piece)
		}
		if err := SetQuota(&guard.Quota{}, key, value); err != nil {
			return nil, err
		}
		settings = append(settings, Setting{key, value})
	}
	return settings, nil
}
