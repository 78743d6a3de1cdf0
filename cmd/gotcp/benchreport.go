package main

import (
	"fmt"
	"io"
	"time"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/bench"
)

// benchReport is what gotcp bench has to tell.
type benchReport struct {
	Network    string        // the stack's
	Kernel     string        // name and release
	Congestion string        // the kernel's, at all its ends
	MTU        int           // octets
	CPUs       int           // that the program may use
	Go         string        // version
	Pairs      int           // of runs
	Duration   time.Duration // of each run
	StackDials bool          // else it listens
	Notes      []string      // what was not as wished
	Results    []bench.Result
}

// role is what the stack was.
func (r *benchReport) role() string {
	if r.StackDials {
		return "client"
	}
	return "server"
}

// writeHead says what is measured, which is known before anything is.
func (r *benchReport) writeHead(w io.Writer) error {
	fmt.Fprintf(w, "gotcp:  %s; the stack is the %s\n", r.Network, r.role())
	fmt.Fprintf(w, "kernel: %s over a veth pair, MTU %d, congestion control %s\n", r.Kernel, r.MTU, r.Congestion)
	for _, note := range r.Notes {
		fmt.Fprintf(w, "note:   %s\n", note)
	}
	_, err := fmt.Fprintf(w, "runs:   %d pairs of %v each, in turn; %d CPUs, %s\n\n", r.Pairs, r.Duration, r.CPUs, r.Go)
	return err
}

// writeTable follows the head.
func (r *benchReport) writeTable(w io.Writer) error {
	if err := bench.WriteTable(w, "gotcp", "kernel", r.Results); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, "\nFigures are medians. The ratio is the median of the pairs' ratios, gotcp to kernel; "+
		"the spread is from the\nsmallest of them to the largest.\n")
	return err
}

func (r *benchReport) writeJSON(w io.Writer) error {
	return printJSON(w, struct {
		Network    string         `json:"network"`
		Role       string         `json:"role"`
		Kernel     string         `json:"kernel"`
		Congestion string         `json:"congestionControl"`
		MTU        int            `json:"mtu"`
		CPUs       int            `json:"cpus"`
		Go         string         `json:"go"`
		Pairs      int            `json:"pairs"`
		Seconds    float64        `json:"durationSeconds"`
		Notes      []string       `json:"notes,omitempty"`
		Results    []bench.Result `json:"results"`
	}{
		r.Network, r.role(), r.Kernel, r.Congestion, r.MTU, r.CPUs, r.Go, r.Pairs, r.Duration.Seconds(), r.Notes, r.Results,
	})
}
