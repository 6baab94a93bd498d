package identity

import (
	"strings"
	"sync"
)

// A table finds the records of one shard by one of their two names. It is a hash
// table with linear probing whose slots are pointers, about 11 bytes a record; a
// Go map with string keys takes 38, twice.
type table struct {
	mu    sync.RWMutex
	slots []*record
	n     int
	by    keyKind
}

// A keyKind says which name a table is for.
type keyKind uint8

const (
	byName keyKind = iota
	byAuthenticationName
)

const minSlots = 8

// home is where a record with this hash is looked for first. The shard took the
// low bits of the hash, this takes the high ones.
func (t *table) home(hash uint32) int { return int(uint64(hash) * uint64(len(t.slots)) >> 32) }

// get returns the record with this name, or nil. t.mu is held.
func (t *table) get(hash uint32, name string) *record {
	if i := t.find(hash, name); i >= 0 {
		return t.slots[i]
	}
	return nil
}

func (t *table) find(hash uint32, name string) int {
	if t.n == 0 {
		return -1
	}
	for i := t.home(hash); t.slots[i] != nil; i = t.after(i) {
		if r := t.slots[i]; t.hash(r) == hash && t.isNamed(r, name) {
			return i
		}
	}
	return -1
}

func (t *table) after(i int) int {
	if i++; i == len(t.slots) {
		return 0
	}
	return i
}

func (t *table) hash(r *record) uint32 { return r.hashes[t.by] }

func (t *table) isNamed(r *record, name string) bool {
	if t.by == byName {
		return r.name() == name
	}
	return strings.EqualFold(r.authenticationName(), name)
}

// set puts r in, in place of the record with the same name.
func (t *table) set(r *record, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := t.find(t.hash(r), name); i >= 0 {
		t.slots[i] = r
		return
	}
	if 5*(t.n+1) > 4*len(t.slots) {
		t.resize(max(minSlots, len(t.slots)+len(t.slots)/4+1))
	}
	t.place(r)
	t.n++
}

func (t *table) place(r *record) {
	i := t.home(t.hash(r))
	for t.slots[i] != nil {
		i = t.after(i)
	}
	t.slots[i] = r
}

func (t *table) resize(size int) {
	old := t.slots
	t.slots = make([]*record, size)
	for _, r := range old {
		if r != nil {
			t.place(r)
		}
	}
}

// remove takes r out.
func (t *table) remove(r *record, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	gap := t.find(t.hash(r), name)
	if gap < 0 || t.slots[gap] != r {
		return
	}
	// What stands behind the gap and could not be found over it moves into it.
	for i := t.after(gap); t.slots[i] != nil; i = t.after(i) {
		home := t.home(t.hash(t.slots[i]))
		if between := gap < home && home <= i || i < gap && (gap < home || home <= i); !between {
			t.slots[gap] = t.slots[i]
			gap = i
		}
	}
	t.slots[gap] = nil
	if t.n--; len(t.slots) > minSlots && 4*t.n < len(t.slots) {
		t.resize(max(minSlots, 2*t.n))
	}
}

// all copies the records, so that nobody holds the lock while looking at them.
func (t *table) all(into []*record) []*record {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, r := range t.slots {
		if r != nil {
			into = append(into, r)
		}
	}
	return into
}
