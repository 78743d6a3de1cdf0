//go:build race

package tcp

// raceEnabled: sync.Pool drops some of what is put into it under the race detector, so that allocations can't be
// counted.
const raceEnabled = true
