package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/parity"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// TestParity: the stack answers as the kernel does, but for what is documented, and says so in sums, by area.
func TestParity(t *testing.T) {
	netns.Require(t)
	out := want(t, gotcp(t, "parity"), 0, "0 of them undocumented", "questions asked\n")
	for _, area := range parity.Areas {
		if !strings.Contains(out, "\n"+area+" ") {
			t.Errorf("there is no row for %s", area)
		}
	}
}

// TestParityOnly: a part can be asked by itself, and the result be had for programs.
func TestParityOnly(t *testing.T) {
	netns.Require(t)
	var r parity.Report
	out := want(t, gotcp(t, "parity", "--only", "dial.re*", "--strict", "--json"), 0)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	want(t, gotcp(t, "parity", "--only", "dial.refused", "--answers"), 0, "ECONNREFUSED", "dial tcp PEER:P: connect: ")
	if r.Questions != 4 || len(r.Areas) != 1 || r.Areas[0].Name != "dial" || r.Areas[0].Answers != r.Answers ||
		r.Answers < r.Questions || len(r.Differences) != 0 {
		t.Errorf("%+v; want dial.refused on four ways", r)
	}
}

// TestParityList: what could be asked is listed without asking it, which takes no device.
func TestParityList(t *testing.T) {
	want(t, gotcp(t, "parity", "--list"), 0, "dial     dial.refused", "names    names.partial")
	out := want(t, gotcp(t, "parity", "--list", "--json", "--only", "accept"), 0)
	var list []parity.Listed
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, l := range list {
		if l.Area != "accept" || !strings.HasPrefix(l.Name, "accept.") || l.Asked == "" {
			t.Errorf("%+v is listed among those of accept", l)
		}
	}
}

// TestParityUsage: arguments and patterns that match nothing are a mistake, not something to overlook.
func TestParityUsage(t *testing.T) {
	want(t, gotcp(t, "parity", "tcp"), 2, "takes no arguments")
	want(t, gotcp(t, "parity", "--only", "dail.*"), 2, `no question matches "dail.*"`, "--list")
	want(t, gotcp(t, "parity", "--only", "[", "--list"), 2, "a pattern is a name in which * stands for anything")
}

// TestDeviationsDocumented: the list that excuses differences and the one that explains them are the same.
func TestDeviationsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../netapi/DEVIATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "|---|")
	rows := strings.Split(strings.TrimSpace(table), "\n")[1:]
	if len(rows) > 5 {
		t.Errorf("%d rows; want no more than 5", len(rows))
	}
	excused := make([]bool, len(rows))
	for _, d := range parity.Deviations {
		if d.Number < 1 || d.Number > len(rows) {
			t.Errorf("%s: there is no row %d", d.Question, d.Number)
			continue
		}
		excused[d.Number-1] = true
		cells := strings.Split(rows[d.Number-1], "|")
		if strings.TrimSpace(cells[1]) != fmt.Sprint(d.Number) || !strings.Contains(cells[2], "`"+d.Question+"`") {
			t.Errorf("row %d doesn't tell of %s: %s", d.Number, d.Question, rows[d.Number-1])
		}
	}
	if i := slices.Index(excused, false); i >= 0 {
		t.Errorf("row %d excuses nothing", i+1)
	}
}
