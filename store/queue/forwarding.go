package queue

import (
	"slices"
	"sync"

	"gridmq/store"
)

// forwardMax bounds the pointers of one generation.
const forwardMax = 4096

// A forwarding remembers for a while which pointers were moved where, for a
// caller that looked a position up just before. Two generations, bounded.
type forwarding struct {
	mu       sync.Mutex // a leaf
	new, old map[store.Position]forward
	n        int // pointers in new
}

type forward struct {
	to  store.Position
	ids []ID
}

// add notes that id's pointer went from one position to another.
func (f *forwarding) add(id ID, from, to store.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n >= forwardMax {
		f.old, f.new, f.n = f.new, nil, 0
	}
	if f.new == nil {
		f.new = make(map[store.Position]forward)
	}
	x := f.new[from]
	x.to, x.ids = to, append(x.ids, id)
	f.new[from] = x
	f.n++
}

// pointer returns where id's pointer to pos is now.
func (f *forwarding) pointer(id ID, pos store.Position) store.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range 8 { // a pointer is rarely moved twice while somebody holds its place
		to, ok := f.step(id, pos)
		if !ok {
			break
		}
		pos = to
	}
	return pos
}

func (f *forwarding) step(id ID, pos store.Position) (store.Position, bool) {
	for _, m := range [...]map[store.Position]forward{f.new, f.old} {
		if x, ok := m[pos]; ok && slices.Contains(x.ids, id) {
			return x.to, true
		}
	}
	return 0, false
}

// message returns where a copy of the message at pos is.
func (f *forwarding) message(pos store.Position) (store.Position, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range [...]map[store.Position]forward{f.new, f.old} {
		if x, ok := m[pos]; ok {
			return x.to, true
		}
	}
	return 0, false
}
