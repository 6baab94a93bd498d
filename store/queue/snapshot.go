package queue

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"gridmq/store"
)

const (
	snapshotVersion = 1
	markVersion     = 1

	holdTime    = 500 * time.Microsecond // a round holds the order lock no longer, but for one large queue
	holdBytes   = 256 << 10              // nor for more than this
	unsyncedMax = 4 << 20                // a round waits for the disk after this many bytes
	fullBytes   = 64 << 10               // of a batch on a full disk, which has little room

	// pointerCost is what a pointer costs in a snapshot, in bytes, roughly.
	pointerCost = 8
)

// due says whether a snapshot round is due: start-up would have to replay
// enough, and at least about as much as reading the last round's snapshots
// costs. tail.mu is held.
func (q *Queues) due() bool {
	s := &q.tail.since
	if s.entries < q.o.SnapshotEntries && s.bytes < q.o.SnapshotBytes && s.pointers < 10*q.o.SnapshotEntries {
		return false
	}
	return s.entries+s.pointers >= q.tail.cost
}

func (q *Queues) wakeIfDue() {
	if q.due() {
		q.wake()
	}
}

// round writes the state of every queue that changed since the last round, and
// then the mark from which start-up replays. A round that fails is made up for
// by the next one.
func (q *Queues) round(ctx context.Context) error {
	mark, taken, since, lost := q.begin()
	ids := taken.sorted()
	q.spare = taken
	if mark == q.markNow() && len(ids) == 0 {
		return nil
	}
	w := snapshotWriter{q: q}
	left, err := w.all(ctx, ids)
	if err == nil {
		err = q.writeMark(ctx, mark)
	}
	t := &q.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		for _, id := range left { // the others are stored, if not counted on yet
			t.dirty.add(id)
		}
		t.since.entries += since.entries
		t.since.pointers += since.pointers
		t.since.bytes += since.bytes
		return fmt.Errorf("snapshot round: %w", err)
	}
	t.mark, t.cost, t.paid = mark, w.bytes/pointerCost, lost
	t.stats.Rounds++
	t.stats.Snapshots += uint64(len(ids))
	t.stats.SnapshotBytes += uint64(w.bytes)
	return nil
}

// begin notes where a round starts: entries from mark on concern queues that
// are changed again. lost is how many Done calls it makes up for.
func (q *Queues) begin() (mark store.Position, dirty idSet, since work, lost uint64) {
	q.order.Lock()
	defer q.order.Unlock()
	t := &q.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	dirty, since = t.dirty, t.since
	t.dirty, t.since = q.spare, work{}
	t.spans.sealed = true // so that the mark lies between two spans
	return t.next, dirty, since, t.stats.Lost
}

func (q *Queues) markNow() store.Position {
	q.tail.mu.Lock()
	defer q.tail.mu.Unlock()
	return q.tail.mark
}

// A snapshotWriter writes the states of queues, a few at a time.
type snapshotWriter struct {
	q        *Queues
	buf      []byte // keys and values
	ends     []int  // of key, value, key, value ...; an empty value deletes
	batch    store.Batch
	bytes    int
	unsynced int
}

// all returns those of ids that it has not written: a full disk may stop it, and
// what it has written then need not be written again.
func (w *snapshotWriter) all(ctx context.Context, ids []ID) (left []ID, err error) {
	for len(ids) > 0 {
		n := w.collect(ids)
		if err := w.submit(); err != nil {
			return ids, err
		}
		ids = ids[n:]
		if w.unsynced >= unsyncedMax {
			if err := w.q.st.Sync(ctx); err != nil {
				return ids, err
			}
			w.unsynced = 0
		}
		if err := ctx.Err(); err != nil {
			return ids, err
		}
	}
	return nil, nil
}

// atOnce is how many bytes are written at once where n are usual.
func (q *Queues) atOnce(n int) int {
	if q.st.Full() {
		return min(n, fullBytes)
	}
	return n
}

// collect takes the state of the first n of ids under the order lock. The
// position stored with them is read first: what comes after it is replayed,
// although the state may know some events of that already.
func (w *snapshotWriter) collect(ids []ID) (n int) {
	w.buf, w.ends = shrink(w.buf), w.ends[:0]
	atOnce := w.q.atOnce(holdBytes)
	w.q.order.Lock()
	defer w.q.order.Unlock()
	start := time.Now()
	w.q.tail.mu.Lock()
	pos := w.q.tail.next
	w.q.tail.mu.Unlock()
	for n < len(ids) {
		w.add(ids[n], pos)
		n++
		if len(w.buf) >= atOnce || time.Since(start) >= holdTime {
			break
		}
	}
	return n
}

func (w *snapshotWriter) add(id ID, pos store.Position) {
	w.buf = w.q.appendSnapshotKey(w.buf, id)
	w.ends = append(w.ends, len(w.buf))
	state := append(w.buf, snapshotVersion)
	state = binary.AppendUvarint(state, uint64(pos))
	if state, ok := w.q.owner.AppendState(state, id); ok {
		w.buf = state
	}
	w.ends = append(w.ends, len(w.buf))
}

// submit hands over what was collected.
func (w *snapshotWriter) submit() error {
	w.batch.Reset()
	w.batch.Frees = true // the log goes only behind snapshots
	at := 0
	for i := 0; i < len(w.ends); i += 2 {
		key, value := w.buf[at:w.ends[i]], w.buf[w.ends[i]:w.ends[i+1]]
		if at = w.ends[i+1]; len(value) == 0 {
			w.batch.Delete(key)
		} else {
			w.batch.Put(key, value)
		}
	}
	if _, _, err := w.q.st.Submit(&w.batch); err != nil {
		return err
	}
	w.bytes += len(w.buf)
	w.unsynced += len(w.buf)
	return nil
}

// writeMark makes durable that start-up may begin at mark, and which spans
// before it are there.
func (q *Queues) writeMark(ctx context.Context, mark store.Position) error {
	q.tail.mu.Lock()
	doc := appendMark(nil, mark, q.tail.spans.list)
	q.tail.mu.Unlock()
	b := store.Batch{Frees: true}
	b.Put(q.markKey(), doc)
	if _, _, err := q.st.Submit(&b); err != nil {
		return err
	}
	return q.st.Sync(ctx)
}

// appendMark writes the mark with the spans that begin before it.
func appendMark(b []byte, mark store.Position, list []span) []byte {
	b = append(b, markVersion)
	b = binary.AppendUvarint(b, uint64(mark))
	at := store.Position(0)
	for _, sp := range list {
		if sp.first >= mark {
			break
		}
		b = binary.AppendUvarint(b, uint64(sp.first-at))
		b = binary.AppendUvarint(b, uint64(sp.end-sp.first))
		b = binary.AppendUvarint(b, uint64(sp.bytes))
		at = sp.end
	}
	return b
}

func readMark(b []byte) (mark store.Position, list []span, err error) {
	r := reader{b: b}
	if r.byte() != markVersion {
		return 0, nil, errEntry
	}
	mark = store.Position(r.uvarint())
	at := store.Position(0)
	for len(r.b) > 0 {
		sp := span{first: at + store.Position(r.uvarint())}
		sp.end = sp.first + store.Position(r.uvarint())
		sp.bytes = int64(r.uvarint())
		if sp.first < at || sp.end <= sp.first || sp.end > mark || sp.bytes < 0 {
			return 0, nil, errEntry
		}
		list = append(list, sp)
		at = sp.end
	}
	return mark, list, r.end()
}
