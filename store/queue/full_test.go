package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gridmq/internal/bubble"
	"gridmq/store"
)

// fullOptions make ranges of about 160 KiB. No round is ever due.
var fullOptions = Options{RangeSize: 40, SnapshotEntries: 1 << 30, SnapshotBytes: 1 << 40}

// fullQueues has 400 messages of 4 KiB for queue 1; queue 2 waits for the seventh
// as well.
func fullQueues(t *testing.T) (*ledger, *office, *Queues) {
	l, o := newLedger(), newOffice(1, 2, 3)
	q, err := Open(l, store.LogID{Namespace: "n"}, fullOptions, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	o.q, q.owner = q, findingOffice{o}
	for i := range 400 {
		m := &Message{Record: bytes.Repeat([]byte{byte(i)}, 4<<10), Targets: []Target{{Queue: 1}}}
		if i == 6 {
			m.Targets = append(m.Targets, Target{Queue: 2})
		}
		if _, err := q.Publish(m, &delivery{o: o, m: m}); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	return l, o, q
}

// drain finishes everything that queue 1 holds.
func drain(o *office, q *Queues) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for seq, it := range o.queues[1].items {
		delete(o.queues[1].items, seq)
		q.Done(1, seq, it.pos)
	}
}

// held is how many bytes of entries are stored.
func held(l *ledger) (n int) {
	_ = l.Sync(context.Background())
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.durable.entries {
		n += len(e)
	}
	return n
}

func (l *ledger) fill(full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = full
}

// TestFullMakesRoom drains a queue on a full disk, or before others have filled
// it: the log goes by itself, and what one sleeper wants of it is copied forward.
func TestFullMakesRoom(t *testing.T) {
	for _, first := range []string{"full", "drained"} {
		t.Run(first+" first", func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				l, o, q := fullQueues(t)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); q.Run(ctx, findingOffice{o}) }()
				step := map[string]func(){"full": func() { l.fill(true) }, "drained": func() { drain(o, q) }}
				step[first]()
				delete(step, first)
				time.Sleep(time.Minute) // of the bubble
				if n := held(l); n < 400*4<<10 {
					t.Errorf("%d bytes are held before it is both full and drained", n)
				}
				for _, second := range step {
					second()
				}
				time.Sleep(2 * lookEvery)
				if n, s := held(l), q.Stats(); n > 10<<10 || s.CopiedForward != 1 || s.Live != 1 {
					t.Errorf("%d bytes are held for one message of 4,096; %+v", n, s)
				}
				it := o.queues[2].items[1]
				if r, err := q.Load(it.pos); err != nil || !bytes.Equal(r, bytes.Repeat([]byte{6}, 4<<10)) {
					t.Errorf("the sleeper's message: %d bytes, %v", len(r), err)
				}
				rounds := q.Stats().Rounds
				time.Sleep(time.Hour)
				if n := q.Stats().Rounds - rounds; n != 0 {
					t.Errorf("%d more rounds in an hour in which nothing happened", n)
				}
				stop()
				<-done
			})
		})
	}
}

// TestFullEvents asks a full store for everything that is an event.
func TestFullEvents(t *testing.T) {
	l, o, q := fullQueues(t)
	l.fill(true)
	to := Target{Queue: 3}
	for name, call := range map[string]func() (store.Ticket, error){
		"Received": func() (store.Ticket, error) { return q.Received(1, 5) },
		"Release":  func() (store.Ticket, error) { return q.Release(1, 5) },
		"Assign": func() (store.Ticket, error) {
			return q.Assign(1, 9, o.queues[1].items[9].pos, to, &handover{o: o, group: 1, seq: 9, to: to})
		},
		"Done": func() (store.Ticket, error) {
			drain(o, q)
			q.flushDones()
			return 0, nil
		},
	} {
		if _, err := call(); err != nil {
			t.Errorf("%s on a full disk: %v", name, err)
		}
	}
	if lost := q.Stats().Lost; lost != 0 {
		t.Errorf("%d Done calls were not written", lost)
	}
	if _, err := q.Publish(&Message{Record: []byte("x"), Targets: []Target{to}}, nil); !errors.Is(err, store.ErrFull) {
		t.Errorf("Publish on a full disk: %v", err)
	}
}

// TestFullRound lets a round fail because the slack is used up, again and again:
// it comes to an end all the same, as it does not begin anew.
func TestFullRound(t *testing.T) {
	l := newLedger()
	o := newOffice()
	for id := range ID(20) {
		o.queues[id+1] = newInbox()
	}
	q, err := Open(l, store.LogID{Namespace: "n"}, fullOptions, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	o.q, q.owner = q, o
	for i := range 40 * 20 { // states of more than what is written at once
		m := &Message{Record: fmt.Append(nil, i), Targets: []Target{{Queue: ID(i%20 + 1), Slots: make([]uint32, fullBytes/40)}}}
		if _, err := q.Publish(m, &delivery{o: o, m: m}); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	l.fill(true)
	tries := 1
	for ; ; tries++ {
		l.room = 3
		if err = q.round(t.Context()); err == nil || tries == 100 {
			break
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("round: %v", err)
		}
	}
	if err != nil || tries < 5 {
		t.Errorf("%d rounds of three batches, the last: %v", tries, err)
	}
	for k, n := range l.puts {
		if strings.HasPrefix(k, string(q.snapshotPrefix())) && n != 1 {
			t.Errorf("snapshot %q was written %d times", k, n)
		}
	}
	l.room = -1
	l = l.crash(len(l.pending))
	after := newOffice()
	for id := range o.queues {
		after.queues[id] = newInbox()
	}
	if q, err = Open(l, store.LogID{Namespace: "n"}, fullOptions, after); err != nil || q.Stats().Replayed != 0 {
		t.Fatalf("Open: %v; %+v", err, q.Stats())
	}
	for id, b := range o.queues {
		if got := len(after.queues[id].items); got != len(b.items) {
			t.Errorf("queue %d has %d messages, want %d", id, got, len(b.items))
		}
	}
}
