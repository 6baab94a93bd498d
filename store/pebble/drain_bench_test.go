package pebble

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gridmq/store"
)

// paces are the orders in which sessions that come back read what waited.
var paces = []struct {
	name string
	// next is the session that reads in turn n, of sessions many.
	next func(rng *rand.Rand, n, sessions, turns int) int
}{
	// one after another, as equally fast receivers do
	{"even", func(_ *rand.Rand, n, sessions, _ int) int { return n % sessions }},
	// at random, as receivers with paces of their own do: they drift apart
	{"drift", func(rng *rand.Rand, _, sessions, _ int) int { return rng.IntN(sessions) }},
	// each all of its own before the next: a scan of the whole log for each
	{"scan", func(_ *rand.Rand, n, sessions, turns int) int { return n / turns % sessions }},
}

// BenchmarkDrain lets 200 sessions read a log of entries of 250 bytes, each its
// own positions (session k those that are k modulo 200), 64 in a turn.
func BenchmarkDrain(b *testing.B) {
	for _, entries := range []int{200_000, 1_000_000} {
		s := drainable(b, entries)
		for _, pace := range paces {
			b.Run(fmt.Sprintf("entries=%d/pace=%s", entries, pace.name), func(b *testing.B) {
				b.ReportAllocs()
				used, n := cpu(), 0
				loads := s.loads.Load()
				for b.Loop() {
					s.cache = newCache(s.options.CacheBytes) // cold
					n += drain(b, s, entries, pace.next)
				}
				b.ReportMetric((cpu()-used)/float64(n)*1e6, "cpu-s/M")
				b.ReportMetric(float64(s.loads.Load()-loads)/float64(n), "loads/read")
			})
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

var drainLog = store.LogID{Namespace: "bench"}

// drainable is a store with a log of that many entries, in groups of 2,000.
func drainable(b *testing.B, entries int) *Store {
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	batch := store.Batch{Log: drainLog}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := 0; i < entries; i += 2000 {
		batch.Entries = batch.Entries[:0]
		for range 2000 {
			batch.Entries = append(batch.Entries, payload(rng, 250))
		}
		if _, err := s.Commit(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// drain reads every entry once and returns how many there were.
func drain(b *testing.B, s *Store, entries int, next func(rng *rand.Rand, n, sessions, turns int) int) (read int) {
	const sessions, turn = 200, 64
	rng := rand.New(rand.NewPCG(1, 2))
	turns := (entries/sessions + turn - 1) / turn
	var at [sessions]int
	for n := 0; read < entries; n++ {
		k := next(rng, n, sessions, turns)
		for range turn {
			pos := store.Position(at[k]*sessions + k + 1)
			if int(pos) > entries {
				break
			}
			if e, err := s.ReadAt(drainLog, pos); err != nil || len(e) != 250 {
				b.Fatalf("ReadAt(%d) = %d bytes, %v", pos, len(e), err)
			}
			at[k]++
			read++
		}
	}
	return read
}
