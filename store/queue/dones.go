package queue

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"gridmq/store"
)

// maxDones bounds the Done calls that wait; at the bound the caller writes them.
const maxDones = 1 << 16

// A finished message: its pointer does not count any more.
type finished struct {
	id  ID
	seq uint64
	pos store.Position
}

// dones are the Done calls that were not written yet.
type dones struct {
	mu       sync.Mutex // a leaf
	items    []finished
	flushing sync.Mutex // over the writing of spare; before mu and tail.mu
	spare    []finished
	out      []byte
}

// add notes one; first when there was none, full when they must be written now.
func (d *dones) add(f finished) (first, full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.items = append(d.items, f)
	return len(d.items) == 1, len(d.items) >= maxDones
}

func (d *dones) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.items)
}

// take swaps the buffers. flushing is held.
func (d *dones) take() []finished {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.items
	if cap(d.spare) > 1024 && cap(d.spare) > 8*len(taken) {
		d.spare = nil // a burst is over
	}
	d.items, d.spare = d.spare[:0], taken
	return taken
}

// flushDones writes what waits as one entry and counts it. When even the slack of
// a full store is used up the entry is given up: the next snapshot round says the
// same, and nothing is reclaimed before it (owes).
func (q *Queues) flushDones() {
	d := &q.dones
	d.flushing.Lock()
	defer d.flushing.Unlock()
	items := d.take()
	if len(items) == 0 {
		return
	}
	sortDones(items)
	d.out = appendDones(shrink(d.out), items)
	written := len(d.out) > 1 // else there was nothing but seq 0

	t := &q.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range items {
		t.spans.count(f.pos, -1)
		t.dirty.add(f.id)
	}
	if !written {
		return
	}
	t.batch.Entries, t.batch.Frees = append(t.batch.Entries, d.out), true
	if _, _, err := t.submit(q.st, 0); err != nil {
		t.stats.Lost += uint64(len(items))
		q.wake()
	}
}

// owes says whether Done calls were given up that no round has made up for. A
// crash brings their pointers back, so what they point to must still be there.
func (q *Queues) owes() bool {
	q.tail.mu.Lock()
	defer q.tail.mu.Unlock()
	return q.tail.stats.Lost > q.tail.paid
}

func sortDones(items []finished) {
	slices.SortFunc(items, func(a, b finished) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.seq, b.seq))
	})
}

// appendDones writes a done entry: for each queue its runs of seqs, both
// ascending and delta-coded. items are sorted; seq 0 is left out.
func appendDones(b []byte, items []finished) []byte {
	b = append(b, head(kindDone))
	last := ID(0)
	for len(items) > 0 {
		id, n := items[0].id, 1
		for n < len(items) && items[n].id == id {
			n++
		}
		of := items[:n]
		items = items[n:]
		for len(of) > 0 && of[0].seq == 0 {
			of = of[1:]
		}
		if len(of) > 0 {
			b = binary.AppendUvarint(b, uint64(id-last))
			b = appendRuns(b, of)
			last = id
		}
	}
	return b
}

func appendRuns(b []byte, items []finished) []byte {
	runs := 1
	for i := 1; i < len(items); i++ {
		if items[i].seq > items[i-1].seq+1 {
			runs++
		}
	}
	b = binary.AppendUvarint(b, uint64(runs))
	end := uint64(0) // of the last run, exclusive
	for len(items) > 0 {
		first, last, n := items[0].seq, items[0].seq, 1
		for n < len(items) && items[n].seq <= last+1 {
			last = items[n].seq
			n++
		}
		b = binary.AppendUvarint(b, first-end)
		b = binary.AppendUvarint(b, last-first)
		end, items = last+1, items[n:]
	}
	return b
}

// maxRun bounds what a run may claim: more than a queue can hold.
const maxRun = 1 << 24

// eachDone calls visit for every seq of a done entry.
func eachDone(entry []byte, visit func(id ID, seq uint64)) error {
	r := reader{b: entry[1:]}
	last, total := ID(0), uint64(0)
	for first := true; len(r.b) > 0; first = false {
		d := ID(r.uvarint())
		if last += d; last < d || d == 0 && !first {
			return errEntry
		}
		seq := uint64(0)
		for n := r.uvarint(); n > 0 && !r.bad; n-- {
			gap, more := r.uvarint(), r.uvarint()
			if total += more + 1; more >= maxRun || total > maxRun || seq+gap < seq || seq+gap+more < seq+gap {
				return errEntry
			}
			seq += gap
			if r.bad {
				break
			}
			for i := range more + 1 {
				visit(last, seq+i)
			}
			seq += more + 1
		}
	}
	return r.end()
}
