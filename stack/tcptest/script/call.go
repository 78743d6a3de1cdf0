package script

import (
	"strings"
	"syscall"
)

// argKind is what a call takes in one place.
type argKind uint8

const (
	argInt   argKind = iota // an integer or symbols
	argAddr                 // ... or a struct sockaddr_in
	argData                 // ... or a string
	argPtr                  // ..., or [int], or [{onoff=1, linger=0}]
	argOpt                  // the same, or a string, or ["string"]
	argPolls                // [{fd=3, events=POLLIN, revents=POLLIN}, ...]
	argAny                  // ... only, or an integer
)

// calls has the arguments of each system call. The last one of fcntl may be left out.
var calls = map[string][]argKind{
	"socket":     {argAny, argInt, argInt},
	"bind":       {argInt, argAddr, argAny},
	"listen":     {argInt, argInt},
	"accept":     {argInt, argAddr, argAny},
	"connect":    {argInt, argAddr, argAny},
	"read":       {argInt, argData, argInt},
	"recv":       {argInt, argData, argInt, argInt},
	"recvfrom":   {argInt, argData, argInt, argInt, argAddr, argAny},
	"write":      {argInt, argData, argInt},
	"send":       {argInt, argData, argInt, argInt},
	"sendto":     {argInt, argData, argInt, argInt, argAddr, argAny},
	"close":      {argInt},
	"shutdown":   {argInt, argInt},
	"getsockopt": {argInt, argInt, argInt, argOpt, argAny},
	"setsockopt": {argInt, argInt, argInt, argOpt, argAny},
	"fcntl":      {argInt, argInt, argInt},
	"poll":       {argPolls, argInt, argInt},
	"ioctl":      {argInt, argInt, argPtr},
}

// call parses name(args) = result.
func (p *parser) call() *Call {
	name := p.ident("a system call")
	c := &Call{Pos: name.pos, Name: name.text}
	kinds, ok := calls[c.Name]
	if !ok {
		p.fail(c.Pos, "unknown system call %q", c.Name)
	}
	p.want("(")
	for !p.is(")") {
		if len(c.Args) > 0 {
			p.want(",")
		}
		c.Args = append(c.Args, p.expr())
	}
	p.advance()
	optional := 0
	if c.Name == "fcntl" {
		optional = 1
	}
	if n := len(c.Args); n > len(kinds) || n < len(kinds)-optional {
		p.fail(c.Pos, "%s has %d arguments, expected %d", c.Name, n, len(kinds))
	}
	for i := range c.Args {
		p.checkArg(c.Name, kinds[i], &c.Args[i])
	}
	p.want("=")
	c.Result = p.result()
	return c
}

// checkArg fails where an argument is not of a form that the call takes there.
func (p *parser) checkArg(call string, k argKind, a *Expr) {
	good, what := false, ""
	switch k {
	case argInt:
		good, what = a.Kind == Int, "an integer"
	case argAddr:
		good, what = a.Kind == Any || a.Kind == Struct || a.Kind == Int && a.Int == 0, "... or a struct sockaddr_in"
	case argData:
		good, what = a.Kind == Any || a.Kind == String, "... or a string"
	case argPtr:
		good, what = isPtr(a), "..., [integer] or a struct"
	case argOpt:
		text := a.Kind == String || a.Kind == List && len(a.List) == 1 && a.List[0].Kind == String
		good, what = isPtr(a) || text, "..., [integer], a struct or a string"
	case argPolls:
		good, what = a.Kind == List && len(a.List) > 0, "a list of struct pollfd"
		for i := range a.List {
			good = good && a.List[i].Kind == Struct
		}
	case argAny:
		good, what = a.Kind == Any || a.Kind == Int || a.Kind == List, "..., an integer or [integer]"
	}
	if !good {
		p.fail(a.Pos, "%s does not take this here, expected %s", call, what)
	}
}

// isPtr reports whether an argument is of the form argPtr.
func isPtr(a *Expr) bool {
	return a.Kind == Any || a.Kind == Struct || a.Kind == List && len(a.List) == 1 &&
		(a.List[0].Kind == Int || a.List[0].Kind == Struct || a.List[0].Kind == Any)
}

// result parses what follows "=".
func (p *parser) result() Result {
	if p.accept("...") {
		return Result{Any: true}
	}
	at := p.tok.pos
	r := Result{Value: p.intExpr()}
	if p.tok.newline || p.tok.kind != tIdent {
		return r
	}
	t := p.ident("an errno")
	errno, ok := errnos[t.text]
	if !ok {
		p.fail(t.pos, "unknown errno %q", t.text)
	}
	if r.Value != -1 {
		p.fail(at, "the errno %s goes with the result -1", t.text)
	}
	r.Errno = errno
	if !p.tok.newline && p.is("(") {
		text, _, ok := strings.Cut(p.rest(), ")")
		if !ok || strings.Contains(text, "\n") {
			p.fail(p.tok.pos, "errno's text without an end, expected )")
		}
		p.skip(len(text) + 1)
		p.advance()
	}
	return r
}

// ErrnoName gives an errno's name, such as ECONNREFUSED; its text where it has none here.
func ErrnoName(e syscall.Errno) string {
	for name, n := range errnos {
		if n == e && name != "EWOULDBLOCK" {
			return name
		}
	}
	return e.Error()
}

// expr parses an argument.
func (p *parser) expr() Expr {
	defer p.deeper()()
	e := Expr{Pos: p.tok.pos}
	switch {
	case p.accept("..."):
		e.Kind = Any
	case p.tok.kind == tString:
		e.Kind, e.Str = String, p.tok.text
		p.advance()
	case p.accept("["):
		e.Kind = List
		for !p.accept("]") {
			if len(e.List) > 0 {
				p.want(",")
			}
			e.List = append(e.List, p.expr())
		}
	case p.accept("{"):
		e.Kind = Struct
		for !p.accept("}") {
			if len(e.Fields) > 0 {
				p.want(",")
			}
			f := p.ident("a member's name")
			p.want("=")
			e.Fields = append(e.Fields, Field{f.pos, f.text, p.expr()})
		}
	case p.is("inet_addr"):
		p.advance()
		p.want("(")
		e = p.expr()
		if e.Kind != String {
			p.fail(e.Pos, `inet_addr takes a string ("192.0.2.1")`)
		}
		p.want(")")
	default:
		e.Int = p.intExpr()
	}
	return e
}

// intExpr parses integers and symbols joined by "|".
func (p *parser) intExpr() int64 {
	n := p.intTerm()
	for p.accept("|") {
		n |= p.intTerm()
	}
	return n
}

func (p *parser) intTerm() int64 {
	defer p.deeper()()
	const what = "an integer or a symbol"
	if p.accept("-") {
		return -p.intTerm()
	}
	if p.is("htons") || p.is("htonl") {
		p.advance()
		p.want("(")
		n := p.intExpr()
		p.want(")")
		return n
	}
	if p.tok.kind == tIdent {
		t := p.ident(what)
		if n, ok := symbols[t.text]; ok {
			return n
		}
		n, ok := errnos[t.text]
		if !ok {
			p.fail(t.pos, "unknown symbol %q", t.text)
		}
		return int64(n)
	}
	return int64(p.integer(what, 1<<63-1))
}
