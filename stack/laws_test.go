package stack

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The laws of the house that can be read off the source. Each says why it is one, where it is broken.

const module = "github.com/gotcp/gotcp/"

// goPackage is what go list knows of a package of the module.
type goPackage struct {
	path         string // without the module's
	imports      []string
	deps         []string
	foreignFiles []string // assembly and C
}

// goList lists packages of the module, given relative to its root.
func goList(t *testing.T, patterns ...string) []goPackage {
	t.Helper()
	const format = `{{.ImportPath}}|{{join .Imports " "}}|{{join .Deps " "}}|` +
		`{{join .SFiles " "}} {{join .CgoFiles " "}}`
	cmd := exec.Command("go", append([]string{"list", "-e", "-f", format}, patterns...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var l []goPackage
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		l = append(l, goPackage{
			strings.TrimPrefix(f[0], module), strings.Fields(f[1]), strings.Fields(f[2]), strings.Fields(f[3]),
		})
	}
	if len(l) == 0 {
		t.Fatalf("go list %v names no package", patterns)
	}
	return l
}

// isStd reports whether an import path is the standard library's.
func isStd(p string) bool { return !strings.Contains(strings.Split(p, "/")[0], ".") }

// below reports whether path is dir or in it.
func below(p string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return p == d || strings.HasPrefix(p, d+"/") })
}

// outside are the packages under stack/ that set links up or test: they are not part of what is linked below package
// net.
var outside = []string{"stack/link/tun", "stack/link/pcap", "stack/link/netns", "stack/tcptest"}

// The stack is to be linked below package net: so it must not need net, nor anything that isn't the standard library's,
// as the standard library cannot import modules, nor C or assembly.
func TestLawStandardLibraryOnly(t *testing.T) {
	banned := map[string]string{
		"net":         "package net is to be built on the stack: this would be a cycle. Use net/netip",
		"crypto/tls":  "it needs net",
		"crypto/x509": "it needs net",
		"expvar":      "it needs net",
		"testing":     "it belongs into tests",
	}
	for _, p := range goList(t, "./stack/...") {
		if below(p.path, outside...) {
			continue
		}
		for _, d := range p.deps {
			if why, ok := banned[d]; ok {
				t.Errorf("%s depends on %s: %s", p.path, d, why)
			}
			if !isStd(d) && !strings.HasPrefix(d, module) {
				t.Errorf("%s depends on %s: the standard library cannot import modules", p.path, d)
			}
		}
		if len(p.foreignFiles) > 0 {
			t.Errorf("%s has %v: what becomes part of the standard library is Go", p.path, p.foreignFiles)
		}
	}
}

// Who imports whom: a room may use those before it in this list, never those after it. Those in one line are strangers.
var floors = [][]string{
	{"stack/seq"}, {"stack/wire"}, {"stack/tcp", "stack/link"}, {"stack"}, {"stack/link/tun", "stack/link/pcap"},
	{"stack/link/netns"}, {"stack/tcptest", "netapi"}, {"dialer"}, {"plugins"}, {"examples"}, {"cmd"},
}

// floorOf is the place in floors of the most particular room that a package is in, and that room; -1 where there is
// none.
func floorOf(p string) (floor int, room string) {
	floor = -1
	for i, rooms := range floors {
		for _, r := range rooms {
			if below(p, r) && len(r) > len(room) {
				floor, room = i, r
			}
		}
	}
	return floor, room
}

func TestLawWhoImportsWhom(t *testing.T) {
	devices := []string{"stack/link/tun", "stack/link/pcap", "stack/link/netns"}
	for _, p := range goList(t, "./...") {
		from, room := floorOf(p.path)
		if from < 0 {
			t.Errorf("%s has no place in the house: add it to ARCHITECTURE.md's floor plan and to floors", p.path)
		}
		for _, i := range p.imports {
			d, own := strings.CutPrefix(i, module)
			if !own {
				continue
			}
			to, other := floorOf(d)
			if room != other && to >= from {
				t.Errorf("%s imports %s, which is not before it in floors", p.path, d)
			}
			if below(d, devices...) && below(p.path, "stack/seq", "stack/wire", "stack/tcp", "netapi") {
				t.Errorf("%s imports %s: only set-up code makes devices", p.path, d)
			}
		}
	}
}

// What the two innermost rooms may import at all: the engine is told everything, so it needs next to nothing.
func TestLawEngineImports(t *testing.T) {
	allowed := map[string][]string{
		"stack/seq": {"strconv"},
		"stack/tcp": {
			"errors", "math", "math/bits", "slices", "sync", "syscall", "time",
			module + "stack/seq", module + "stack/wire",
		},
	}
	for _, p := range goList(t, "./stack/seq", "./stack/tcp") {
		for _, i := range p.imports {
			if !slices.Contains(allowed[p.path], i) {
				t.Errorf("%s imports %s: it is to be pure", p.path, i)
			}
		}
	}
}

// source is a parsed file; its name is relative to the module's root.
type source struct {
	name string
	file *ast.File
	fset *token.FileSet
}

func (s *source) at(n ast.Node) string {
	p := s.fset.Position(n.Pos())
	return s.name + ":" + strconv.Itoa(p.Line)
}

func (s *source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }
func (s *source) dir() string  { return filepath.ToSlash(filepath.Dir(s.name)) }

// sources parses the Go files of the module.
func sources(t *testing.T) []*source {
	t.Helper()
	fset := token.NewFileSet()
	var l []*source
	err := filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(p, ".."+string(filepath.Separator)))
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && p != ".."):
			return filepath.SkipDir
		case !strings.HasSuffix(p, ".go"):
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		l = append(l, &source{name, f, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(l) < 50 {
		t.Fatalf("only %d files found: this test looks at the wrong place", len(l))
	}
	return l
}

// selector gives package and name of an expression like time.Now; empty where it is another one.
func selector(n ast.Node) (pkg, name string) {
	s, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := s.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return x.Name, s.Sel.Name
}

// Law 1: the engine has no goroutine, channel, lock, clock, log or randomness: it can be replayed, and run in any time.
func TestLawPureEngine(t *testing.T) {
	allowed := map[string][]string{
		"sync": {"Pool"},
		"time": {"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"},
	}
	looked := 0
	for _, s := range sources(t) {
		if s.dir() != "stack/tcp" && s.dir() != "stack/seq" && s.dir() != "stack/wire" || s.isTest() {
			continue
		}
		looked++
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine", s.at(n))
			case *ast.ChanType, *ast.SendStmt, *ast.SelectStmt:
				t.Errorf("%s: a channel", s.at(n))
			case *ast.UnaryExpr:
				if n.Op == token.ARROW {
					t.Errorf("%s: a channel", s.at(n))
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
					t.Errorf("%s: output", s.at(n))
				}
			}
			pkg, name := selector(n)
			if names, ok := allowed[pkg]; ok && !slices.Contains(names, name) {
				t.Errorf("%s: %s.%s", s.at(n), pkg, name)
			}
			return true
		})
	}
	if looked < 20 {
		t.Errorf("only %d files of the engine were found", looked)
	}
}

// inStack reports whether a file is part of what runs below package net: not a test, not the set-up of devices.
func (s *source) inStack() bool {
	return below(s.dir(), "stack") && !below(s.dir(), outside...) && !s.isTest()
}

// Law 4: no goroutine per connection, and none that outlives its work. So each place that starts one is known.
func TestLawGoroutines(t *testing.T) {
	places := map[string]string{
		"stack/loopback.go drain":        "delivers the queue where one writer has delivered enough, and ends with it",
		"stack/link/switchport.go drain": "the same, for a port of a switch",
		"stack/listener.go give":         "runs the user's Process(flow), which lasts as long as he likes",

		"stack/forwardtcp.go forwardSYN":       "asks the user's forwarder, which answers when it likes",
		"stack/forwardudp.go forwardDatagrams": "the same",
	}
	for _, s := range sources(t) {
		if !s.inStack() {
			continue
		}
		for _, d := range s.file.Decls {
			ast.Inspect(d, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok {
					name := "?"
					if f, ok := d.(*ast.FuncDecl); ok {
						name = f.Name.Name
					}
					if places[s.name+" "+name] == "" {
						t.Errorf("%s: %s starts a goroutine: who ends it? Say so in places", s.at(g), name)
					}
				}
				return true
			})
		}
	}
}

// Laws 4 to 6: all time is the Config's clock's; no condition variable (waking a waiter in a testing/synctest bubble
// from outside is fatal) and no finalizer (it runs outside of every bubble); nothing timed and no channel that stacks
// share.
func TestLawWorksInABubble(t *testing.T) {
	banned := map[string]string{
		"time.Now": "take the time from Config.Clock", "time.Since": "take the time from Config.Clock",
		"time.Until": "take the time from Config.Clock", "time.AfterFunc": "use Config.Clock",
		"time.NewTimer": "use Config.Clock", "time.NewTicker": "use Config.Clock", "time.After": "use Config.Clock",
		"time.Tick": "use Config.Clock", "time.Sleep": "nothing sleeps",
		"sync.Cond": "use waitq", "sync.NewCond": "use waitq",
		"context.AfterFunc": "select on ctx.Done()", "runtime.SetFinalizer": "it runs outside of every bubble",
		"runtime.AddCleanup": "it runs outside of every bubble",
	}
	for _, s := range sources(t) {
		if !s.inStack() || s.name == "stack/link/clock.go" { // which makes the wall's clock
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if pkg, name := selector(n); banned[pkg+"."+name] != "" {
				t.Errorf("%s: %s.%s: %s", s.at(n), pkg, name, banned[pkg+"."+name])
			}
			return true
		})
		for _, d := range s.file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				noShared(t, s, g)
			}
		}
	}
}

// noShared looks at variables of a package, which all stacks share.
func noShared(t *testing.T, s *source, g *ast.GenDecl) {
	t.Helper()
	ast.Inspect(g, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		pkg, name := selector(n)
		_, isChan := n.(*ast.ChanType)
		if isChan || pkg == "sync" && name != "Pool" || pkg == "atomic" || name == "Timer" || name == "Time" {
			t.Errorf("%s: a package variable that stacks would share, and bubbles with them", s.at(n))
		}
		return true
	})
}
