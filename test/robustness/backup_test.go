package robustness

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	events "gridmq/gateway/client"
	"gridmq/mqtt"
	"gridmq/server"
)

// TestBackupUnderLoad takes backups of a broker under publishers, subscribers and
// posters of events, restores each, and starts a broker on it. Whatever was
// acknowledged before a backup began is there: messages for a session that was away,
// those that a session had not received, retained messages, events.
func TestBackupUnderLoad(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s := newStation(t, bin, wideQueues...)
	l := newLedger()
	device := func(id string, v mqtt.Version) *device {
		return &device{id: id, v: v, expiry: never, dial: s.p.dial, fault: l.fault}
	}
	var publishers []*publisher
	for i, v := range []mqtt.Version{mqtt.V5, mqtt.V311, mqtt.V5} {
		publishers = append(publishers, newPublisher(l, device(fmt.Sprint("publisher-", i), v), 1, 20, 2000, 5*time.Millisecond,
			fmt.Sprintf("b/%d/x", i), fmt.Sprintf("b/%d/y", i)))
	}
	here, away := newWitness(l, device("here", mqtt.V5)), newWitness(l, device("away", mqtt.V311))
	ctx, end := context.WithTimeout(t.Context(), 2*time.Minute)
	defer end()
	var all, gone sync.WaitGroup
	stay, leave := context.WithCancel(ctx)
	gone.Go(func() { away.s.run(stay, nil) })
	all.Go(func() { here.s.run(ctx, nil) })
	<-away.s.ready
	<-here.s.ready
	leave()
	gone.Wait()
	kept := keepSome(ctx, t, l, device("keeper", mqtt.V5))
	stop := make(chan struct{})
	for _, p := range publishers {
		all.Go(func() { p.run(ctx, stop) })
	}
	posting, quiet := context.WithCancel(ctx)
	all.Go(func() { s.post(posting) })

	type saved struct {
		data     string
		messages map[string]int64
		events   map[string]bool
		heard    map[string]map[int64]bool
	}
	var list []saved
	for i := range 3 {
		enough := func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return sum(l.numbers(acked)) >= int64(100*(i+1)) && len(s.accepted) >= 20*(i+1)
		}
		if !waitFor(time.Minute, enough) {
			t.Fatalf("backup %d: too little was acknowledged in a minute", i)
		}
		one := saved{data: filepath.Join(t.TempDir(), "data"), messages: l.numbers(acked)}
		s.mu.Lock()
		one.events = maps.Clone(s.accepted)
		s.mu.Unlock()
		m := s.manage()
		body, err := m.Backup(ctx)
		if err != nil {
			t.Fatal(err)
		}
		one.heard = here.snapshot() // it was not acknowledged more than that
		r, err := server.Restore(body, one.data, server.RestoreOptions{})
		if err != nil {
			t.Fatalf("restore %d: %v", i, err)
		}
		body.Close()
		m.Close()
		if len(r.Store.Damaged) > 0 {
			t.Errorf("restore %d: damaged: %v", i, r.Store.Damaged)
		}
		t.Logf("backup %d: %d files, %d KiB, %d entries", i, r.Files, r.Bytes>>10, r.Store.Entries)
		list = append(list, one)
	}
	quiet()
	close(stop)
	end()
	all.Wait()
	s.made.Range(func(_, c any) bool { c.(*events.Client).Close(); return true })
	s.p.stop()

	for i, one := range list {
		p := newProcess(t, bin, append(wideQueues, "--quickstart")...)
		p.data = one.data
		p.start()
		again := &station{t: t, p: p, key: s.key, boards: s.boards}
		for _, w := range []*witness{here, away} {
			have := one.heard
			if w == away {
				have = nil
			}
			w.judge(t, p, i, one.messages, have)
		}
		again.judgeEvents(one.events)
		if got := retainedAt(t, p, len(kept)); !maps.Equal(got, kept) {
			t.Errorf("backup %d: %d retained messages, want %d", i, len(got), len(kept))
		}
		p.stop()
	}
}

func sum(m map[string]int64) (n int64) {
	for _, one := range m {
		n += one
	}
	return n
}

// A witness is a session that writes down what it gets of each stream.
type witness struct {
	s *subscriber

	mu    sync.Mutex
	heard map[string]map[int64]bool
}

func newWitness(l *ledger, d *device) *witness {
	w := &witness{s: newSubscriber(l, d, 1, habit{}, "b/#"), heard: map[string]map[int64]bool{}}
	d.heard = w.hear
	return w
}

func (w *witness) hear(m *heard) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := string(m.topic)
	if w.heard[name] == nil {
		w.heard[name] = map[int64]bool{}
	}
	w.heard[name][number(m.payload)] = true
}

func (w *witness) snapshot() map[string]map[int64]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := map[string]map[int64]bool{}
	for name, numbers := range w.heard {
		c[name] = maps.Clone(numbers)
	}
	return c
}

// judge comes back to the session at another broker, and wants what it had not got.
func (w *witness) judge(t *testing.T, p *process, i int, acked map[string]int64, have map[string]map[int64]bool) {
	w.mu.Lock()
	w.heard = have
	if have == nil {
		w.heard = map[string]map[int64]bool{}
	}
	w.mu.Unlock()
	d := &device{id: w.s.d.id, v: w.s.d.v, expiry: never, resume: true, known: true, dial: p.dial, fault: t.Errorf, heard: w.hear}
	defer d.close()
	if _, _, err := d.connect(t.Context()); err != nil {
		t.Fatalf("backup %d: %s cannot come back: %v", i, d.id, err)
	}
	missing := func() (list []string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for name, last := range acked {
			for n := int64(1); n <= last; n++ {
				if !w.heard[name][n] {
					list = append(list, fmt.Sprint(name, " ", n))
				}
			}
		}
		return list
	}
	if !waitFor(20*time.Second, func() bool { return len(missing()) == 0 }) {
		list := missing()
		t.Errorf("backup %d: %s lacks %d messages that were acknowledged before: %.200v", i, d.id, len(list), list)
	}
}

// judgeEvents wants the events from both event subscriptions.
func (s *station) judgeEvents(want map[string]bool) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	c := s.http()
	defer c.Close()
	for _, b := range s.boards {
		left := maps.Clone(want)
		for len(left) > 0 && ctx.Err() == nil {
			list, err := c.Receive(ctx, at(b), 100, 10*time.Second)
			if err != nil {
				s.t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			for _, d := range list {
				delete(left, nameOf(s.t, d))
			}
		}
		if len(left) > 0 {
			s.t.Errorf("%s: %d of %d events that were acknowledged before are not there", b.name, len(left), len(want))
		}
	}
}

// keepSome publishes retained messages.
func keepSome(ctx context.Context, t *testing.T, l *ledger, d *device) map[string]bool {
	const many = 30
	kept := map[string]bool{}
	answers := make(chan mqtt.Code, many)
	d.answered = func(_ *parcel, c mqtt.Code) { answers <- c }
	if _, _, err := d.connect(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range many {
		name := fmt.Sprint("kept/", i)
		d.publish(mqtt.Message{Topic: name, QoS: 1, Retain: true, Payload: []byte("x")}, nil)
		kept[name] = true
	}
	for range many {
		select {
		case <-answers:
		case <-ctx.Done():
			t.Fatal("the retained messages are not acknowledged")
		}
	}
	d.close()
	return kept
}

// retainedAt subscribes to retained messages and waits for so many.
func retainedAt(t *testing.T, p *process, many int) map[string]bool {
	var mu sync.Mutex
	got := map[string]bool{}
	d := &device{id: "reader", v: mqtt.V5, dial: p.dial, fault: t.Errorf, heard: func(m *heard) {
		mu.Lock()
		defer mu.Unlock()
		got[string(m.topic)] = true
	}}
	defer d.close()
	if _, _, err := d.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.subscribe(1, "kept/#"); err != nil {
		t.Fatal(err)
	}
	waitFor(10*time.Second, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= many
	})
	mu.Lock()
	defer mu.Unlock()
	return maps.Clone(got)
}
