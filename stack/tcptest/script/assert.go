package script

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Node is an expression of an assertion: Python's, as far as integers go.
type Node interface {
	// Eval gives the value; vars gives those of the names, all of which [Assert.Names] lists.
	Eval(vars func(name string) int64) int64
}

type (
	number int64
	name   string
	not    struct{ x Node }
	negate struct{ x Node }
	binary struct {
		op   string
		x, y Node
	}
	compare struct { // a chain: a < b < c
		first Node
		rest  []binary // x unset
	}
)

func (n number) Eval(func(string) int64) int64      { return int64(n) }
func (n name) Eval(vars func(string) int64) int64   { return vars(string(n)) }
func (n not) Eval(vars func(string) int64) int64    { return truth(n.x.Eval(vars) == 0) }
func (n negate) Eval(vars func(string) int64) int64 { return -n.x.Eval(vars) }

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Eval computes as Python does for integers; a division by zero gives 0.
func (n binary) Eval(vars func(string) int64) int64 {
	x := n.x.Eval(vars)
	switch {
	case n.op == "and" && x == 0, n.op == "or" && x != 0:
		return x
	}
	y := n.y.Eval(vars)
	switch n.op {
	case "and", "or":
		return y
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "&":
		return x & y
	case "|":
		return x | y
	}
	if y == 0 {
		return 0
	}
	if n.op == "%" {
		return ((x % y) + y) % y
	}
	return (x - ((x%y)+y)%y) / y
}

// Eval is 1 where every comparison of the chain holds.
func (n compare) Eval(vars func(string) int64) int64 {
	x := n.first.Eval(vars)
	for _, c := range n.rest {
		y := c.y.Eval(vars)
		holds := false
		switch c.op {
		case "==":
			holds = x == y
		case "!=":
			holds = x != y
		case "<":
			holds = x < y
		case "<=":
			holds = x <= y
		case ">":
			holds = x > y
		case ">=":
			holds = x >= y
		}
		if !holds {
			return 0
		}
		x = y
	}
	return 1
}

// assert parses a code block: assert statements, one a line or separated by semicolons.
func (p *parser) assert() *Assert {
	at := p.tok.pos
	sub := &parser{lexer: lexer{path: p.path, src: p.tok.text, line: at.Line, base: at.Col + 1, code: true}}
	p.advance()
	sub.advance()
	a := &Assert{}
	for sub.tok.kind != tEOF {
		if sub.accept(";") {
			continue
		}
		c := Check{Pos: sub.tok.pos}
		start := sub.off
		sub.want("assert")
		c.Cond = sub.or()
		end := sub.tok.off
		if sub.accept(",") {
			sub.message()
		}
		c.Text = strings.Join(strings.Fields(sub.src[start:end]), " ")
		a.Checks = append(a.Checks, c)
		if !sub.tok.newline && !sub.is(";") && sub.tok.kind != tEOF {
			sub.expected("the end of the statement (a line's end or ;), or a comparison")
		}
	}
	if len(a.Checks) == 0 {
		p.fail(at, "empty code block, expected assert statements")
	}
	return a
}

// message skips what Python prints where the assertion fails: an expression or a string.
func (p *parser) message() {
	if p.tok.kind == tString {
		p.advance()
		return
	}
	p.or()
}

func (p *parser) or() Node {
	x := p.and()
	for p.accept("or") {
		x = binary{"or", x, p.and()}
	}
	return x
}

func (p *parser) and() Node {
	x := p.not()
	for p.accept("and") {
		x = binary{"and", x, p.not()}
	}
	return x
}

func (p *parser) not() Node {
	if p.accept("not") {
		defer p.deeper()()
		return not{p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() Node {
	c := compare{first: p.bits()}
	for p.tok.kind == tPunct && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, p.tok.text) {
		op := p.tok.text
		p.advance()
		c.rest = append(c.rest, binary{op: op, y: p.bits()})
	}
	if c.rest == nil {
		return c.first
	}
	return c
}

func (p *parser) bits() Node    { return p.chain([]string{"&", "|"}, p.sum) }
func (p *parser) sum() Node     { return p.chain([]string{"+", "-"}, p.product) }
func (p *parser) product() Node { return p.chain([]string{"*", "/", "//", "%"}, p.unary) }

// chain parses operands joined by operators of one rank, from the left.
func (p *parser) chain(ops []string, operand func() Node) Node {
	x := operand()
	for p.tok.kind == tPunct && !p.tok.newline && slices.Contains(ops, p.tok.text) {
		op := p.tok.text
		p.advance()
		x = binary{op, x, operand()}
	}
	return x
}

func (p *parser) unary() Node {
	defer p.deeper()()
	switch {
	case p.accept("-"):
		return negate{p.unary()}
	case p.accept("("):
		x := p.or()
		p.want(")")
		return x
	case p.tok.kind == tNumber:
		return number(p.integer("an integer", 1<<63-1))
	}
	t := p.ident("an integer, a field of tcp_info (tcpi_...) or a constant (TCP_...)")
	if n, ok := tcpSymbols[t.text]; ok {
		return number(n)
	}
	if !slices.Contains(InfoFields, t.text) {
		p.fail(t.pos, "unknown name %q, expected a field of tcp_info or one of %s", t.text,
			strings.Join(slices.Sorted(maps.Keys(tcpSymbols)), ", "))
	}
	return name(t.text)
}

// Names returns the fields of tcp_info that the node reads, for a message.
func Names(n Node) []string {
	switch n := n.(type) {
	case name:
		return []string{string(n)}
	case not:
		return Names(n.x)
	case negate:
		return Names(n.x)
	case binary:
		return append(Names(n.x), Names(n.y)...)
	case compare:
		list := Names(n.first)
		for _, c := range n.rest {
			list = append(list, Names(c.y)...)
		}
		return list
	}
	return nil
}

// Values prints the fields that the check reads, for a message: "tcpi_snd_cwnd = 10".
func (c *Check) Values(vars func(string) int64) string {
	var list []string
	for _, n := range Names(c.Cond) {
		v := fmt.Sprintf("%s = %s", n, strconv.FormatInt(vars(n), 10))
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return strings.Join(list, ", ")
}

// InfoFields are the fields of Linux's struct tcp_info that an assertion may read.
var InfoFields = []string{
	"tcpi_state", "tcpi_ca_state", "tcpi_retransmits", "tcpi_probes", "tcpi_backoff", "tcpi_options",
	"tcpi_snd_wscale", "tcpi_rcv_wscale", "tcpi_rto", "tcpi_ato", "tcpi_snd_mss", "tcpi_rcv_mss", "tcpi_unacked",
	"tcpi_sacked", "tcpi_lost", "tcpi_retrans", "tcpi_last_data_sent", "tcpi_last_data_recv", "tcpi_last_ack_recv",
	"tcpi_pmtu", "tcpi_rcv_ssthresh", "tcpi_rtt", "tcpi_rttvar", "tcpi_snd_ssthresh", "tcpi_snd_cwnd", "tcpi_advmss",
	"tcpi_reordering", "tcpi_rcv_space", "tcpi_total_retrans", "tcpi_bytes_acked", "tcpi_bytes_received",
	"tcpi_bytes_sent", "tcpi_bytes_retrans", "tcpi_segs_out", "tcpi_segs_in", "tcpi_data_segs_in", "tcpi_data_segs_out",
	"tcpi_notsent_bytes", "tcpi_min_rtt", "tcpi_dsack_dups", "tcpi_snd_wnd", "tcpi_rcv_ooopack",
}
