//go:build race

package tcp

// raceEnabled: what isn't concurrent needs fewer runs under the race detector, which makes them slow.
const raceEnabled = true
