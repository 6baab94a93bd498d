package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"gridmq/mqtt"
)

// A town is a small world around a house: a few of everybody, each with a dozen
// messages. It lives in a bubble of virtual time (testing/synctest), where a
// dead-lock or a goroutine left behind ends the test.
type town struct {
	t           *testing.T
	h           *house
	main, kept  *ledger
	publishers  []*publisher // keepers of retained messages among them
	subscribers []*subscriber
	group       *pool
	wills       *register
	watcher     *subscriber
	mortals     []*mortal
}

// townMessages is how many messages each publisher has.
const townMessages = 12

func newTown(t *testing.T, h *house) *town {
	w := &town{t: t, h: h, main: newLedger(), kept: newLedger(), wills: newRegister()}
	device := func(id string, v mqtt.Version, receive uint16) *device {
		return &device{id: id, v: v, expiry: never, receive: receive, dial: h.dial}
	}
	publish := func(l *ledger, qos byte, v mqtt.Version, topic string) *publisher {
		p := newPublisher(l, device("pub-"+topic, v, 0), qos, 3, 100, 5*time.Millisecond, topic)
		p.limit, p.refusable, p.retain = townMessages, true, l == w.kept
		w.publishers = append(w.publishers, p)
		return p
	}
	publish(w.main, 1, mqtt.V5, "town/1")
	publish(w.main, 1, mqtt.V311, "town/2")
	publish(w.main, 2, mqtt.V5, "town/3")
	publish(w.main, 2, mqtt.V311, "town/4")
	publish(w.kept, 1, mqtt.V5, "kept/1")
	publish(w.kept, 2, mqtt.V311, "kept/2")

	subscribe := func(id string, v mqtt.Version, receive uint16, qos byte, b habit, filter string) *subscriber {
		s := newSubscriber(w.main, device(id, v, receive), qos, b, filter)
		w.subscribers = append(w.subscribers, s)
		return s
	}
	visits := habit{stay: 20 * time.Millisecond, away: 20 * time.Millisecond, polite: true}
	subscribe("there-1", mqtt.V311, 0, 1, habit{}, "town/#")
	subscribe("there-2", mqtt.V5, 2, 2, habit{}, "town/#")
	subscribe("visits-2", mqtt.V5, 0, 2, visits, "town/#")
	subscribe("fresh-2", mqtt.V5, 0, 2, habit{stay: 30 * time.Millisecond, fresh: true}, "town/#")

	w.group = newPool(w.main, "town/#")
	for i := range 2 {
		s := subscribe(fmt.Sprintf("shares-%d", i), mqtt.V5, 3, 2, visits, "$share/group/town/#")
		w.group.join(s)
	}

	w.watcher = newSubscriber(w.main, device("watcher", mqtt.V5, 0), 2, habit{}, "will/#")
	w.watcher.d.heard = func(m *heard) { w.wills.heard(string(m.payload)) }
	for i := range 2 {
		m := &mortal{name: fmt.Sprintf("mortal-%d", i), wills: w.wills, deaths: func() int64 { return 0 }}
		m.d = device(m.name, mqtt.V5, 0)
		m.d.fault = w.main.fault
		if i == 1 {
			m.d.expiry = 0
		}
		w.mortals = append(w.mortals, m)
	}
	return w
}

// live lets everybody do what they have to. disturb runs beside them, and has
// ended when live returns.
func (w *town) live(disturb func(ctx context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // virtual
	defer cancel()
	var all sync.WaitGroup
	rest := make(chan struct{})
	readers, stopReaders := context.WithCancel(ctx)
	defer stopReaders()
	all.Go(func() { disturb(ctx) })
	everybody := append(w.subscribers[:len(w.subscribers):len(w.subscribers)], w.watcher)
	for _, s := range everybody {
		all.Go(func() { s.run(readers, rest) })
	}
	for _, s := range everybody {
		select {
		case <-s.ready:
		case <-ctx.Done():
			w.t.Errorf("%s is not subscribed", s.d.id)
		}
	}
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for _, p := range w.publishers {
		writers.Go(func() { p.run(ctx, stop) })
	}
	for _, m := range w.mortals {
		writers.Go(func() { m.dieOnce(ctx) })
	}
	if !waitFor(5*time.Minute, w.published) {
		w.t.Errorf("not everything is answered after five minutes")
	}
	close(stop)
	writers.Wait()
	close(rest)
	waitFor(time.Minute, w.complete)
	stopReaders()
	all.Wait()
}

// dieOnce connects, once that goes well, and is lost.
func (m *mortal) dieOnce(ctx context.Context) {
	defer m.d.close()
	for ctx.Err() == nil {
		text := m.testament()
		l, _, err := m.d.connect(ctx)
		if err != nil {
			idle(ctx, time.Duration(1+rand.IntN(10))*time.Millisecond)
			continue
		}
		idle(ctx, 20*time.Millisecond)
		l.close()
		m.d.readers.Wait()
		m.wills.set(text, due)
		return
	}
}

func (w *town) published() bool {
	for _, p := range w.publishers {
		if !p.full() {
			return false
		}
	}
	return true
}

func (w *town) complete() bool {
	for _, s := range w.subscribers {
		if len(s.t.missing()) > 0 {
			return false
		}
	}
	return w.wills.wanting() == 0 && len(w.group.missing()) == 0
}

// judge compares. It is asked twice: after the town's life, and once more after
// another broker has looked at the store.
func (w *town) judge() {
	for _, s := range w.subscribers {
		for _, f := range s.t.faults() {
			w.t.Error(f)
		}
	}
	for _, f := range append(w.wills.faults(), w.group.faults()...) {
		w.t.Error(f)
	}
	for _, l := range []*ledger{w.main, w.kept} {
		for _, f := range l.takeFaults() {
			w.t.Error(f)
		}
	}
	checkRetained(w.t, w.kept, w.h.dial, "kept/#")
}

// comeBack lets the subscribers return after a restart and stay for a second:
// what they have got already with QoS 2 must not come again.
func (w *town) comeBack() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range append(w.subscribers, w.watcher) {
		all.Go(func() { s.look(ctx) })
	}
	all.Wait()
}
