package copies

import (
	"container/heap"

	"gridmq/store"
)

// dueHeap has an entry for each copy whose time will come, and some that are over.
type dueHeap []dueEntry

type dueEntry struct {
	at  int64
	pos store.Position
}

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(dueEntry)) }
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// schedule makes the heap know when c is due next.
func (b *Book) schedule(c *Copy) {
	switch c.State {
	case Available:
		if at := b.Expiry(c.Published); c.Count < b.policy.MaxCount {
			b.remind(c, at)
		} else { // the policy has changed
			b.remind(c, 1)
		}
	case Locked:
		b.remind(c, c.Until)
	case Delayed: // a consumer's delay does not reach beyond the expiry (section 7)
		if b.policy.Patient {
			b.remind(c, c.Until)
		} else {
			b.remind(c, min(c.Until, b.Expiry(c.Published)))
		}
	default:
		c.due = 0
	}
}

func (b *Book) remind(c *Copy, at int64) {
	c.due = max(at, 1)
	heap.Push(&b.due, dueEntry{c.due, c.Pos})
	if len(b.due) > 64 && len(b.due) > 4*len(b.copies) { // mostly over: locks renewed, copies done
		live := b.due[:0]
		for _, e := range b.due {
			if b.counts(e) != nil {
				live = append(live, e)
			}
		}
		b.due = live
		heap.Init(&b.due)
	}
}

// counts is the copy that e is about, nil when e is over.
func (b *Book) counts(e dueEntry) *Copy {
	if c := b.copies[e.pos]; c != nil && c.due == e.at {
		return c
	}
	return nil
}

// Next is when Expire has something to do; 0: never, as things are.
func (b *Book) Next() int64 {
	for len(b.due) > 0 {
		if b.counts(b.due[0]) != nil {
			return b.due[0].at
		}
		heap.Pop(&b.due)
	}
	return 0
}

// Expire does what follows from the time: locks end, delays are over. Up to n copies
// that must leave for it are returned: they are nobody's meanwhile, and the caller
// applies a Leave or Done, or calls Postpone if that could not be written.
func (b *Book) Expire(now int64, n int) (leave []Item) {
	for len(leave) < n {
		at := b.Next()
		if at == 0 || at > now {
			return leave
		}
		c := b.copies[heap.Pop(&b.due).(dueEntry).pos]
		c.due = 0
		switch reason := b.verdict(c, now); {
		case reason != None:
			leave = append(leave, Item{Pos: c.Pos, Published: c.Published, Count: c.Count, Reason: reason})
		case c.State == Available:
			b.schedule(c)
		default:
			b.offer(c)
		}
	}
	return leave
}

// verdict is why c must leave at now, its lock or delay being over; None: it need not.
func (b *Book) verdict(c *Copy, now int64) Reason {
	switch {
	case c.Count >= b.policy.MaxCount:
		return UsedUp
	case now >= b.Expiry(c.Published):
		return Expired
	}
	return None
}

// Postpone has Expire return these again at the time.
func (b *Book) Postpone(items []Item, at int64) {
	for _, i := range items {
		if c := b.copies[i.Pos]; c != nil && c.State != Leaving {
			b.remind(c, at)
		}
	}
}

// offer makes c available.
func (b *Book) offer(c *Copy) {
	c.State, c.Until = Available, 0
	b.line(c)
	b.schedule(c)
}

// line lets c wait for its turn.
func (b *Book) line(c *Copy) {
	b.offers++
	c.offer = b.offers
	b.ready = append(b.ready, given{c.Pos, c.offer})
}
