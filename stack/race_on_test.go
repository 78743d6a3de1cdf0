//go:build race

package stack

// raceEnabled: sync.Pool loses what it is given on purpose, so that counting allocations makes no sense.
const raceEnabled = true
