package parity

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotcp/gotcp/netapi"
)

// question is one that can be put to any host. Its ask function records answers step by step. The name's first word is
// the area that it belongs to.
type question struct {
	name string
	need need
	ask  func(q *asking)
}

func (q *question) area() string { return q.name[:strings.IndexByte(q.name, '.')] }

// need is what a question needs of the way.
type need uint8

const (
	needNothing need = iota
	needVoid         // an address that never answers
	needNone         // an address without a route
	needLink         // a link on which packets get lost as the question wants it
	needBacklog      // a listener with a short queue, for which package net has no setting
	needControl      // sockets of this process, for Control functions to see
)

// askTime bounds one try of a question.
const askTime = 15 * time.Second

// tries is how often a question is asked at most whose answers differ: what is to be compared needs a moment here and
// there, and a busy machine may not leave it that.
const tries = 3

// parallel is how many questions are asked at a time. Most of their time is waiting.
const parallel = 12

// Options say how questions are asked. The zero Options ask each of them.
type Options struct {
	Match    func(name, area string) bool // which questions; nil: all
	Strict   bool                         // one try each, which shows what differs now and then
	Answers  bool                         // have the Report tell all of them
	Progress func(asked, of int)          // called after each question, by one goroutine at a time; may be nil
}

// tries is how often a question is asked at most.
func (o *Options) tries() int {
	if o.Strict {
		return 1
	}
	return tries
}

// Difference is a step at which the stack and the kernel differ.
type Difference struct {
	Pair     string `json:"pair"`
	Question string `json:"question"`
	Stack    Answer `json:"stack"`
	Kernel   Answer `json:"kernel"`
	// Deviation is the number of the documented deviation that this is, 0 where there is none.
	Deviation int `json:"deviation,omitempty"`
}

// Report says what came out.
type Report struct {
	Questions   int          `json:"questions"` // asked, on all ways together
	Answers     int          `json:"answers"`   // compared
	Areas       []Area       `json:"areas"`
	Differences []Difference `json:"differences"`
	Said        []Said       `json:"said,omitempty"` // what was answered, where that was asked for
}

// Said is an answer of the kernel's.
type Said struct {
	Pair     string `json:"pair"`
	Question string `json:"question"`
	Answer
}

// Area sums up the questions about one thing.
type Area struct {
	Name         string `json:"name"`
	Questions    int    `json:"questions"`
	Answers      int    `json:"answers"`
	Documented   int    `json:"documented"`   // differences that a deviation explains
	Undocumented int    `json:"undocumented"` // and others
}

// Undocumented is how many differences no deviation explains.
func (r *Report) Undocumented() (n int) {
	for i := range r.Areas {
		n += r.Areas[i].Undocumented
	}
	return n
}

// task is a question on one way, and what came of it.
type task struct {
	p       *Pair
	q       question
	answers int
	kernel  []Answer
	found   []Difference
}

// tasksOf are the questions that can be asked. Those that need a link wait for time-outs of seconds: they come first, and
// the others run meanwhile.
func tasksOf(pairs []Pair, o *Options) []*task {
	var slow, others []*task
	for _, q := range questions() {
		if o.Match != nil && !o.Match(q.name, q.area()) {
			continue
		}
		for i := range pairs {
			p := &pairs[i]
			switch {
			case !p.Stack.has(q.need) || !p.Kernel.has(q.need):
			case q.need == needLink:
				slow = append(slow, &task{p: p, q: q})
			default:
				others = append(others, &task{p: p, q: q})
			}
		}
	}
	return append(slow, others...)
}

// Run asks questions on all ways.
func Run(ctx context.Context, pairs []Pair, o Options) (*Report, error) {
	tasks := tasksOf(pairs, &o)
	var wg sync.WaitGroup
	var mu sync.Mutex
	asked := 0
	slots := make(chan struct{}, parallel)
	for _, t := range tasks {
		slots <- struct{}{}
		wg.Go(func() {
			t.compare(ctx, o.tries())
			<-slots
			mu.Lock()
			defer mu.Unlock()
			if asked++; o.Progress != nil {
				o.Progress(asked, len(tasks))
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := report(tasks)
	if o.Answers {
		for _, t := range tasks {
			for _, a := range t.kernel {
				r.Said = append(r.Said, Said{t.p.Name, t.q.name, a})
			}
		}
	}
	return r, nil
}

// report sums up.
func report(tasks []*task) *Report {
	r := &Report{Questions: len(tasks), Areas: []Area{}, Differences: []Difference{}}
	slices.SortStableFunc(tasks, func(a, b *task) int { return byArea(&a.q, &b.q) })
	for _, t := range tasks {
		if n := len(r.Areas); n == 0 || r.Areas[n-1].Name != t.q.area() {
			r.Areas = append(r.Areas, Area{Name: t.q.area()})
		}
		a := &r.Areas[len(r.Areas)-1]
		a.Questions++
		a.Answers += t.answers
		r.Answers += t.answers
		for _, d := range t.found {
			if d.Deviation == 0 {
				a.Undocumented++
			} else {
				a.Documented++
			}
		}
		r.Differences = append(r.Differences, t.found...)
	}
	return r
}

// has reports whether a question with the need can be put to the host.
func (h *Host) has(n need) bool {
	switch n {
	case needVoid:
		return h.Void.IsValid()
	case needNone:
		return h.None.IsValid()
	case needLink:
		return h.Link != nil
	case needBacklog, needControl:
		switch h.Net.(type) {
		case netapi.Kernel, *netapi.Stack:
		default:
			return false
		}
	}
	return true
}

// compare asks the question on both sides until the answers agree, so many times at most.
func (t *task) compare(ctx context.Context, tries int) {
	for range tries {
		var kernel []Answer
		done := make(chan struct{})
		go func() { kernel = t.p.Kernel.answer(ctx, t.q); close(done) }()
		stack := t.p.Stack.answer(ctx, t.q)
		<-done
		t.kernel = kernel
		t.answers = max(len(stack), len(kernel))
		t.found = t.found[:0]
		for i := range t.answers {
			d := Difference{Pair: t.p.Name, Question: t.q.name, Stack: at(stack, i), Kernel: at(kernel, i)}
			if d.Stack != d.Kernel || d.Stack.Step == stuck { // which is never an answer, also where both say it
				d.Deviation = deviationOf(&d)
				t.found = append(t.found, d)
			}
		}
		if !slices.ContainsFunc(t.found, func(d Difference) bool { return d.Deviation == 0 }) {
			break
		}
	}
}

// stuck is the step of a question that cannot be asked to its end.
const stuck = "(cannot go on)"

// at is the answer with a number, or one that says there's none.
func at(answers []Answer, i int) Answer {
	if i < len(answers) {
		return answers[i]
	}
	return Answer{Step: "(none)"}
}

// answer puts a question to a host.
func (h *Host) answer(ctx context.Context, qu question) (answers []Answer) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	q := &asking{ctx: ctx, h: h}
	defer context.AfterFunc(ctx, q.end)()
	defer func() {
		q.end()
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			q.err(stuck, f.error)
		}
		answers = q.answers
	}()
	qu.ask(q)
	return
}
