package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/internal/bubble"
	"gridmq/store/pebble"
)

// An account is what the sink has had, until the power was cut; what comes after is the
// matter of a process that is no more.
type account struct {
	mu        sync.Mutex
	cut       bool
	published []string
	letters   map[string]int
}

// Write implements delivery.DeadLetterSink.
func (a *account) Write(_ context.Context, d delivery.DeadLetter) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range d.Letters {
		if !a.cut {
			a.letters[l.Event.ID]++
		}
	}
	return nil
}

const crashes = 4

// TestCrash: whatever the brokers answer, and whenever the power is cut, every event is in
// the topic or a dead letter, and is there no more often than there were attempts.
func TestCrash(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 12))
				a := &account{letters: map[string]int{}}
				net := &network{}
				c := (&world{t: t, net: net}).cluster("a")
				trouble := troubled(c, rand.New(rand.NewPCG(seed, 13)))
				fs := vfs.NewCrashableMem()
				for round := range crashes {
					fs = crashRound(t, fs, net, c, a, rng, round)
				}
				trouble.Remove()
				w := openCrashed(t, fs, net, c, a)
				after(2 * time.Hour)
				a.check(t, w.records(c, "a"))
				w.closeAll()
			})
		})
	}
}

func (a *account) check(t *testing.T, records []*kgo.Record) {
	taken := map[string]int{}
	for _, id := range ids(t, records) {
		taken[id]++
	}
	dead, twice := 0, 0
	for _, id := range a.published {
		if taken[id] == 0 && a.letters[id] == 0 {
			t.Errorf("%s is lost", id)
		}
		if taken[id] > 5+crashes {
			t.Errorf("%s is there %d times", id, taken[id])
		}
		if taken[id] > 1 {
			twice++
		}
		dead += a.letters[id]
	}
	t.Logf("published %d, taken %d, more than once %d, dead %d", len(a.published), len(taken), twice, dead)
	if len(a.published) < 50 || len(taken) < 20 || dead < 3 {
		t.Errorf("published %d, taken %d, dead %d: the test sees nothing", len(a.published), len(taken), dead)
	}
}

// troubled lets a third of the answers be failures of all kinds.
func troubled(c *kfake.Cluster, rng *rand.Rand) *kfake.FaultHandle {
	var faults []kfake.Fault
	for _, err := range []*kerr.Error{kerr.UnknownServerError, kerr.InvalidRecord, kerr.MessageTooLarge, kerr.NotEnoughReplicasAfterAppend,
		kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.OutOfOrderSequenceNumber} {
		faults = append(faults, always(err, func(f *kfake.Fault) {
			f.When = func(kmsg.Request) bool { return rng.Float64() < 0.05 } // on the cluster's goroutine
		}))
	}
	return c.Fault(faults...)
}

func openCrashed(t *testing.T, fs vfs.FS, net *network, c *kfake.Cluster, a *account) *world {
	t.Helper()
	s, err := pebble.Open(pebble.Options{Dir: "db", FS: fs, Reserve: 1, MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	a.mu.Lock()
	a.cut = false // the process before is gone
	a.mu.Unlock()
	w := &world{t: t, store: s, net: net, sink: a}
	net.refuse(nil, c.ListenAddrs()...)
	w.open(destination("a", c))
	w.tell(to("a", func(s *delivery.Subscription) { s.MaxDeliveryCount = 5 }))
	return w
}

func (w *world) closeAll() {
	w.t.Helper()
	w.close()
	if err := w.store.Close(); err != nil {
		w.t.Errorf("Close: %v", err)
	}
}

func crashRound(t *testing.T, fs *vfs.MemFS, net *network, c *kfake.Cluster, a *account, rng *rand.Rand, round int) (crashed *vfs.MemFS) {
	w := openCrashed(t, fs, net, c, a)
	for i := range 10 + rng.IntN(20) {
		var events []event.Event
		for k := range 1 + rng.IntN(3) {
			events = append(events, newEvent(fmt.Sprintf("%d.%d.%d", round, i, k)))
			a.published = append(a.published, events[k].ID)
		}
		w.publishEvents(events...)
		if rng.IntN(8) == 0 {
			net.cut()
		}
		time.Sleep(time.Duration(rng.IntN(20_000)) * time.Millisecond)
	}
	// Nothing reaches the brokers any more; what did was told, or is repeated.
	net.refuse(errors.New("power cut"), c.ListenAddrs()...)
	net.cut()
	a.mu.Lock()
	crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(4) * 33, RNG: rand.New(rand.NewPCG(rng.Uint64(), 2))})
	a.cut = true
	a.mu.Unlock()
	w.closeAll()
	return crashed
}
