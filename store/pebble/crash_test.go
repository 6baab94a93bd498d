package pebble

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"gridmq/store"
	"gridmq/store/storetest"
)

// step is one thing done to a store before a crash.
type step struct {
	batch    *store.Batch // or nil:
	log      store.LogID  // a truncation
	from, to store.Position
	ticket   store.Ticket
}

// counted is the document that tells how far a store has come: every batch
// writes its number to it.
var counted = []byte("~count")

// TestCrash cuts the power at random moments of random histories, while the
// committer is at work. What comes back must be exactly the state after some
// step, that of the newest durable ticket or a later one: nothing lost, nothing
// half, nothing out of order. Only truncations may have been forgotten.
func TestCrash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewCrashableMem()
		base := storetest.NewModel() // what survived the crashes so far
		for range rapid.IntRange(1, 4).Draw(t, "crashes") {
			o := small
			o.FS = fs
			s := mustOpen(t, o)
			if err := base.Compare(s, false); err != nil {
				t.Fatalf("before the next crash: %v", err)
			}
			steps := history(t, base)
			crashed, durable, done := crashDuring(t, s, fs, steps, rng)
			if err := s.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			fs = crashed
			o.FS = fs
			after := mustOpen(t, o)
			base = recovered(t, after, base, steps[:done], durable)
			if err := after.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
		}
	})
}

// history draws steps from the state of base on.
func history(t *rapid.T, base *storetest.Model) []*step {
	m := base.Clone()
	n, _ := strconv.Atoi(m.Docs[string(counted)])
	var steps []*step
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
			x := &step{log: store.LogID{Namespace: "a"}}
			x.from, x.to = storetest.DrawSpan(t, m, x.log)
			m.Truncate(x.log, x.from, x.to)
			steps = append(steps, x)
			continue
		}
		n++
		b := storetest.DrawBatch(t, 8, fmt.Sprint(n))
		b.Put(counted, fmt.Append(nil, n))
		m.Apply(b)
		steps = append(steps, &step{batch: b})
	}
	return steps
}

// crashDuring does the steps and copies the file system, as a power cut would
// leave it, somewhere in between. done steps had been begun by then.
func crashDuring(t *rapid.T, s *Store, fs *vfs.MemFS, steps []*step, rng *rand.Rand) (crashed *vfs.MemFS, durable store.Ticket, done int) {
	at := rng.IntN(len(steps) + 1)
	pause := time.Duration(rng.IntN(3)) * 50 * time.Microsecond
	crash := func(done chan struct{}) {
		defer close(done)
		time.Sleep(time.Duration(rng.IntN(300)) * time.Microsecond)
		durable = s.Durable() // before the copy: it must be in there
		crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(4) * 33, RNG: rand.New(rand.NewPCG(rng.Uint64(), 2))})
	}
	over := make(chan struct{})
	for i, x := range steps {
		if i == at {
			go crash(over)
		}
		var err error
		if x.batch != nil {
			_, x.ticket, err = s.Submit(x.batch)
		} else {
			err = s.Truncate(x.log, x.from, x.to)
		}
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		time.Sleep(pause)
	}
	if at == len(steps) {
		go crash(over)
	}
	<-over
	return crashed, durable, len(steps)
}

// recovered finds the step after which s was caught, checks that s is in that
// state, and returns it.
func recovered(t *rapid.T, s *Store, base *storetest.Model, steps []*step, durable store.Ticket) *storetest.Model {
	want := base.Docs[string(counted)]
	d, err := s.Get(counted)
	if err != nil && want != "" {
		t.Fatalf("Get: %v, want %s or above", err, want)
	}
	got, m := string(d.Value), base.Clone()
	i, found := 0, got == want
	for ; i < len(steps) && !found; i++ {
		if x := steps[i]; x.batch != nil {
			m.Apply(x.batch)
			found = m.Docs[string(counted)] == got
		} else {
			m.Truncate(x.log, x.from, x.to)
		}
	}
	if !found {
		t.Fatalf("the store says %q, which no step had written", got)
	}
	last := store.Ticket(0)
	if i > 0 {
		last = steps[i-1].ticket
	}
	for _, x := range steps[i:] {
		if x.batch != nil && x.ticket <= durable {
			t.Fatalf("ticket %d is lost, %d was durable", x.ticket, durable)
		}
		if x.batch != nil && last != 0 && x.ticket == last {
			t.Fatalf("half of group %d is there", last)
		}
	}
	// Truncations of the groups behind may or may not have been kept with the
	// last one: allow what is gone in truth, if it was asked for.
	for _, x := range steps[i:] {
		if x.batch == nil {
			m.Truncate(x.log, x.from, x.to)
		}
	}
	if err := m.Compare(s, true); err != nil {
		t.Fatalf("after the crash: %v", err)
	}
	forget(s, m)
	return m
}

// forget takes back the truncations in m that did not survive.
func forget(s *Store, m *storetest.Model) {
	for id, log := range m.Logs {
		for i := range log {
			if log[i].Gone {
				_, err := s.ReadAt(id, store.Position(i+1))
				log[i].Gone = err != nil
			}
		}
	}
}
