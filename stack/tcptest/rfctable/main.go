// Command rfctable prints which test covers which requirement of which RFC, as Markdown tables for the README.
//
//	go run ./stack/tcptest/rfctable [-check README.md] [-write README.md]
//
// Requirements are named in the heads of packet scripts ("// RFC: 9293 MUST-10") and in comments of Go tests that are
// nothing else on their line ("// RFC 9293 MUST-10, SHLD-3"). It is run in the module's root.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
)

const (
	begin = "<!-- rfc table begin -->\n"
	end   = "<!-- rfc table end -->\n"
)

func main() {
	write := flag.String("write", "", "put the tables into this `file`, between its marks, instead of printing them")
	check := flag.String("check", "", "say whether the tables in this `file` are up to date")
	flag.Parse()
	if err := run(*write, *check); err != nil {
		fmt.Fprintln(os.Stderr, "rfctable:", err)
		os.Exit(1)
	}
}

func run(write, check string) error {
	tests, err := Collect(".")
	if err != nil {
		return err
	}
	table := Table(tests)
	switch {
	case write != "":
		return replace(write, table)
	case check != "":
		old, err := between(check)
		if err == nil && old != table {
			err = fmt.Errorf("the tables in %s are not up to date: go run ./stack/tcptest/rfctable -write %s", check, check)
		}
		return err
	}
	_, err = os.Stdout.WriteString(table)
	return err
}

// between returns the text between the marks in a file.
func between(path string) (string, error) {
	_, _, inside, err := split(path)
	return string(inside), err
}

// split cuts a file at the marks: what is before, marks included, what is after, and what is inside.
func split(path string) (before, after, inside []byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, nil, err
	}
	i, j := bytes.Index(text, []byte(begin)), bytes.Index(text, []byte(end))
	if i < 0 || j < i {
		return nil, nil, nil, fmt.Errorf("%s has no %q and %q after it", path, begin, end)
	}
	i += len(begin)
	return text[:i], text[j:], text[i:j], nil
}

func replace(path, table string) error {
	before, after, _, err := split(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.Join([][]byte{before, []byte(table), after}, nil), 0o644)
}
