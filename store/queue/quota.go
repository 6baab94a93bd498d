package queue

import (
	"context"
	"fmt"
	"time"
)

// relieve makes room when the quota is nearly used up: what can be given back
// is, whatever its age, and with DropOldest the oldest ranges go until an
// eighth of the quota is free.
func (q *Queues) relieve(ctx context.Context) error {
	q.relieved = time.Now()
	defer q.pressure.Store(false) // the next message over the line sets it again
	if err := q.reclaim(ctx); err != nil {
		return err
	}
	if q.overQuota() {
		if err := q.round(ctx); err != nil {
			return err
		}
		if err := q.copyForward(ctx, true); err != nil {
			return err
		}
	}
	for q.o.Quota == DropOldest && q.overQuota() {
		sp, ok := q.oldest()
		if !ok {
			return nil
		}
		if err := q.dropRange(ctx, sp); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queues) overQuota() bool {
	q.tail.mu.Lock()
	defer q.tail.mu.Unlock()
	return q.tail.spans.held > q.o.QuotaBytes-q.o.QuotaBytes/8
}

// oldest returns the first span before the mark with live pointers.
func (q *Queues) oldest() (span, bool) {
	q.tail.mu.Lock()
	defer q.tail.mu.Unlock()
	for _, sp := range q.tail.spans.list {
		if sp.end <= q.tail.mark && sp.live > 0 {
			return sp, true
		}
	}
	return span{}, false
}

// dropAtOnce bounds the holders in memory while a range is dropped.
const dropAtOnce = 16 << 10

// dropRange removes a range that queues still point into, and tells them. The
// range is taken out of the mark first: a pointer that a crash brings back is
// then known to be lost.
func (q *Queues) dropRange(ctx context.Context, sp span) error {
	for {
		found, err := q.holders(ctx, sp, dropAtOnce)
		if err != nil {
			return err
		}
		dropped := 0
		for len(found) > 0 {
			n := min(len(found), askAtOnce)
			dropped += q.dropSome(found[:n])
			found = found[n:]
		}
		if dropped == 0 {
			break
		}
	}
	q.tail.mu.Lock()
	q.tail.spans.drop(sp.first)
	q.tail.stats.Reclaimed += uint64(sp.end - sp.first)
	q.tail.mu.Unlock()
	q.o.Logger.Warn("oldest messages were dropped by the quota", "namespace", q.log.Namespace,
		"first", uint64(sp.first), "last", uint64(sp.end-1), "bytes", sp.bytes)
	if err := q.writeMark(ctx, q.markNow()); err != nil {
		return fmt.Errorf("drop [%d, %d): %w", sp.first, sp.end, err)
	}
	return q.truncate([]gap{{sp.first, sp.end}})
}

func (q *Queues) dropSome(found []holder) (n int) {
	q.order.Lock()
	defer q.order.Unlock()
	for _, h := range found {
		n += q.drop(h.id, h.pos, ErrQuota)
	}
	return n
}

// mayRelieve bounds how often: a quota that stays used up must not cost a round
// per refused message. While it waits the pressure stays on, so that Publish
// does not wake Run again.
func (q *Queues) mayRelieve() (wait time.Duration) {
	q.tail.mu.Lock()
	grown := q.tail.since.bytes >= q.o.QuotaBytes/16
	q.tail.mu.Unlock()
	if grown {
		return 0
	}
	return time.Until(q.relieved.Add(relieveEvery))
}

// tellLost tells the owner what Open could not find.
func (q *Queues) tellLost() {
	lost := q.lost
	q.lost = nil
	for len(lost) > 0 {
		n := min(len(lost), askAtOnce)
		q.order.Lock()
		for _, l := range lost[:n] {
			if q.drop(l.id, l.pos, l.why) > 0 {
				q.o.Logger.Error("message was lost", "queue", uint64(l.id), "position", uint64(l.pos), "error", l.why)
			}
		}
		q.order.Unlock()
		lost = lost[n:]
	}
}
