package queue

import (
	"context"
	"fmt"

	"gridmq/store"
)

// A gap is a range of the log that is not needed any more.
type gap struct{ from, to store.Position }

// reclaim gives back the ranges before the mark that nobody points into.
func (q *Queues) reclaim(ctx context.Context) error {
	if q.owes() {
		return nil
	}
	var gaps []gap
	t := &q.tail
	t.mu.Lock()
	n := t.spans.takeEmpty(t.mark, func(from, to store.Position) { gaps = append(gaps, gap{from, to}) })
	t.stats.Reclaimed += uint64(n)
	t.mu.Unlock()
	if len(gaps) == 0 {
		return nil
	}
	// What emptied the ranges must be as durable as their removal: else a
	// pointer could come back to nothing.
	if err := q.st.Sync(ctx); err != nil {
		return fmt.Errorf("reclaim: %w", err)
	}
	return q.truncate(gaps)
}

func (q *Queues) truncate(gaps []gap) error {
	for _, g := range gaps {
		if err := q.st.Truncate(q.log, g.from, g.to); err != nil {
			return fmt.Errorf("truncate [%d, %d): %w", g.from, g.to, err)
		}
	}
	return nil
}

// copyForward moves what is left of old ranges that are nearly empty to the
// end of the log. hard ignores their age.
func (q *Queues) copyForward(ctx context.Context, hard bool) error {
	if q.o.CopyForwardBelow < 0 {
		return q.reclaim(ctx)
	}
	for after := store.Position(0); ; {
		sp, ok := q.nearlyEmpty(after, hard)
		if !ok {
			return q.reclaim(ctx)
		}
		after = sp.end
		if err := q.copyRange(ctx, sp); err != nil {
			return fmt.Errorf("copy forward [%d, %d): %w", sp.first, sp.end, err)
		}
		q.flushDones() // they are not to wait for all of this
	}
}

// nearlyEmpty returns the first span from after on that is worth a look.
func (q *Queues) nearlyEmpty(after store.Position, hard bool) (span, bool) {
	t := &q.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := t.mark
	if !hard {
		limit -= min(limit, store.Position(q.o.CopyForwardAge))
	}
	for _, sp := range t.spans.list {
		if sp.end > limit {
			break
		}
		if sp.first >= after && q.mayCopy(&sp) {
			return sp, true
		}
	}
	return span{}, false
}

// mayCopy says whether what is left of sp is so little that it is worth a look.
func (q *Queues) mayCopy(sp *span) bool {
	few := sp.live > 0 && sp.live*100 < int64(sp.end-sp.first)*int64(q.o.CopyForwardBelow)
	return few && (sp.tried == 0 || sp.live <= sp.tried/2)
}

// A survivor is a message that somebody still points to.
type survivor struct {
	pos    store.Position
	record []byte
	ids    []ID
}

// copyRange copies the messages that sp's holders still want and moves their
// pointers. The range goes when nothing points into it any more; a pointer
// that was not found (on its way between two queues) keeps it.
func (q *Queues) copyRange(ctx context.Context, sp span) error {
	found, err := q.holders(ctx, sp, int(sp.live)+askAtOnce)
	if err != nil {
		return err
	}
	survivors, bytes := q.survivors(found)
	if bytes > sp.bytes/2 {
		q.setTried(sp)
		return nil
	}
	for len(survivors) > 0 {
		n, err := q.copySome(ctx, survivors)
		if err != nil {
			return err
		}
		survivors = survivors[n:]
	}
	q.setTried(sp)
	return nil
}

// setTried notes that what is left of sp is not worth another look soon.
func (q *Queues) setTried(sp span) {
	q.tail.mu.Lock()
	defer q.tail.mu.Unlock()
	if now := q.tail.spans.find(sp.first); now != nil {
		now.tried = now.live
	}
}

// survivors reads the messages of found. Holders of what cannot be read lose it.
func (q *Queues) survivors(found []holder) (list []survivor, bytes int64) {
	for len(found) > 0 {
		s := survivor{pos: found[0].pos}
		for len(found) > 0 && found[0].pos == s.pos {
			s.ids, found = append(s.ids, found[0].id), found[1:]
		}
		entry, err := q.st.ReadAt(q.log, s.pos)
		if err == nil {
			s.record, err = recordOf(entry)
		}
		if err != nil {
			q.dropDamaged(s, err)
			continue
		}
		list = append(list, s)
		bytes += int64(len(s.record))
	}
	return list, bytes
}

// copyAtOnce bounds the bytes that are copied before their pointers are moved.
const copyAtOnce = 1 << 20

// copySome copies the first n of list, waits until they are durable and moves
// the pointers.
func (q *Queues) copySome(ctx context.Context, list []survivor) (n int, err error) {
	enc := encoders.Get().(*encoder)
	defer enc.release()
	enc.out = enc.out[:0]
	var ends []int
	for n < len(list) && len(enc.out) < q.atOnce(copyAtOnce) {
		enc.moved(uint64(list[n].pos), list[n].ids, list[n].record)
		ends = append(ends, len(enc.out))
		n++
	}
	defer q.moved()
	first, err := q.submitMoved(list[:n], enc.out, ends)
	if err != nil {
		return 0, err
	}
	if err := q.st.Sync(ctx); err != nil {
		return 0, err
	}
	for i, s := range list[:n] {
		q.movePointers(s, first+store.Position(i))
	}
	return n, nil
}

// submitMoved appends the copies of list. From then on until the pointers are
// moved, Assign uses the copies.
func (q *Queues) submitMoved(list []survivor, entries []byte, ends []int) (store.Position, error) {
	q.order.Lock()
	defer q.order.Unlock()
	t := &q.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	t.batch.Frees = true // far more goes than comes, see copyRange
	at := 0
	for _, end := range ends {
		t.batch.Entries = append(t.batch.Entries, entries[at:end])
		at = end
	}
	first, _, err := t.submit(q.st, 0)
	if err != nil {
		return 0, err
	}
	t.stats.CopiedForward += uint64(len(ends))
	q.moving = make(map[store.Position]store.Position, len(list))
	for i, s := range list {
		q.moving[s.pos] = first + store.Position(i)
	}
	return first, nil
}

func (q *Queues) moved() {
	q.order.Lock()
	defer q.order.Unlock()
	q.moving = nil
}

// sameMax bounds how often one queue is believed to hold one message: its own
// subscription, and every group that may give it the message.
const sameMax = 1 << 12

// movePointers tells the holders of s, a few at a time.
func (q *Queues) movePointers(s survivor, to store.Position) {
	for ids := s.ids; len(ids) > 0; {
		n := min(len(ids), askAtOnce)
		q.order.Lock()
		for _, id := range ids[:n] {
			for i := 0; i < sameMax && q.owner.Holds(id, s.pos); i++ {
				q.movePointer(id, s.pos, to)
			}
		}
		q.order.Unlock()
		ids = ids[n:]
	}
}

// movePointer moves one pointer. Its queue may finish with the message at any
// moment, under either position, so until it is known whether the pointer has
// moved both positions count it. The order lock is held.
func (q *Queues) movePointer(id ID, from, to store.Position) {
	t := &q.tail
	t.mu.Lock()
	t.spans.count(to, 1)
	t.dirty.add(id)
	t.mu.Unlock()

	left := to
	if q.owner.Moved(id, from, to) { // from now on its end is told under to
		q.forwarded.add(id, from, to)
		left = from
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spans.count(left, -1)
}

// dropDamaged takes a message that cannot be read away from its holders.
func (q *Queues) dropDamaged(s survivor, why error) {
	q.o.Logger.Error("message was lost", "position", uint64(s.pos), "queues", len(s.ids), "error", why)
	q.order.Lock()
	defer q.order.Unlock()
	for _, id := range s.ids {
		q.drop(id, s.pos, why)
	}
	q.tail.mu.Lock()
	defer q.tail.mu.Unlock()
	q.tail.stats.Damaged++
}

// drop tells the owner that the message at pos is gone, as often as the queue
// holds it. The order lock is held.
func (q *Queues) drop(id ID, pos store.Position, why error) (n int) {
	for n < sameMax && q.owner.Holds(id, pos) {
		q.owner.Dropped(id, pos, why)
		n++
	}
	t := &q.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dirty.add(id)
	t.stats.Dropped += uint64(n)
	return n
}
