package delivery

import (
	"testing"

	"gridmq/store"
)

// TestMostLive: memory is taken for what can be there, never for more than was asked for.
func TestMostLive(t *testing.T) {
	tests := map[string]struct {
		last, pos store.Position
		g         goal
		want      int
	}{
		"one is there":            {41, 41, goal{100, 1 << 20}, 1},
		"some are there":          {50, 41, goal{100, 1 << 20}, 10},
		"more than asked for":     {5000, 41, goal{100, 1 << 20}, 100},
		"more than a walk sees":   {50_000, 41, goal{5000, 1 << 30}, walkEvents},
		"few bytes are asked for": {5000, 41, goal{5000, 64 << 10}, 257},
		"no goal":                 {5000, 41, goal{}, 1},
		"not known since a start": {0, 41, goal{100, 1 << 20}, 100},
	}
	for name, test := range tests {
		q := &Queue{stream: &Stream{}}
		q.stream.last.Store(uint64(test.last))
		if got := q.mostLive(test.pos, test.g); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}
