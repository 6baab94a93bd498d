package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gridmq/event"
	"gridmq/store/pebble"
)

// An account is what clients asked and were told until the power was cut. Keys are ids
// of events.
type account struct {
	mu        sync.Mutex
	cut       bool
	offered   map[string]bool // Publish was called
	published map[string]bool // and told that it is durable
	locked    map[string]int  // received: the count
	touched   map[string]bool // a settlement was asked for, the answer is not known
	done      map[string]bool // acknowledged
}

// note changes the account unless the power has been cut.
func (a *account) note(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.cut {
		f()
	}
}

// await waits until so many events are published, and so many acknowledged.
func (a *account) await(t *testing.T, published, done int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		enough := false
		a.note(func() { enough = len(a.published) >= published && len(a.done) >= done })
		if enough {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not %d published and %d acknowledged in a minute", published, done)
		}
	}
}

// received checks a delivery against what was told before.
func (a *account) received(t *testing.T, d Delivery) {
	a.note(func() {
		id := d.Event.ID
		switch count, locked := a.locked[id]; {
		case !a.offered[id]:
			t.Errorf("%s was received and never published", id)
		case a.done[id]:
			t.Errorf("%s came back, it was acknowledged", id)
		case locked && !a.touched[id]:
			t.Errorf("%s was given to two holders, with counts %d and %d", id, count, d.Count)
		case locked && d.Count <= count:
			t.Errorf("%s was given out with count %d after %d", id, d.Count, count)
		}
		a.locked[id] = d.Count
		delete(a.touched, id)
	})
}

// TestCrash cuts the power while publishers and consumers are at work, some times in a
// row. Locks are longer than the test.
func TestCrash(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			fs := vfs.NewCrashableMem()
			a := &account{offered: map[string]bool{}, published: map[string]bool{}, locked: map[string]int{}, touched: map[string]bool{}, done: map[string]bool{}}
			for round := range 4 {
				fs = crashRound(t, fs, a, rng, round)
			}
			afterCrashes(t, fs, a)
		})
	}
}

func openCrashed(t *testing.T, fs vfs.FS) (*world, *pebble.Store) {
	t.Helper()
	s, err := pebble.Open(pebble.Options{Dir: "db", FS: fs, Reserve: 1, MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	w := newWorld(t, s, Options{Limits: Limits{JournalBytes: 2000, Outstanding: 1 << 20}})
	sub := subscription()
	sub.MaxDeliveryCount, sub.Lock = 10, 5*time.Minute
	w.tell(day, sub)
	return w, s
}

func crashRound(t *testing.T, fs *vfs.MemFS, a *account, rng *rand.Rand, round int) (crashed *vfs.MemFS) {
	w, s := openCrashed(t, fs)
	a.cut = false
	published, done := len(a.published), len(a.done)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for k := range 2 {
		own := rand.New(rand.NewPCG(rng.Uint64(), 7))
		wg.Go(func() { publishAll(ctx, w, a, fmt.Sprintf("%d.%d", round, k)) })
		wg.Go(func() { consume(ctx, t, w, a, own) })
	}
	for range 1 + rng.IntN(4) {
		time.Sleep(time.Duration(1+rng.IntN(10)) * time.Millisecond)
		w.p.deadlines.advance(&w.stream().deadline, 1) // a checkpoint, a truncation
	}
	a.await(t, published+20, done+5) // however slow the machine is
	a.note(func() {                  // what was told until now is durable: the clone has it
		crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(4) * 33, RNG: rand.New(rand.NewPCG(rng.Uint64(), 2))})
		a.cut = true
	})
	stop()
	wg.Wait()
	w.close()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	return crashed
}

func publishAll(ctx context.Context, w *world, a *account, prefix string) {
	for i := 0; ctx.Err() == nil; i++ {
		var events []event.Event
		for k := range 1 + i%5 {
			events = append(events, newEvent(fmt.Sprintf("%s.%d.%d", prefix, i, k)))
		}
		a.note(func() {
			for _, e := range events {
				a.offered[e.ID] = true
			}
		})
		if w.stream().Publish(ctx, events) == nil {
			a.note(func() {
				for _, e := range events {
					a.published[e.ID] = true
				}
			})
		}
	}
}

func consume(ctx context.Context, t *testing.T, w *world, a *account, rng *rand.Rand) {
	for ctx.Err() == nil {
		list, err := w.queue().Receive(ctx, 1+rng.IntN(8), time.Second)
		if err != nil {
			continue
		}
		for _, d := range list {
			a.received(t, d)
		}
		switch ids := tokensOf(list); rng.IntN(4) {
		case 0: // keeps them
		case 1:
			a.settled(list, func() ([]Settlement, error) { return w.queue().Release(ctx, ids, 0) }, func(d Delivery) {
				if a.locked[d.Event.ID] == d.Count { // nobody has it again already
					delete(a.locked, d.Event.ID)
					delete(a.touched, d.Event.ID)
				}
			})
		default:
			a.settled(list, func() ([]Settlement, error) { return w.queue().Acknowledge(ctx, ids) }, func(d Delivery) {
				a.done[d.Event.ID] = true
			})
		}
	}
}

func (a *account) settled(list []Delivery, call func() ([]Settlement, error), told func(Delivery)) {
	a.note(func() {
		for _, d := range list {
			a.touched[d.Event.ID] = true
		}
	})
	answers, err := call()
	if err != nil {
		return
	}
	a.note(func() {
		for i, s := range answers {
			if s.Code == OK {
				told(list[i])
			}
		}
	})
}

// afterCrashes looks for every event that clients were promised.
func afterCrashes(t *testing.T, fs vfs.FS, a *account) {
	w, s := openCrashed(t, fs)
	defer func() {
		w.close()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	a.cut = false
	q := w.queue()
	counts := map[string]int{} // locked before: by those who got an answer, and those who did not
	q.mu.Lock()
	for pos := range q.book.Cursor() {
		if c, ok := q.book.Copy(pos); ok && c.State == 2 {
			f, err := q.load(c)
			if err != nil {
				t.Errorf("a locked event cannot be read: %v", err)
			}
			counts[f.event.ID] = c.Count
		}
	}
	q.mu.Unlock()
	there := map[string]bool{}
	for {
		list := w.receive(100, 0)
		if len(list) == 0 {
			break
		}
		for _, d := range list {
			a.received(t, d)
			there[d.Event.ID] = true
		}
	}
	for id := range a.published {
		if !a.done[id] && !a.touched[id] && !there[id] && counts[id] == 0 {
			t.Errorf("%s was published and is lost", id)
		}
	}
	for id, count := range a.locked {
		if !there[id] && !a.done[id] && !a.touched[id] && counts[id] != count {
			t.Errorf("the lock of %s, count %d, is now count %d", id, count, counts[id])
		}
	}
	if st := q.Stats(); st.Outstanding >= 1<<20 {
		t.Errorf("%d copies are out, which ends the drain", st.Outstanding)
	}
	t.Logf("published %d, acknowledged %d, out %d", len(a.published), len(a.done), q.Stats().Outstanding)
	if len(a.published) < 50 || len(a.done) < 10 {
		t.Errorf("only %d published, %d acknowledged: the test sees nothing", len(a.published), len(a.done))
	}
}
