package script

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	tEOF    kind = iota
	tNumber      // 12, 0x1f, 0.100, .1
	tIdent       // S, mss, SO_ERROR, tcpi_rto
	tString      // "..." with escapes resolved
	tShell       // `...`
	tCode        // %{...}%
	tPunct       // one of the marks below
)

// marks are the punctuation tokens, longest first.
var marks = []string{"...", "==", "!=", "<=", ">=", "//", "(", ")", "[", "]", "{", "}", "<", ">", ",", ":", ";", "=",
	"+", "-", "~", ".", "*", "|", "&", "%", "/"}

type token struct {
	kind    kind
	text    string
	pos     Pos
	off     int
	newline bool // the first one on its line
	glued   bool // no white space before it
}

// String describes a token in an error message.
func (t token) String() string {
	switch t.kind {
	case tEOF:
		return "the end of the file"
	case tString:
		return fmt.Sprintf("the string %q", t.text)
	case tShell:
		return "a shell command"
	case tCode:
		return "a code block"
	}
	return fmt.Sprintf("%q", t.text)
}

type comment struct {
	pos  Pos
	text string
}

// lexer cuts text into tokens. It fails by panicking with an *Error, which the parser's entry recovers.
type lexer struct {
	path     string
	src      string
	off      int
	line     int
	bol      int // offset where the line begins
	base     int // column offset of the first line, for code blocks
	code     bool
	comments []comment
}

func (l *lexer) pos() Pos {
	col := l.off - l.bol + 1
	if l.bol == 0 {
		col += l.base
	}
	return Pos{l.line, col}
}

func (l *lexer) fail(p Pos, format string, args ...any) {
	panic(&Error{Path: l.path, Pos: p, Msg: fmt.Sprintf(format, args...)})
}

func (l *lexer) rest() string { return l.src[l.off:] }

// skip moves n octets on and counts lines.
func (l *lexer) skip(n int) {
	for range n {
		if l.src[l.off] == '\n' {
			l.line++
			l.bol = l.off + 1
		}
		l.off++
	}
}

// blank skips white space and comments, and reports whether it saw a line's end, and whether it saw anything.
func (l *lexer) blank() (newline, space bool) {
	newline = l.off == 0
	for l.off < len(l.src) {
		rest := l.rest()
		switch c := rest[0]; {
		case c == '\n':
			newline, space = true, true
			l.skip(1)
		case c == ' ' || c == '\t' || c == '\r':
			space = true
			l.skip(1)
		case c == '#' || !l.code && strings.HasPrefix(rest, "//"):
			l.lineComment()
			space = true
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				l.fail(l.pos(), "comment without an end, expected */")
			}
			l.skip(end + 4)
			space = true
		default:
			return newline, space
		}
	}
	return newline, space
}

func (l *lexer) lineComment() {
	p := l.pos()
	text, _, _ := strings.Cut(l.rest(), "\n")
	l.comments = append(l.comments, comment{p, text})
	l.skip(len(text))
}

// next returns the next token.
func (l *lexer) next() token {
	newline, space := l.blank()
	t := token{pos: l.pos(), off: l.off, newline: newline, glued: !space}
	if l.off == len(l.src) {
		return t
	}
	rest := l.rest()
	switch c := rest[0]; {
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		t.kind, t.text = tNumber, l.number()
	case isLetter(c):
		t.kind, t.text = tIdent, l.take(func(c byte) bool { return isLetter(c) || isDigit(c) })
	case c == '"':
		t.kind, t.text = tString, l.quoted()
	case c == '`':
		t.kind, t.text = tShell, l.enclosed("`", "`")
	case strings.HasPrefix(rest, "%{"):
		t.kind, t.text = tCode, l.enclosed("%{", "}%")
	default:
		t.kind, t.text = tPunct, l.mark()
	}
	return t
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func (l *lexer) take(ok func(byte) bool) string {
	start := l.off
	for l.off < len(l.src) && ok(l.src[l.off]) {
		l.off++
	}
	return l.src[start:l.off]
}

// number takes an integer, or a decimal fraction. A dot belongs to it only where a digit follows, so that "0...0.2" is
// three tokens.
func (l *lexer) number() string {
	start := l.off
	if strings.HasPrefix(l.rest(), "0x") {
		l.off += 2
		l.take(func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' })
		return l.src[start:l.off]
	}
	l.take(isDigit)
	if rest := l.rest(); len(rest) > 1 && rest[0] == '.' && isDigit(rest[1]) {
		l.off++
		l.take(isDigit)
	}
	return l.src[start:l.off]
}

func (l *lexer) quoted() string {
	p := l.pos()
	l.off++
	var b strings.Builder
	for l.off < len(l.src) {
		c := l.src[l.off]
		switch {
		case c == '"':
			l.off++
			return b.String()
		case c == '\n':
			l.fail(p, "string without an end, expected \" on the same line")
		case c == '\\' && l.off+1 < len(l.src):
			l.off++
			b.WriteByte(l.escape())
			continue
		}
		b.WriteByte(c)
		l.off++
	}
	l.fail(p, "string without an end, expected \"")
	return ""
}

// escape takes what follows a backslash.
func (l *lexer) escape() byte {
	c := l.src[l.off]
	l.off++
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case '0':
		return 0
	case '\\', '"':
		return c
	}
	l.off -= 2
	l.fail(l.pos(), "unknown escape \\%c, expected one of \\n \\r \\t \\0 \\\\ \\\"", c)
	return 0
}

// enclosed takes text between two marks and returns it without them.
func (l *lexer) enclosed(open, closing string) string {
	p := l.pos()
	end := strings.Index(l.rest()[len(open):], closing)
	if end < 0 {
		l.fail(p, "%s without an end, expected %s", open, closing)
	}
	text := l.rest()[len(open) : len(open)+end]
	l.skip(len(open) + end + len(closing))
	return text
}

func (l *lexer) mark() string {
	for _, m := range marks {
		if strings.HasPrefix(l.rest(), m) {
			l.off += len(m)
			return m
		}
	}
	r, _ := utf8.DecodeRuneInString(l.rest())
	l.fail(l.pos(), "unexpected character %q", r)
	return ""
}
