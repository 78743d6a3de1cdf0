package parity

import (
	"cmp"
	"slices"
)

// Areas are what questions are about, in the order of reports.
var Areas = []string{"dial", "listen", "accept", "read", "write", "close", "options", "udp", "names"}

// questions are all there are, by areas.
func questions() []question {
	all := slices.Concat(dialQuestions, dialMoreQuestions, listenQuestions, acceptQuestions, readQuestions,
		deadlineQuestions, writeQuestions, copyQuestions, closeQuestions, optionQuestions, expiryQuestions, icmpQuestions,
		udpQuestions, udpMoreQuestions, nameQuestions)
	slices.SortStableFunc(all, func(a, b question) int { return byArea(&a, &b) })
	return all
}

// byArea compares two questions by the order of areas.
func byArea(a, b *question) int {
	return cmp.Compare(slices.Index(Areas, a.area()), slices.Index(Areas, b.area()))
}

// Listed is a line about a question.
type Listed struct {
	Area  string `json:"area"`
	Name  string `json:"name"`
	Asked string `json:"asked"` // where
}

// List lists the questions that match; nil: all of them.
func List(match func(name, area string) bool) (list []Listed) {
	asked := map[need]string{
		needNothing: "on every way",
		needVoid:    "where an address can be silent",
		needNone:    "where an address can be without a route",
		needLink:    "over the filtered link",
		needBacklog: "of a stack and the kernel",
		needControl: "of a stack and the kernel",
	}
	for _, q := range questions() {
		if match == nil || match(q.name, q.area()) {
			list = append(list, Listed{q.area(), q.name, asked[q.need]})
		}
	}
	return list
}
