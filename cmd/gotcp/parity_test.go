package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/parity"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// TestParity: the stack answers as the kernel does, but for what is documented.
func TestParity(t *testing.T) {
	netns.Require(t)
	want(t, gotcp(t, "parity"), 0, "0 of them undocumented")
}

// TestParityUsage: arguments are a mistake, not something to overlook.
func TestParityUsage(t *testing.T) {
	want(t, gotcp(t, "parity", "tcp"), 2, "takes no arguments")
}

// TestDeviationsDocumented: the list that excuses differences and the one that explains them are the same.
func TestDeviationsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../netapi/DEVIATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Count(string(text), "\n| ")
	if n := len(parity.Deviations); n != rows-1 || n > 5 { // one row is the table's head
		t.Errorf("%d deviations and %d rows; want as many, and no more than 5", n, rows-1)
	}
	for i, d := range parity.Deviations {
		if row := fmt.Sprintf("\n| %d | `%s` |", i+1, d.Question); !strings.Contains(string(text), row) {
			t.Errorf("no row begins with %q", row[1:])
		}
	}
}
