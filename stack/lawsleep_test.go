package stack

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// A test that sleeps for real is slow, or flaky, or both: time passes in bubbles and by hand.
func TestLawTestsDontSleep(t *testing.T) {
	allowed := map[string]string{
		"plugins/internal/sandbox/life_test.go TestKilledAtAnyMoment": "kills programs at random moments",
		"plugins/internal/sandbox/program_test.go roleHoard":          "is a program that answers slowly",
	}
	dirs := map[string][]*source{}
	for _, s := range sources(t) {
		if s.isTest() || s.imports("testing") {
			dirs[s.dir()] = append(dirs[s.dir()], s)
		}
	}
	found := 0
	for _, files := range dirs {
		awake, asleep := lookForSleep(files)
		found += asleep
		for _, u := range awake {
			key := u.s.name + " " + u.from
			if allowed[key] == "" {
				t.Errorf("%s: %s sleeps, and not only within a bubble", u.s.at(u.n), u.from)
			}
			delete(allowed, key)
		}
	}
	if found < 50 {
		t.Errorf("only %d places that sleep within bubbles were found", found)
	}
	for key := range allowed {
		t.Errorf("%s doesn't sleep any more: take it off the list", key)
	}
}

// The law finds what it is to find, and nothing else.
func TestLawTestsDontSleepIsKept(t *testing.T) {
	const text = `package x
		func TestGood(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(func() { time.Sleep(1) }); helper() }) }
		func helper() { time.Sleep(2); helper() }
		func bubble(t *testing.T, name string, f func()) { synctest.Test(t, func(t *testing.T) { f() }) }
		func TestAlsoGood(t *testing.T) { bubble(t, "x", func() { time.Sleep(3) }); bubble(t, "x", named) }
		func TestVariable(t *testing.T) { f := x{func() { time.Sleep(8) }}; bubble(t, "x", func() { f.g() }) }
		func TestPlain(t *testing.T) { synctest.Test(t, given) }
		func named() { <-time.After(4) }
		func given(t *testing.T) { time.Sleep(5); select { case <-time.After(6): case <-c: } }
		func patient() { select { case <-time.After(7): case <-c: } }

		func TestBeside(t *testing.T) { synctest.Test(t, func(t *testing.T) { both() }); time.Sleep(-1) }
		func TestBoth(t *testing.T) { both() }
		func both() { <-time.After(-2) }
		func unused() { time.Sleep(-3) }
		func loop() { loop(); time.Sleep(-4) }
		func other(f func()) { f(); synctest.Test(t, func(t *testing.T) { f() }) }
		func TestOther(t *testing.T) { other(func() { time.Sleep(-5) }) }
		func TestVariables(t *testing.T) { f := func() { time.Sleep(-6) }; f(); bubble(t, "x", f) }
		func TestCalled(t *testing.T) { f := func() int { time.Sleep(-6) }(); bubble(t, "x", func() { g(f) }) }
		func TestArgument(t *testing.T) { run(t, time.Sleep) }
		func TestSelect(t *testing.T) { select { case <-time.After(-7): } }`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x_test.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	awake, asleep := lookForSleep([]*source{{"x_test.go", f, fset}})
	var got []string
	for _, u := range awake {
		got = append(got, u.from)
	}
	want := "TestBeside both unused loop TestOther TestVariables TestCalled TestArgument TestSelect"
	if strings.Join(got, " ") != want || asleep != 6 {
		t.Errorf("%v sleep for real, and in %d places one sleeps within a bubble; want %s, and 6", got, asleep, want)
	}
}

// use is a place in a function, in which something is used that the law looks for.
type use struct {
	s        *source
	n        ast.Node
	from     string // the function's name
	via      string // the function's variable that has the function literal in which the place is; often none
	inBubble bool   // whatever calls the function: the place is in a function literal that is given to a bubble
}

// bubble is an argument of a function, by its number.
type bubble struct {
	name     string
	argument int
}

// sleepLook is the look at a directory's test files. Functions are told apart by their names only, in all of it.
type sleepLook struct {
	sleeps  []use
	uses    map[string][]use // of functions, by name
	bubbles map[bubble]bool  // functions' arguments that they use in bubbles only
}

// lookForSleep finds the places at which tests sleep: those that may be outside of all bubbles, and the number of the
// others. A place is in a bubble where it is in a function that is given to synctest.Test, or to a helper that calls it in
// such a place, or else in a function that is used in such places only.
func lookForSleep(files []*source) (awake []use, asleep int) {
	l := &sleepLook{bubbles: map[bubble]bool{}}
	for before := -1; before < len(l.bubbles); { // helpers of helpers
		before = len(l.bubbles)
		l.sleeps, l.uses = nil, map[string][]use{}
		for _, s := range files {
			for _, d := range s.file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					l.walk(f.Body, use{s: s, from: f.Name.Name})
					l.helper(s, f)
				} else {
					l.walk(d, use{s: s, from: "a variable"})
				}
			}
		}
	}
	for _, u := range l.sleeps {
		if u.inBubble || u.via != "" && l.inBubblesOnly(u, u.via) || l.isInside(u.from, nil) {
			asleep++
		} else {
			awake = append(awake, u)
		}
	}
	return awake, asleep
}

// walk notes what is used below a node; at is where that is.
func (l *sleepLook) walk(n ast.Node, at use) {
	ast.Inspect(n, func(n ast.Node) bool {
		at.n = n
		switch n := n.(type) {
		case *ast.CallExpr:
			l.walk(n.Fun, at)
			for i, a := range n.Args {
				given := at
				given.inBubble = at.inBubble || l.runsInBubble(n.Fun, i)
				l.walk(a, given)
			}
			return false
		case *ast.AssignStmt:
			if _, called := n.Rhs[0].(*ast.CallExpr); n.Tok == token.DEFINE && len(n.Lhs) == 1 && !called {
				given := at
				given.via = n.Lhs[0].(*ast.Ident).Name
				l.walk(n.Rhs[0], given)
				return false
			}
		case *ast.SelectStmt:
			if len(n.Body.List) > 1 { // it waits for something else, but not for ever
				for _, c := range n.Body.List {
					c := c.(*ast.CommClause)
					if !isAfter(c.Comm) && c.Comm != nil {
						l.walk(c.Comm, at)
					}
					for _, s := range c.Body {
						l.walk(s, at)
					}
				}
				return false
			}
		case *ast.SelectorExpr:
			if pkg, name := selector(n); pkg == "time" && name == "Sleep" {
				l.sleeps = append(l.sleeps, at)
			}
			l.uses[n.Sel.Name] = append(l.uses[n.Sel.Name], at)
			l.walk(n.X, at)
			return false
		case *ast.ExprStmt:
			if isAfter(n) {
				l.sleeps = append(l.sleeps, at)
			}
		case *ast.Ident:
			l.uses[n.Name] = append(l.uses[n.Name], at)
		}
		return true
	})
}

// isAfter reports whether a statement is <-time.After(...).
func isAfter(s ast.Stmt) bool {
	e, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	r, ok := e.X.(*ast.UnaryExpr)
	if !ok || r.Op != token.ARROW {
		return false
	}
	c, ok := r.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	pkg, name := selector(c.Fun)
	return pkg == "time" && name == "After"
}

// runsInBubble reports whether a function calls its argument i in a bubble.
func (l *sleepLook) runsInBubble(fun ast.Expr, i int) bool {
	if pkg, name := selector(fun); pkg == "synctest" && name == "Test" {
		return i == 1
	}
	switch f := fun.(type) {
	case *ast.Ident:
		return l.bubbles[bubble{f.Name, i}]
	case *ast.SelectorExpr:
		return l.bubbles[bubble{f.Sel.Name, i}]
	}
	return false
}

// helper notes which of a function's parameters it uses in bubbles only.
func (l *sleepLook) helper(s *source, f *ast.FuncDecl) {
	i := 0
	for _, p := range f.Type.Params.List {
		for _, name := range p.Names {
			if l.inBubblesOnly(use{s: s, from: f.Name.Name}, name.Name) {
				l.bubbles[bubble{f.Name.Name, i}] = true
			}
			i++
		}
	}
}

// inBubblesOnly reports whether the function in which in is uses a variable, and in bubbles only.
func (l *sleepLook) inBubblesOnly(in use, variable string) bool {
	used, bare := false, false
	for _, u := range l.uses[variable] {
		own := u.s == in.s && u.from == in.from
		used, bare = used || own, bare || own && !u.inBubble
	}
	return used && !bare
}

// isInside reports whether a function is used, and in bubbles only. Those of path are being looked at.
func (l *sleepLook) isInside(name string, path []string) bool {
	path = append(path, name)
	used := false
	for _, u := range l.uses[name] {
		switch {
		case u.inBubble:
			used = true
		case slices.Contains(path, u.from): // they call each other
		case l.isInside(u.from, path):
			used = true
		default:
			return false
		}
	}
	return used
}

// imports reports whether a file imports a package.
func (s *source) imports(path string) bool {
	return slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"`+path+`"` })
}
