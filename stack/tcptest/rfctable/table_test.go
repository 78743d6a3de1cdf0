package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const goTest = `package x

// TestOpen tests something.
//
// RFC 9293 MUST-10, MUST-11
func TestOpen(t *testing.T) {
	// RFC 5961 3.2
	// RFC 9293 says a lot of other things, too.
}
`

func TestTable(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "tests/open/simultaneous.pkt", "// RFC: 9293 MUST-10, 3.10.7.4, 3.9.1\n0 < S 0:0(0)\n")
	write(t, dir, "x/x_test.go", goTest)
	write(t, dir, ".git/x_test.go", "not Go")
	tests, err := Collect(dir)
	if err != nil {
		t.Fatal(err)
	}
	table := Table(tests)
	for _, want := range []string{
		// Scripts by directory and name, functions by name, each with a link.
		"| MUST-10 | simultaneous open | [TestOpen](x/x_test.go), [open/simultaneous](tests/open/simultaneous.pkt) |\n",
		"| MUST-11 | SYN-RECEIVED knows how it came about | [TestOpen](x/x_test.go) |\n",
		// What has no test is seen; what is not followed says why.
		"| MUST-1 | the window is unsigned | **none** |\n",
		"| MAY-14 | a flush call | *no: sockets have no such call* |\n",
		// Sections in the order of their numbers, RFC by RFC; a comment in a function's body counts, prose doesn't.
		"| 3.2 | [TestOpen](x/x_test.go) |\n| [9293](https://www.rfc-editor.org/rfc/rfc9293) | 3.9.1 | " +
			"[open/simultaneous](tests/open/simultaneous.pkt) |\n| [9293](https://www.rfc-editor.org/rfc/rfc9293) | 3.10.7.4 |",
		"\n2 of the ",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in:\n%s", want, table)
		}
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "README.md", "before\n"+begin+"old\n"+end+"after\n")
	if err := replace(path, "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "before\n"+begin+"new\n"+end+"after\n" {
		t.Errorf("file is %q", got)
	}
	if got, err := between(path); got != "new\n" || err != nil {
		t.Errorf("between the marks: %q, %v", got, err)
	}
	if err := replace(write(t, dir, "NONE.md", "nothing\n"), "new\n"); err == nil {
		t.Error("a file without marks was written")
	}
}

// TestRequirements: each requirement of Appendix B is there once.
func TestRequirements(t *testing.T) {
	count := map[string]int{}
	for _, r := range rfc9293 {
		count[r.id]++
		if count[r.id] > 1 {
			t.Errorf("%s is there twice", r.id)
		}
	}
	kinds := map[string]int{}
	for id := range count {
		kind, _, _ := strings.Cut(id, "-")
		kinds[kind]++
	}
	for kind, want := range map[string]int{"MUST": 69, "SHLD": 31, "MAY": 18, "REC": 1} {
		if kinds[kind] != want {
			t.Errorf("%d requirements of kind %s, want %d", kinds[kind], kind, want)
		}
	}
}

// TestREADME: the tables in the project's README are those that the tests make.
func TestREADME(t *testing.T) {
	const root = "../../.."
	tests, err := Collect(root)
	if err != nil {
		t.Fatal(err)
	}
	old, err := between(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if old != Table(tests) {
		t.Error("the tables are not up to date: go run ./stack/tcptest/rfctable -write README.md")
	}
}
