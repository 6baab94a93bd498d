package pebble

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gridmq/store"
)

// cpu is the processor time of the process so far, in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// payload looks like a message: text that compresses somewhat, no two alike.
func payload(rng *rand.Rand, n int) []byte {
	b := fmt.Appendf(nil, `{"device":"lamp-%06d","temperature":%.3f,"at":%d,"pad":"`, rng.IntN(1e6), rng.Float64()*40, rng.Int64())
	for len(b) < n {
		b = fmt.Appendf(b, "%x", rng.Uint64())
	}
	return b[:n]
}

// credit bounds what one submitter has on the way, as a receive maximum does.
type credit struct{ ch chan struct{} }

func (c credit) Committed(store.Ticket, error) { <-c.ch }

// payloads are many of 250 bytes.
func payloads(n int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 1))
	list := make([][]byte, n)
	for i := range list {
		list[i] = payload(rng, 250)
	}
	return list
}

// BenchmarkSubmit submits entries of 250 bytes, one a batch, with up to 1,000
// unacknowledged for each submitter, and truncates what is a million old.
func BenchmarkSubmit(b *testing.B) {
	es := payloads(10_000)
	for _, submitters := range []int{1, 20} {
		b.Run(fmt.Sprintf("submitters=%d", submitters), func(b *testing.B) {
			s, err := Open(Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.ReportAllocs()
			b.ResetTimer()
			used, start := cpu(), time.Now()
			var next, cut atomic.Int64
			var wg sync.WaitGroup
			for w := range submitters {
				wg.Go(func() {
					c := credit{make(chan struct{}, 1000)}
					batch := store.Batch{Log: store.LogID{Namespace: "bench"}, Entries: make([][]byte, 1)}
					for i := w * 500; next.Add(1) <= int64(b.N); i++ {
						batch.Entries[0] = es[i%len(es)]
						c.ch <- struct{}{}
						pos, t, err := s.Submit(&batch)
						if err != nil {
							b.Error(err)
							return
						}
						s.Notify(t, c)
						if old := int64(pos) - 1e6; old > 0 && old%50_000 == 0 && cut.Swap(old) != old {
							_ = s.Truncate(batch.Log, 1, store.Position(old))
						}
					}
				})
			}
			wg.Wait()
			if err := s.Sync(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((cpu()-used)/float64(b.N)*1e6, "cpu-s/M")
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "entries/s")
			b.ReportMetric(float64(b.N)/float64(s.Stats().Groups), "entries/group")
		})
	}
}

// BenchmarkRead replays a log, as a start does.
func BenchmarkRead(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	batch := store.Batch{Log: store.LogID{Namespace: "bench"}}
	for range 100 {
		batch.Entries = append(batch.Entries, bytes.Repeat([]byte("x"), 200))
	}
	for range 1000 {
		if _, err := s.Commit(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	used, n := cpu(), 0
	for b.Loop() {
		_ = s.Read(batch.Log, 1, func(store.Position, []byte) bool { n++; return true })
	}
	b.ReportMetric((cpu()-used)/float64(n)*1e6, "cpu-s/M")
}
