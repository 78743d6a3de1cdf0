package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// printJSON writes a value for programs.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// columns is a writer that aligns what tabs separate. Flush ends it.
func columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// dash is a text, or what stands for none.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// valid is an address, or what stands for none.
func valid[A interface {
	IsValid() bool
	String() string
}](a A) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
