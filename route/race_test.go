//go:build race

package route

// raceEnabled: sync.Pool drops things at random then, and allocations say nothing.
const raceEnabled = true
