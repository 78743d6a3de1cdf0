package script

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ParseFile reads and parses the script at path. An error in the text is an *[Error].
func ParseFile(path string) (*Script, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, string(src))
}

// Parse parses a script's text; path is for messages only.
func Parse(path, src string) (s *Script, err error) {
	defer recoverError(&err)
	p := &parser{lexer: lexer{path: path, src: src, line: 1}}
	return p.script(), nil
}

func recoverError(err *error) {
	switch e := recover().(type) {
	case nil:
	case *Error:
		*err = e
	default:
		panic(e)
	}
}

// parser is a recursive descent over the tokens, one ahead. It fails by panicking with an *Error.
type parser struct {
	lexer
	tok   token
	depth int // of nested expressions
}

func (p *parser) advance() { p.tok = p.next() }

// expected fails at the token that is there.
func (p *parser) expected(what string) { p.fail(p.tok.pos, "unexpected %v, expected %s", p.tok, what) }

// is reports whether the token is this mark or word.
func (p *parser) is(text string) bool {
	return (p.tok.kind == tPunct || p.tok.kind == tIdent) && p.tok.text == text
}

// accept takes the token if it is this mark or word.
func (p *parser) accept(text string) bool {
	if !p.is(text) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) want(text string) {
	if !p.accept(text) {
		p.expected(strconv.Quote(text))
	}
}

func (p *parser) ident(what string) token {
	if p.tok.kind != tIdent {
		p.expected(what)
	}
	t := p.tok
	p.advance()
	return t
}

// integer takes an unsigned integer of at most limit.
func (p *parser) integer(what string, limit uint64) uint64 {
	if p.tok.kind != tNumber {
		p.expected(what)
	}
	n, err := parseInt(p.tok.text)
	if err != nil {
		p.fail(p.tok.pos, "bad number %s, expected %s, an integer", p.tok.text, what)
	}
	if n > limit {
		p.fail(p.tok.pos, "%s is too large for %s, expected at most %d", p.tok.text, what, limit)
	}
	p.advance()
	return n
}

// parseInt reads a decimal or hexadecimal integer. Zeros in front don't make it octal.
func parseInt(text string) (uint64, error) {
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		return strconv.ParseUint(digits, 16, 63)
	}
	return strconv.ParseUint(text, 10, 63)
}

// deeper enters a nested expression and fails where there are too many for the Go stack's good; what it returns leaves.
func (p *parser) deeper() (leave func()) {
	if p.depth++; p.depth > 100 {
		p.fail(p.tok.pos, "more than 100 nested expressions")
	}
	return func() { p.depth-- }
}

func (p *parser) script() *Script {
	s := &Script{Path: p.path}
	for line := range strings.Lines(p.src) {
		s.lines = append(s.lines, strings.TrimSpace(line))
	}
	p.advance()
	for p.headFlag(s) {
	}
	for p.tok.kind == tShell && p.tok.newline {
		s.Settings = append(s.Settings, p.shell()...)
	}
	first := Pos{Line: len(s.lines) + 1}
	if p.tok.kind != tEOF {
		first = p.tok.pos
	}
	for p.tok.kind != tEOF {
		if !p.tok.newline {
			p.expected("the end of the line")
		}
		s.Events = append(s.Events, p.event())
	}
	p.head(s, first)
	return s
}

// event parses a time and what happens then.
func (p *parser) event() Event {
	e := Event{Pos: p.tok.pos}
	e.Time = p.time()
	switch {
	case p.is("<"), p.is(">"):
		e.Packet = p.packet()
	case p.tok.kind == tIdent:
		e.Call = p.call()
	case p.tok.kind == tCode:
		e.Assert = p.assert()
	case p.tok.kind == tShell:
		e.Shell = p.shell()
	default:
		p.expected("a packet (< or >), a system call, an assertion (%{ }%) or a shell command (` `)")
	}
	if e.Time.Kind == Blocking && e.Call == nil {
		p.fail(e.Pos, "only a system call takes a time of the form N...M")
	}
	if (e.Time.Kind == AnyTime || e.Time.Kind == Between) && (e.Packet == nil || e.Packet.In) {
		p.fail(e.Pos, "only a packet out (>) takes a time of the form * or N~M")
	}
	return e
}

func (p *parser) time() Time {
	if p.accept("*") {
		return Time{Kind: AnyTime}
	}
	t := Time{Relative: p.accept("+")}
	t.From = p.seconds()
	switch {
	case p.accept("~"):
		t.Kind = Between
		if p.accept("+") != t.Relative {
			p.fail(p.tok.pos, "a range needs + at both ends or at none")
		}
	case p.accept("..."):
		t.Kind = Blocking
		p.accept("+")
	default:
		return t
	}
	at := p.tok.pos
	if t.To = p.seconds(); t.To < t.From {
		p.fail(at, "the time ends before it begins")
	}
	return t
}

// seconds takes a number of seconds with up to nine decimals.
func (p *parser) seconds() time.Duration {
	if p.tok.kind != tNumber {
		p.expected("a time in seconds (0.1, +.1, +.1~+.2, +0...0.1 or *)")
	}
	whole, frac, _ := strings.Cut(p.tok.text, ".")
	if whole == "" {
		whole = "0"
	}
	ns, err := strconv.ParseUint(whole+(frac + "000000000")[:9], 10, 62)
	if err != nil || len(frac) > 9 {
		p.fail(p.tok.pos, "bad time %s, expected seconds with at most nine decimals", p.tok.text)
	}
	p.advance()
	return time.Duration(ns)
}

// shell takes sysctl commands, the only ones that a script may run.
func (p *parser) shell() []Setting {
	var set []Setting
	at := p.tok.pos
	for cmd := range strings.FieldsFuncSeq(p.tok.text, func(r rune) bool { return r == ';' || r == '\n' }) {
		words := strings.Fields(cmd)
		if len(words) == 0 {
			continue
		}
		if words[0] != "sysctl" {
			p.fail(at, "command %q is not accepted, expected sysctl NAME=VALUE", words[0])
		}
		for _, w := range words[1:] {
			if w == "-q" || w == "-w" {
				continue
			}
			name, value, ok := strings.Cut(w, "=")
			if !ok || name == "" {
				p.fail(at, "bad sysctl argument %q, expected NAME=VALUE", w)
			}
			set = append(set, Setting{at, strings.TrimPrefix(name, "net.ipv4."), strings.Trim(value, `"'`)})
		}
	}
	p.advance()
	return set
}

// String gives line:col.
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Col) }
