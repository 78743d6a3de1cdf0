package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Table prints the tables: RFC 9293 by requirement, those included that have no test or are not followed, and the
// sections of all RFCs.
func Table(tests map[Requirement][]Test) string {
	var b strings.Builder
	covered, followed := 0, 0
	var rows strings.Builder
	for _, r := range rfc9293 {
		cell := links(tests[Requirement{9293, r.id}])
		if r.not == "" {
			followed++
		}
		switch {
		case r.not != "" && cell != "":
			cell = "*no: " + r.not + "*; " + cell
		case r.not != "":
			cell = "*no: " + r.not + "*"
		case cell == "":
			cell = "**none**"
		default:
			covered++
		}
		fmt.Fprintf(&rows, "| %s | %s | %s |\n", r.id, r.text, cell)
	}
	fmt.Fprintf(&b, "\n%d of the %d requirements of RFC 9293 that gotcp follows have a test of their own.\n\n", covered,
		followed)
	b.WriteString("| RFC 9293 | requirement | tests |\n|---|---|---|\n")
	b.WriteString(rows.String())
	b.WriteString("\n| RFC | section | tests |\n|---|---|---|\n")
	for _, r := range sections(tests) {
		fmt.Fprintf(&b, "| [%d](https://www.rfc-editor.org/rfc/rfc%d) | %s | %s |\n", r.RFC, r.RFC, r.ID, links(tests[r]))
	}
	b.WriteString("\n")
	return b.String()
}

func links(tests []Test) string {
	list := make([]string, len(tests))
	for i, t := range tests {
		list[i] = fmt.Sprintf("[%s](%s)", t.Name, t.Path)
	}
	return strings.Join(list, ", ")
}

// sections are the requirements that are no labels of RFC 9293, by RFC and section.
func sections(tests map[Requirement][]Test) []Requirement {
	var list []Requirement
	for r := range maps.Keys(tests) {
		if r.RFC != 9293 || !strings.Contains(r.ID, "-") {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b Requirement) int {
		return cmp.Or(cmp.Compare(a.RFC, b.RFC), slices.Compare(numbers(a.ID), numbers(b.ID)), strings.Compare(a.ID, b.ID))
	})
	return list
}

// numbers are those of a section, so that 3.10 comes after 3.9.
func numbers(id string) []int {
	var list []int
	for part := range strings.SplitSeq(id, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		list = append(list, n)
	}
	return list
}
