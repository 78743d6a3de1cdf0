package stack

import (
	"testing"

	"github.com/gotcp/gotcp/stack/tcp"
)

// dueNever is a record for which nothing is ever due.
type dueNever struct{ where dueSlot }

func (r *dueNever) slot() *dueSlot     { return &r.where }
func (r *dueNever) due(tcp.Time, bool) {}

// A record that is still somebody's when the stack closes can be taken out afterwards: a segment for a half-open
// connection, or who gives one up, may come at any time.
func TestRecordsAfterClose(t *testing.T) {
	s := New(Config{})
	defer s.Close()
	var q dueQueue
	q.init(s, 10)
	records := []*dueNever{{}, {}, {}}
	for _, r := range records {
		q.put(r, tcp.Never-1)
	}
	q.remove(records[0])
	if left := q.close(); len(left) != 2 {
		t.Errorf("%d records were left; want 2", len(left))
	}
	for _, r := range records {
		q.remove(r)
		q.put(r, 0)
	}
	if n := q.len(); n != 0 {
		t.Errorf("%d records in a queue that has ended", n)
	}
}
