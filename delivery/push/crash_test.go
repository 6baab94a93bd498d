package push

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/internal/bubble"
	"gridmq/store/pebble"
)

// An account is what endpoints and the sink have had, until the power was cut; what
// comes after is the matter of a process that is no more.
type account struct {
	mu        sync.Mutex
	cut       bool
	published []string
	taken     map[string]int // answered with success
	attempts  map[string]int
	letters   map[string]int
}

func (a *account) note(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.cut {
		f()
	}
}

// Write implements delivery.DeadLetterSink.
func (a *account) Write(_ context.Context, d delivery.DeadLetter) error {
	a.note(func() {
		for _, l := range d.Letters {
			a.letters[l.Event.ID]++
		}
	})
	return nil
}

const crashes = 4

// TestCrash: whatever an endpoint answers, and whenever the power is cut, every event is
// delivered or becomes a dead letter, and a crash repeats at most what was under way.
func TestCrash(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 11))
				a := &account{taken: map[string]int{}, attempts: map[string]int{}, letters: map[string]int{}}
				fs := vfs.NewCrashableMem()
				for round := range crashes {
					fs = crashRound(t, fs, a, rng, round)
				}
				w := openCrashed(t, fs, a, 0, rng)
				after(2 * time.Hour)
				w.closeAll()
				a.check(t)
			})
		})
	}
}

func (a *account) check(t *testing.T) {
	dead := 0
	for _, id := range a.published {
		if a.taken[id] == 0 && a.letters[id] == 0 {
			t.Errorf("%s is lost after %d attempts", id, a.attempts[id])
		}
		if a.taken[id] > 1+crashes || a.attempts[id] > 5+crashes {
			t.Errorf("%s was taken %d times in %d attempts", id, a.taken[id], a.attempts[id])
		}
		dead += a.letters[id]
	}
	t.Logf("published %d, taken %d, dead %d", len(a.published), len(a.taken), dead)
	if len(a.published) < 50 || len(a.taken) < 20 || dead < 5 {
		t.Errorf("published %d, taken %d, dead %d: the test sees nothing", len(a.published), len(a.taken), dead)
	}
}

// troubled is an endpoint that fails with a probability, in one way or another.
func (a *account) troubled(trouble float64, rng *rand.Rand) handler {
	var mu sync.Mutex
	return func(ctx context.Context, c call) (int, http.Header, error) {
		mu.Lock()
		bad, wait, code := rng.Float64() < trouble, time.Duration(rng.IntN(3000))*time.Millisecond, []int{0, 400, 429, 500, 500, 503, 205}[rng.IntN(7)]
		mu.Unlock()
		a.count(a.attempts, c)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		}
		switch {
		case bad && code == 0:
			return 0, nil, errors.New("reset")
		case bad:
			return code, nil, nil
		}
		a.count(a.taken, c)
		return http.StatusOK, nil, nil
	}
}

func (a *account) count(m map[string]int, c call) {
	a.note(func() {
		for _, id := range c.ids {
			m[id]++
		}
	})
}

func openCrashed(t *testing.T, fs vfs.FS, a *account, trouble float64, rng *rand.Rand) *world {
	t.Helper()
	s, err := pebble.Open(pebble.Options{Dir: "db", FS: fs, Reserve: 1, MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	a.mu.Lock()
	a.cut = false // the process before is gone
	a.mu.Unlock()
	w := &world{t: t, store: s, e: newEndpoints(), sink: a}
	w.e.answer["a"] = a.troubled(trouble, rand.New(rand.NewPCG(rng.Uint64(), 3)))
	w.open()
	w.tell(to("a", batch(1+rng.IntN(3)), func(s *delivery.Subscription) { s.MaxDeliveryCount = 5 }))
	return w
}

func (w *world) closeAll() {
	w.t.Helper()
	w.close()
	if err := w.store.Close(); err != nil {
		w.t.Errorf("Close: %v", err)
	}
}

func crashRound(t *testing.T, fs *vfs.MemFS, a *account, rng *rand.Rand, round int) (crashed *vfs.MemFS) {
	w := openCrashed(t, fs, a, 0.6, rng)
	for i := range 10 + rng.IntN(20) {
		var events []event.Event
		for k := range 1 + rng.IntN(3) {
			events = append(events, newEvent(fmt.Sprintf("%d.%d.%d", round, i, k)))
			a.published = append(a.published, events[k].ID)
		}
		if err := w.p.Stream(namespace, topicName).Publish(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.IntN(20_000)) * time.Millisecond)
	}
	a.note(func() { // what was told until now is durable: the clone has it
		crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(4) * 33, RNG: rand.New(rand.NewPCG(rng.Uint64(), 2))})
		a.cut = true
	})
	w.closeAll()
	return crashed
}
