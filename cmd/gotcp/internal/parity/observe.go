package parity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Answer is what was observed at one step of a question. Addresses in it have names, and ports are P, so that answers
// from different places compare.
type Answer struct {
	Step  string `json:"step"`
	N     string `json:"n,omitempty"`     // how many octets a call has moved
	Err   string `json:"err,omitempty"`   // the error's text; empty where there was none
	Types string `json:"types,omitempty"` // the types of the error and of what it wraps
	Is    string `json:"is,omitempty"`    // what the error is, by errors.Is
	Flags string `json:"flags,omitempty"` // Timeout and Temporary, where it is a net.Error
	Op    string `json:"op,omitempty"`    // the fields of a net.OpError
	Value string `json:"value,omitempty"` // anything else
}

// asking is one question on its way to one host.
type asking struct {
	ctx     context.Context
	h       *Host
	answers []Answer

	mu   sync.Mutex
	undo []func() error
}

// failure ends a question that cannot go on.
type failure struct{ error }

func (q *asking) failf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// must ends the question where what leads up to it fails.
func (q *asking) must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// cleanup has f called when the question has ended, or has to.
func (q *asking) cleanup(f func() error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.undo = append(q.undo, f)
}

// end closes what the question has opened, which also wakes what is blocked there.
func (q *asking) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range slices.Backward(q.undo) {
		f() // much is closed already
	}
}

// record adds an answer.
func (q *asking) record(a Answer) {
	a.Step = q.normal(a.Step)
	q.answers = append(q.answers, a)
}

// err records how a call ended.
func (q *asking) err(step string, err error) {
	q.record(q.describe(Answer{Step: step}, err))
}

// n records how a call ended that moves octets.
func (q *asking) n(step string, n int, err error) {
	q.record(q.describe(Answer{Step: step, N: fmt.Sprint(n)}, err))
}

// some is n where only the difference between none and some octets can be compared.
func (q *asking) some(step string, n int, err error) {
	text := "0"
	if n > 0 {
		text = "some"
	}
	q.record(q.describe(Answer{Step: step, N: text}, err))
}

// value records anything.
func (q *asking) value(step, format string, args ...any) {
	q.record(Answer{Step: step, Value: q.normal(fmt.Sprintf(format, args...))})
}

func (q *asking) read(step string, c io.Reader, size int) {
	n, err := c.Read(make([]byte, size))
	q.n(step, n, err)
}

func (q *asking) write(step string, c io.Writer, text string) {
	n, err := c.Write([]byte(text))
	q.n(step, n, err)
}

// sentinels are the errors that programs compare with.
var sentinels = []struct {
	name string
	err  error
}{
	{"context.Canceled", context.Canceled},
	{"context.DeadlineExceeded", context.DeadlineExceeded},
	{"os.ErrDeadlineExceeded", os.ErrDeadlineExceeded},
	{"os.ErrPermission", os.ErrPermission},
	{"net.ErrClosed", net.ErrClosed},
	{"net.ErrWriteToConnected", net.ErrWriteToConnected},
	{"io.EOF", io.EOF},
	{"io.ErrUnexpectedEOF", io.ErrUnexpectedEOF},
	{"io.ErrShortWrite", io.ErrShortWrite},
	{"errors.ErrUnsupported", errors.ErrUnsupported},
	{"EACCES", syscall.EACCES},
	{"EADDRINUSE", syscall.EADDRINUSE},
	{"EADDRNOTAVAIL", syscall.EADDRNOTAVAIL},
	{"EAFNOSUPPORT", syscall.EAFNOSUPPORT},
	{"ECONNABORTED", syscall.ECONNABORTED},
	{"ECONNREFUSED", syscall.ECONNREFUSED},
	{"ECONNRESET", syscall.ECONNRESET},
	{"EDESTADDRREQ", syscall.EDESTADDRREQ},
	{"EHOSTDOWN", syscall.EHOSTDOWN},
	{"EHOSTUNREACH", syscall.EHOSTUNREACH},
	{"EINVAL", syscall.EINVAL},
	{"EISCONN", syscall.EISCONN},
	{"EMSGSIZE", syscall.EMSGSIZE},
	{"ENETUNREACH", syscall.ENETUNREACH},
	{"ENONET", syscall.ENONET},
	{"ENOPROTOOPT", syscall.ENOPROTOOPT},
	{"ENOTCONN", syscall.ENOTCONN},
	{"EOPNOTSUPP", syscall.EOPNOTSUPP},
	{"EPIPE", syscall.EPIPE},
	{"EPROTO", syscall.EPROTO},
	{"ETIMEDOUT", syscall.ETIMEDOUT},
}

// describe fills in what there is to say of an error.
func (q *asking) describe(a Answer, err error) Answer {
	if err == nil {
		return a
	}
	a.Err = q.normal(err.Error())
	var types, is []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		types = append(types, reflect.TypeOf(e).String())
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			is = append(is, s.name)
		}
	}
	a.Types, a.Is = strings.Join(types, " > "), strings.Join(is, ",")
	if ne, ok := err.(interface{ Timeout() bool }); ok {
		te, ok := err.(interface{ Temporary() bool }) // not net.Error's any more, but libraries call it
		a.Flags = fmt.Sprintf("timeout=%t temporary=%t", ne.Timeout(), ok && te.Temporary())
	}
	if op, ok := err.(*net.OpError); ok {
		a.Op = q.normal(fmt.Sprintf("%s/%s/src=%s/addr=%s", op.Op, op.Net, addrText(op.Source), addrText(op.Addr)))
	}
	return a
}

// addrText is an address and its type; the types of package net only, for others are nobody's business.
func addrText(a net.Addr) string {
	switch a := a.(type) {
	case nil:
		return "nil"
	case *net.TCPAddr:
		return fmt.Sprintf("TCP %v len %d", a, len(a.IP))
	case *net.UDPAddr:
		return fmt.Sprintf("UDP %v len %d", a, len(a.IP))
	}
	return a.String()
}

var (
	ipv4     = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`)
	portText = regexp.MustCompile(`((?:SUBJ|PEER|VOID|NONE|GONE|\]|\.\d+|[ >(]):)[1-9]\d*`)
)

// normal replaces addresses and ports.
func (q *asking) normal(text string) string {
	text = ipv4.ReplaceAllStringFunc(text, func(a string) string {
		switch a {
		case q.h.Addr.String():
			return "SUBJ" // also where it talks to itself
		case q.h.To.String():
			return "PEER"
		case q.h.Void.String():
			return "VOID"
		case q.h.None.String():
			return "NONE"
		}
		if q.h.Link != nil && q.h.Link.isNowhere(a) {
			return "GONE"
		}
		return a
	})
	return portText.ReplaceAllString(text, "${1}P")
}
