package topic

import "sync/atomic"

// many holds many values so that adding or removing one costs the same however
// many there are: they lie in chunks, and one change touches one chunk.
//
// A value never moves from one chunk to another, since a reader that is under
// way might then miss it or see it twice. So chunks may become sparse; at some
// point all is packed anew, into another many.
type many[V comparable] struct {
	chunks atomic.Pointer[[]atomic.Pointer[chunk[V]]] // a chunk without values may be nil

	// For the one writer:
	where map[V]uint32 // number of the chunk with that value
	room  []uint32     // numbers of the chunks that are not full
	n     int          // numbers given to chunks
}

// A chunk grows in place and is replaced when a value goes: what a reader was
// once shown in it stays.
type chunk[V comparable] struct {
	n    atomic.Uint32
	vals [chunkLen]V
}

// chunkLen makes a chunk of values of 16 bytes 504 bytes long, which fills a size
// class of the allocator.
const chunkLen = 31

func newMany[V comparable](all []V) *many[V] {
	m := &many[V]{where: make(map[V]uint32, len(all))}
	chunks := make([]atomic.Pointer[chunk[V]], 1+len(all)/chunkLen)
	m.chunks.Store(&chunks)
	for _, v := range all {
		m.add(v)
	}
	return m
}

func (m *many[V]) appendTo(dst []V) []V {
	chunks := *m.chunks.Load()
	for i := range chunks {
		if c := chunks[i].Load(); c != nil {
			dst = append(dst, c.vals[:c.n.Load()]...)
		}
	}
	return dst
}

func (m *many[V]) add(v V) bool {
	if _, ok := m.where[v]; ok {
		return false
	}
	if len(m.room) == 0 {
		m.addChunk()
	}
	number := m.room[len(m.room)-1]
	at := &(*m.chunks.Load())[number]
	c := at.Load()
	if c == nil {
		c = new(chunk[V])
		at.Store(c)
	}
	n := c.n.Load()
	c.vals[n] = v
	c.n.Store(n + 1) // only now do readers see it
	if n+1 == chunkLen {
		m.room = m.room[:len(m.room)-1]
	}
	m.where[v] = number
	return true
}

// addChunk gives the next number to a chunk, still nil.
func (m *many[V]) addChunk() {
	old := *m.chunks.Load()
	if m.n == len(old) {
		chunks := make([]atomic.Pointer[chunk[V]], 2*len(old))
		for i := range old {
			chunks[i].Store(old[i].Load())
		}
		m.chunks.Store(&chunks)
	}
	m.room = append(m.room, uint32(m.n))
	m.n++
}

func (m *many[V]) remove(v V) bool {
	number, ok := m.where[v]
	if !ok {
		return false
	}
	delete(m.where, v)
	at := &(*m.chunks.Load())[number]
	old := at.Load()
	n := old.n.Load()
	if n == chunkLen {
		m.room = append(m.room, number)
	}
	if n == 1 {
		at.Store(nil)
		return true
	}
	c := new(chunk[V])
	kept := 0
	for _, w := range old.vals[:n] {
		if w != v {
			c.vals[kept] = w
			kept++
		}
	}
	c.n.Store(uint32(kept))
	at.Store(c)
	return true
}

// sparse says whether three quarters of the room are empty, so that packing anew
// is paid for by the removals since the last time.
func (m *many[V]) sparse() bool { return m.n > 2 && 4*len(m.where) < m.n*chunkLen }
