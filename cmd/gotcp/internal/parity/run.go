package parity

import (
	"context"
	"slices"
	"sync"
	"time"
)

// question is one that can be put to any host. Its ask function records answers step by step.
type question struct {
	name string
	need need
	ask  func(q *asking)
}

// need is what a question needs of the host.
type need uint8

const (
	needNothing need = iota
	needVoid         // an address that never answers
	needNone         // an address without a route
)

// askTime bounds one try of a question.
const askTime = 10 * time.Second

// tries is how often a question is asked at most whose answers differ: what is to be compared needs a moment here and
// there, and a busy machine may not leave it that.
const tries = 3

// parallel is how many questions are asked at a time. Most of their time is waiting.
const parallel = 8

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
	Differences []Difference `json:"differences"`
}

// Undocumented is how many differences no deviation explains.
func (r *Report) Undocumented() (n int) {
	for _, d := range r.Differences {
		if d.Deviation == 0 {
			n++
		}
	}
	return n
}

// Run asks all questions on all ways.
func Run(ctx context.Context, pairs []Pair) (*Report, error) {
	type task struct {
		p *Pair
		q question
	}
	var tasks []task
	for i := range pairs {
		for _, q := range questions() {
			if pairs[i].Stack.has(q.need) && pairs[i].Kernel.has(q.need) {
				tasks = append(tasks, task{&pairs[i], q})
			}
		}
	}
	counts, found := make([]int, len(tasks)), make([][]Difference, len(tasks))
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i, t := range tasks {
		slots <- struct{}{}
		wg.Go(func() {
			counts[i], found[i] = t.p.compare(ctx, t.q)
			<-slots
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := &Report{Questions: len(tasks), Differences: slices.Concat(found...)}
	for _, n := range counts {
		r.Answers += n
	}
	return r, nil
}

// has reports whether a question with the need can be put to the host.
func (h *Host) has(n need) bool {
	switch n {
	case needVoid:
		return h.Void.IsValid()
	case needNone:
		return h.None.IsValid()
	}
	return true
}

// compare asks one question on both sides until the answers agree.
func (p *Pair) compare(ctx context.Context, q question) (answers int, found []Difference) {
	for range tries {
		var kernel []Answer
		done := make(chan struct{})
		go func() { kernel = p.Kernel.answer(ctx, q); close(done) }()
		stack := p.Stack.answer(ctx, q)
		<-done
		answers = max(len(stack), len(kernel))
		found = found[:0]
		for i := range answers {
			d := Difference{Pair: p.Name, Question: q.name, Stack: at(stack, i), Kernel: at(kernel, i)}
			if d.Stack != d.Kernel || d.Stack.Step == stuck { // which is never an answer, also where both say it
				d.Deviation = deviationOf(&d)
				found = append(found, d)
			}
		}
		if !slices.ContainsFunc(found, func(d Difference) bool { return d.Deviation == 0 }) {
			break
		}
	}
	return answers, found
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
