package session

import "sort"

// A Queue is a sequence of items with ascending numbers. Finished items in the
// middle stay as place holders, so that a number leads to its item at once.
// When most are place holders they are squeezed out: one stuck message must not
// cost memory for every message that passes it.
type Queue struct {
	items ring[Item]
	seqs  ring[uint64] // the items' numbers once some were squeezed out; else empty
	base  uint64       // number of the oldest item
	next  uint64       // number of the item to come
	count int          // items that are not gone
	size  int          // their bytes
}

// NewQueue makes a queue whose first item will have the number first.
func NewQueue(first uint64) Queue { return Queue{base: first, next: first} }

// Base is the number of the oldest item, End the one of the next to come.
func (q *Queue) Base() uint64 { return q.base }

// End is the number that the next item will get.
func (q *Queue) End() uint64 { return q.next }

// Len is the number of items that are not finished, Size their bytes.
func (q *Queue) Len() int { return q.count }

// Size is the bytes of the items that are not finished.
func (q *Queue) Size() int { return q.size }

// sparse says whether numbers are missing between the items.
func (q *Queue) sparse() bool { return q.seqs.len() > 0 }

// seqAt is the number of the i-th item.
func (q *Queue) seqAt(i int) uint64 {
	if q.sparse() {
		return *q.seqs.at(i)
	}
	return q.base + uint64(i)
}

// seek is the index of the first item whose number is not below seq.
func (q *Queue) seek(seq uint64) int {
	n := q.items.len()
	switch {
	case seq <= q.base:
		return 0
	case seq >= q.next:
		return n
	case !q.sparse():
		return int(seq - q.base)
	}
	return sort.Search(n, func(i int) bool { return *q.seqs.at(i) >= seq })
}

// At returns an item; nil when the number is not in the queue.
func (q *Queue) At(seq uint64) *Item {
	if seq < q.base || seq >= q.next {
		return nil
	}
	if !q.sparse() {
		return q.items.at(int(seq - q.base))
	}
	if i := q.seek(seq); i < q.items.len() && *q.seqs.at(i) == seq {
		return q.items.at(i)
	}
	return nil
}

// Waiting returns the first item from seq on that was not sent; nil when there
// is none.
func (q *Queue) Waiting(seq uint64) (uint64, *Item) {
	for i := q.seek(seq); i < q.items.len(); i++ {
		if it := q.items.at(i); it.state == queued {
			return q.seqAt(i), it
		}
	}
	return 0, nil
}

// Each calls visit for the items that are not finished, the oldest first.
func (q *Queue) Each(visit func(seq uint64, it *Item)) {
	for i := range q.items.len() {
		if it := q.items.at(i); it.state != gone {
			visit(q.seqAt(i), it)
		}
	}
}

// Push appends an item and returns its number.
func (q *Queue) Push(it Item) uint64 {
	seq := q.next
	if q.items.len() == 0 {
		q.base = seq
	}
	q.items.push(it)
	if q.sparse() {
		q.seqs.push(seq)
	}
	q.next++
	if it.state != gone {
		q.count++
		q.size += int(it.Size)
	}
	return seq
}

// Finish marks an item as finished; false when it was already, or is unknown.
func (q *Queue) Finish(seq uint64) bool {
	it := q.At(seq)
	if it == nil || it.state == gone {
		return false
	}
	q.count--
	q.size -= int(it.Size)
	it.state, it.Msg = gone, nil
	q.trim()
	if n := q.items.len() - q.count; n > keepGone && n > q.count {
		q.squeeze()
	}
	return true
}

// keepGone is how many place holders are never worth squeezing out.
const keepGone = 64

// trim removes the finished items at the head.
func (q *Queue) trim() {
	for q.items.len() > 0 && q.items.at(0).state == gone {
		q.items.pop()
		if q.sparse() {
			q.seqs.pop()
		}
		q.base++
	}
	switch {
	case q.items.len() == 0:
		q.base = q.next
	case q.sparse():
		q.base = *q.seqs.at(0)
	}
}

// squeeze removes every finished item.
func (q *Queue) squeeze() {
	var items ring[Item]
	var seqs ring[uint64]
	q.Each(func(seq uint64, it *Item) {
		items.push(*it)
		seqs.push(seq)
	})
	q.items, q.seqs = items, seqs
}

// skip leaves out the next n numbers.
func (q *Queue) skip(n uint64) {
	if n == 0 {
		return
	}
	if q.items.len() == 0 {
		q.next += n
		q.base = q.next
		return
	}
	if !q.sparse() {
		for i := range q.items.len() {
			q.seqs.push(q.base + uint64(i))
		}
	}
	q.next += n
}

// find returns the number of the item at a place in the store. Places grow
// along a queue, except for the few that were copied forward.
func (q *Queue) find(pos uint64) (uint64, bool) {
	lo, hi := 0, q.items.len()
	for lo < hi {
		mid := (lo + hi) / 2
		if q.items.at(mid).Pos < pos {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for i := lo; i < q.items.len() && q.items.at(i).Pos == pos; i++ {
		if q.items.at(i).state != gone {
			return q.seqAt(i), true
		}
	}
	for i := range q.items.len() { // copied forward: places out of order
		if it := q.items.at(i); it.Pos == pos && it.state != gone {
			return q.seqAt(i), true
		}
	}
	return 0, false
}

// Find returns the number of the unfinished item at a place in the store.
func (q *Queue) Find(pos uint64) (seq uint64, ok bool) { return q.find(pos) }

// forget drops the messages that can be read from the store again.
func (q *Queue) forget() {
	for i := range q.items.len() {
		if it := q.items.at(i); it.Pos != 0 {
			it.Msg = nil
		}
	}
}
