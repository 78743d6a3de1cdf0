package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// Requirement is one of an RFC: "MUST-10", or a section such as "3.10.7.4".
type Requirement struct {
	RFC int
	ID  string
}

// Test is a packet script or a function of a Go test.
type Test struct{ Name, Path string }

// Collect reads the tests below a directory and returns those of each requirement, in the order of their names.
func Collect(root string) (map[Requirement][]Test, error) {
	tests := map[Requirement][]Test{}
	add := func(tags []script.Tag, t Test) {
		for _, tag := range tags {
			r := Requirement{tag.RFC, tag.ID}
			if !slices.Contains(tests[r], t) {
				tests[r] = append(tests[r], t)
			}
		}
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir() && strings.HasPrefix(name, ".") && path != root:
			return fs.SkipDir
		case strings.HasSuffix(name, ".pkt"):
			return collectScript(root, path, add)
		case strings.HasSuffix(name, "_test.go"):
			return collectGo(root, path, add)
		}
		return nil
	})
	for _, list := range tests {
		slices.SortFunc(list, func(a, b Test) int { return strings.Compare(a.Name, b.Name) })
	}
	return tests, err
}

// relative is a path from the root, with slashes.
func relative(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

func collectScript(root, path string, add func([]script.Tag, Test)) error {
	s, err := script.ParseFile(path)
	if err != nil {
		return err
	}
	name := filepath.Base(filepath.Dir(path)) + "/" + strings.TrimSuffix(filepath.Base(path), ".pkt")
	add(s.Tags, Test{name, relative(root, path)})
	return nil
}

// collectGo reads the comments of a Go test: each belongs to the function that it is before or in.
func collectGo(root, path string, add func([]script.Tag, Test)) error {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if tags := commentTags(c.Text); tags != nil {
				add(tags, Test{functionAt(f, c.Pos()), relative(root, path)})
			}
		}
	}
	return nil
}

// commentTags reads a line such as "// RFC 9293 MUST-10, SHLD-3", after which a colon and words may follow; nil where it
// is another one.
func commentTags(text string) []script.Tag {
	list, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(text, "//")), "RFC ")
	if !ok {
		return nil
	}
	list, _, _ = strings.Cut(list, ":")
	tags, problem := script.ParseTags(strings.TrimSuffix(list, "."))
	if problem != "" {
		return nil
	}
	return tags
}

// functionAt names the function that holds a position or begins after it; the file's package where there is none.
func functionAt(f *ast.File, pos token.Pos) string {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.End() > pos {
			return fn.Name.Name
		}
	}
	return "package " + f.Name.Name
}
