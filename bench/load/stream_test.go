package load

import (
	"testing"

	"pgregory.net/rapid"
)

// TestStream holds a stream against a set.
func TestStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s stream
		seen := map[uint64]bool{}
		var dups, late, highest uint64
		t.Repeat(map[string]func(*rapid.T){
			"see": func(t *rapid.T) {
				n := rapid.Uint64Range(0, highest+5).Draw(t, "n")
				switch {
				case seen[n]:
					dups++
				case n < highest:
					late++
				}
				s.see(n)
				seen[n], highest = true, max(highest, n+1)
			},
			"next": func(t *rapid.T) {
				s.see(highest)
				seen[highest] = true
				highest++
			},
			"": func(t *rapid.T) {
				if s.received() != uint64(len(seen)) || s.dups != dups || s.late != late {
					t.Fatalf("received %d, %d again, %d late, want %d, %d, %d", s.received(), s.dups, s.late, len(seen), dups, late)
				}
				for n := range highest + 2 {
					if s.has(n) != seen[n] {
						t.Fatalf("has(%d) is %t", n, s.has(n))
					}
				}
			},
		})
	})
}

// TestStreamGap: a gap that is too long to be kept by number is still counted.
func TestStreamGap(t *testing.T) {
	var s stream
	s.see(0)
	s.see(3 * maxMissing)
	if s.received() != 2 || len(s.missing) != maxMissing {
		t.Errorf("received %d, %d kept", s.received(), len(s.missing))
	}
}

func TestBitset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bitset
		model := map[uint64]bool{}
		for _, n := range rapid.SliceOf(rapid.Uint64Range(0, 1000)).Draw(t, "numbers") {
			b.set(n)
			model[n] = true
		}
		for n := range uint64(1100) {
			if b.has(n) != model[n] {
				t.Fatalf("has(%d) is %t", n, b.has(n))
			}
		}
	})
}
