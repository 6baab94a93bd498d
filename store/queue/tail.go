package queue

import (
	"sync"

	"gridmq/store"
)

// The tail is where entries are appended, and what has to be counted in the
// order of the log. Its lock is a leaf: nothing is called under it but
// store.Submit, which does not block.
type tail struct {
	mu      sync.Mutex
	batch   store.Batch
	scratch []byte         // for the entries of events
	next    store.Position // of the next entry
	mark    store.Position // start-up replays from here; durable
	spans   spans
	dirty   idSet  // queues changed since their snapshot was begun
	since   work   // since the last snapshot round
	cost    int    // of reading back what the last round wrote, in pointers
	paid    uint64 // of stats.Lost: a round has made up for them
	stats   Stats
}

// work is what start-up would have to replay.
type work struct {
	entries  int
	pointers int
	bytes    int64
}

// submit appends the batch, whose entries are messages for live pointers
// each. It empties the batch in any case. mu is held.
func (t *tail) submit(st store.Store, live int) (store.Position, store.Ticket, error) {
	first, ticket, err := st.Submit(&t.batch)
	if err == nil {
		for i, e := range t.batch.Entries {
			pos := first + store.Position(i)
			t.spans.append(pos, int64(len(e)), int64(live))
			t.next = pos + 1
			t.since.bytes += int64(len(e))
		}
		t.since.entries += len(t.batch.Entries)
		t.since.pointers += live * len(t.batch.Entries)
	}
	// Payloads and documents of callers must not be kept alive.
	clear(t.batch.Entries)
	clear(t.batch.Ops)
	t.batch.Reset()
	return first, ticket, err
}

// event appends one entry that concerns id: a few bytes, with which a message
// comes nearer to its end. mu is held.
func (t *tail) event(st store.Store, id ID, entry []byte) (store.Ticket, error) {
	t.scratch = entry[:0]
	t.dirty.add(id)
	t.batch.Entries, t.batch.Frees = append(t.batch.Entries, entry), true
	_, ticket, err := t.submit(st, 0)
	return ticket, err
}

// shrink empties a scratch buffer and keeps its memory bounded.
func shrink(b []byte) []byte {
	if cap(b) > 1<<20 {
		return nil
	}
	return b[:0]
}
