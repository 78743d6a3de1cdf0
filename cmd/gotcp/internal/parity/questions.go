package parity

import "slices"

// questions are all there are.
func questions() []question {
	return slices.Concat(dialQuestions, listenQuestions, readQuestions, writeQuestions, closeQuestions, udpQuestions,
		moreQuestions)
}
