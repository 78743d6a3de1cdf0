package stack

import (
	"go/ast"
	"testing"
)

// Size of things: what is larger is most often two things.
const (
	maxFileLines = 500
	maxFuncLines = 60
	maxTestLines = 80 // a test's table counts
	maxParams    = 5  // of a test's helper one more, which is t
	maxFields    = 25
)

// records are structures that are lists by nature: what a user may set, or is told, and in the engine the mechanisms of
// a connection and the variables that RFC 9293 3.3.1 and its successors name.
var records = map[string]bool{"Config": true, "Info": true, "TCB": true, "sendState": true}

func TestLawSizes(t *testing.T) {
	for _, s := range sources(t) {
		if n := s.fset.File(s.file.Pos()).LineCount(); n > maxFileLines {
			t.Errorf("%s has %d lines, want at most %d", s.name, n, maxFileLines)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				funcSize(t, s, n)
			case *ast.TypeSpec:
				structSize(t, s, n)
			}
			return true
		})
	}
}

func structSize(t *testing.T, s *source, spec *ast.TypeSpec) {
	t.Helper()
	st, ok := spec.Type.(*ast.StructType)
	if !ok || s.isTest() || records[spec.Name.Name] {
		return
	}
	if n := st.Fields.NumFields(); n > maxFields {
		t.Errorf("%s: %s has %d fields, want at most %d", s.at(spec), spec.Name.Name, n, maxFields)
	}
}

func funcSize(t *testing.T, s *source, f *ast.FuncDecl) {
	t.Helper()
	limit, params := maxFuncLines, maxParams
	if s.isTest() {
		limit, params = maxTestLines, maxParams+1
	}
	lines := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
	if lines > limit {
		t.Errorf("%s: %s has %d lines, want at most %d", s.at(f), f.Name.Name, lines, limit)
	}
	if n := f.Type.Params.NumFields(); n > params {
		t.Errorf("%s: %s has %d parameters, want at most %d", s.at(f), f.Name.Name, n, params)
	}
}
