package parity

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// writeSaid prints what was answered.
func writeSaid(w io.Writer, said []Said) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "WAY\tQUESTION\tSTEP\tANSWER\tN\tIS\tTYPES")
	for _, s := range said {
		text := s.Value + s.Err // of which it has one
		if text == "" {
			text = "no error"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Pair, s.Question, s.Step, text, s.N, s.Is, s.Types)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// WriteTable prints what came of each area, and then the differences: for each the parts in which the answers aren't
// equal. What was answered, where that is told, comes first.
func WriteTable(w io.Writer, r *Report) error {
	if len(r.Said) > 0 {
		if err := writeSaid(w, r.Said); err != nil {
			return err
		}
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "AREA\tQUESTIONS\tANSWERS\tEQUAL\tDOCUMENTED\tUNDOCUMENTED")
	for _, a := range r.Areas {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\n", a.Name, a.Questions, a.Answers,
			a.Answers-a.Documented-a.Undocumented, a.Documented, a.Undocumented)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Differences) > 0 {
		fmt.Fprintln(t, "\nWAY\tQUESTION\tSTEP\tPART\tSTACK\tKERNEL\tDEVIATION")
	}
	for _, d := range r.Differences {
		number := "none"
		if d.Deviation > 0 {
			number = fmt.Sprint(d.Deviation)
		}
		for _, p := range parts(d.Stack, d.Kernel) {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Pair, d.Question, d.Kernel.Step, p[0], p[1], p[2], number)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d answers to %d questions compared: %d differ, %d of them undocumented "+
		"(see netapi/DEVIATIONS.md)\n", r.Answers, r.Questions, len(r.Differences), r.Undocumented())
	return err
}

// WriteList prints the questions.
func WriteList(w io.Writer, list []Listed) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "AREA\tQUESTION\tASKED")
	for _, l := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\n", l.Area, l.Name, l.Asked)
	}
	return t.Flush()
}

// parts lists what is different between two answers: a name and the two values.
func parts(stack, kernel Answer) (list [][3]string) {
	for _, p := range [][3]string{
		{"step", stack.Step, kernel.Step}, {"n", stack.N, kernel.N}, {"error", stack.Err, kernel.Err},
		{"types", stack.Types, kernel.Types}, {"is", stack.Is, kernel.Is}, {"flags", stack.Flags, kernel.Flags},
		{"op", stack.Op, kernel.Op}, {"value", stack.Value, kernel.Value},
	} {
		if p[1] != p[2] || p[0] == "error" && stack.Step == stuck {
			for i := range p {
				if p[i] = strings.TrimSpace(p[i]); p[i] == "" {
					p[i] = "-"
				}
			}
			list = append(list, p)
		}
	}
	return list
}
