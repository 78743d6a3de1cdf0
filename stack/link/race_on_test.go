//go:build race

package link_test

// raceEnabled: sync.Pool loses buffers on purpose, so that counting allocations makes no sense.
const raceEnabled = true
