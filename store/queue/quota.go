package queue

import (
	"context"
	"fmt"
	"time"
)

// relieve makes room when the quota is nearly used up or the disk is full: what
// can be given back is, whatever its age, and with DropOldest the oldest ranges
// go until an eighth of the quota is free. It makes up for lost Done calls, too.
func (q *Queues) relieve(ctx context.Context) error {
	q.relieved = time.Now()
	defer q.pressure.Store(false) // the next message over the line sets it again
	if err := q.reclaim(ctx); err != nil {
		return err
	}
	over, full := q.overQuota(), q.st.Full()
	if over || full && q.roundPays() || q.owes() {
		if err := q.round(ctx); err != nil {
			return err
		}
	}
	if over || full {
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
	return q.o.QuotaBytes > 0 && q.tail.spans.held > q.o.QuotaBytes-q.o.QuotaBytes/8
}

// payLeast is what a round must give back to be worth while on a full disk.
const payLeast = 64 << 10

// roundPays says whether a round would let go of more than it writes, as far as
// that can be told. On a full disk it does not wait until start-up would take
// long: there is nothing to come that would make it due.
func (q *Queues) roundPays() bool {
	t := &q.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	price := t.cost
	if t.stats.Rounds == 0 { // everything may be dirty
		price = int(t.spans.live)
	}
	return q.gain() >= max(payLeast, int64(price)*pointerCost)
}

// gain is what could be given back, or nearly, if the mark were at the end of
// the log. tail.mu is held.
func (q *Queues) gain() (bytes int64) {
	list := q.tail.spans.list
	for i := len(list) - 1; i >= 0 && list[i].end > q.tail.mark; i-- {
		if sp := &list[i]; sp.live == 0 || q.mayCopy(sp) {
			bytes += sp.bytes
		}
	}
	return bytes
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

// mayRelieve bounds how often: a quota or a disk that stays used up must not cost
// a round per refused message. While it waits the pressure stays on, so that Publish
// does not wake Run again.
func (q *Queues) mayRelieve() (wait time.Duration) {
	q.tail.mu.Lock()
	grown := q.o.QuotaBytes > 0 && q.tail.since.bytes >= q.o.QuotaBytes/16
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
