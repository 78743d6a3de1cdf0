package plugincfg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/size"
	"github.com/gotcp/gotcp/plugins/guard"
)

// bound is a field of guard.Quota, which is about a number of things or of octets, and its name here.
type bound struct {
	key, field string
	number     func(*guard.Quota) *int
	octets     func(*guard.Quota) *int64
}

// bounds are all there are, in the order in which they are shown.
var bounds = []bound{
	{key: "conns", field: "Conns", number: func(q *guard.Quota) *int { return &q.Conns }},
	{key: "listeners", field: "Listeners", number: func(q *guard.Quota) *int { return &q.Listeners }},
	{key: "sockets", field: "Sockets", number: func(q *guard.Quota) *int { return &q.Sockets }},
	{key: "in", field: "BytesIn", octets: func(q *guard.Quota) *int64 { return &q.BytesIn }},
	{key: "out", field: "BytesOut", octets: func(q *guard.Quota) *int64 { return &q.BytesOut }},
	{key: "dials", field: "DialsPerSecond", number: func(q *guard.Quota) *int { return &q.DialsPerSecond }},
	{key: "lookups", field: "LookupsPerSecond", number: func(q *guard.Quota) *int { return &q.LookupsPerSecond }},
}

// QuotaKeys are the names of what quotas bound, in the order in which they are shown.
var QuotaKeys = func() (keys []string) {
	for _, b := range bounds {
		keys = append(keys, b.key)
	}
	return keys
}()

// boundOf is what a key names, nil where that is nothing.
func boundOf(key string) *bound {
	if i := slices.IndexFunc(bounds, func(b bound) bool { return b.key == key }); i >= 0 {
		return &bounds[i]
	}
	return nil
}

// QuotaKey is the key of a field of guard.Quota, "" where it is none.
func QuotaKey(field string) string {
	if i := slices.IndexFunc(bounds, func(b bound) bool { return b.field == field }); i >= 0 {
		return bounds[i].key
	}
	return ""
}

// QuotaOf is the value of a quota by its key.
func QuotaOf(q *guard.Quota, key string) int64 {
	switch b := boundOf(key); {
	case b == nil:
		return 0
	case b.number != nil:
		return int64(*b.number(q))
	default:
		return *b.octets(q)
	}
}

// SetQuota sets a quota by its key: a number, or a size such as 1GiB for octets; 0 bounds nothing.
func SetQuota(q *guard.Quota, key, value string) error {
	b := boundOf(key)
	if b == nil {
		return fmt.Errorf("no quota is called %q: there are %s", key, strings.Join(QuotaKeys, ", "))
	}
	if b.octets != nil {
		n, err := size.Parse(value)
		if err != nil {
			return fmt.Errorf("%s=%s: write a number of octets such as 1GiB, 500MB or 65536; 0 for no bound", key, value)
		}
		*b.octets(q) = n
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("%s=%s: write a number such as 100; 0 for no bound", key, value)
	}
	*b.number(q) = int(n)
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
