package main

import (
	"strings"
	"testing"
)

// TestRun checks what the example is to show, and that virtual time makes every run the same.
func TestRun(t *testing.T) {
	var first, second strings.Builder
	run(&first)
	run(&second)
	out := first.String()
	if out != second.String() {
		t.Errorf("two runs differ:\n%s\n%s", out, second.String())
	}
	for _, want := range []string{
		"client > server: S 0:0(0) win 65535 <mss 1460,", // the SYN, its number counted from the ISN
		"server > client: S. 0:0(0) ack 1 ",
		"LOST",
		",sack ",                      // the client says what it has beyond the hole
		"all 8000 octets",             // and nothing is missing in the end
		"client TIME-WAIT",            // who closed last answers, who closed first waits
		" 0.060000 server > client: ", // one round trip after the loss, not after a time-out
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
}
