package queue

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// The targets of a message are written as groups that share flags and slots,
// and in a group as ascending identifiers: deltas, or a roaring bitmap where
// that is smaller (a broadcast to neighbours is a few bytes).

// maxTargets bounds what one entry may claim to have: a few bytes of bitmap
// can stand for billions.
const maxTargets = 1 << 24

// appendGroup writes one group; ids ascend and are not empty.
func appendGroup(b []byte, flags uint8, slots []uint32, ids []ID) []byte {
	base, size, ok := bitmapSize(ids)
	bitmap := ok && size < listSize(ids)
	header := uint64(len(ids)) << 1
	if bitmap {
		header |= 1
	}
	b = binary.AppendUvarint(b, header)
	b = appendMarks(b, flags, slots)
	if bitmap {
		b = binary.AppendUvarint(b, uint64(base))
		b = binary.AppendUvarint(b, uint64(size))
		return appendBitmap(b, ids, base)
	}
	last := ID(0)
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(id-last))
		last = id
	}
	return b
}

// listSize is the number of bytes of ids as deltas.
func listSize(ids []ID) (n int) {
	last := ID(0)
	for _, id := range ids {
		n += uvarintSize(uint64(id - last))
		last = id
	}
	return n
}

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// appendMarks writes what a group of targets shares.
func appendMarks(b []byte, flags uint8, slots []uint32) []byte {
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(len(slots)))
	for _, s := range slots {
		b = binary.AppendUvarint(b, uint64(s))
	}
	return b
}

func readMarks(r *reader, in *interner) (flags uint8, slots []uint32) {
	flags = r.byte()
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return flags, nil
	}
	raw := r.b
	for range n {
		r.uint32()
	}
	if r.bad {
		return flags, nil
	}
	return flags, in.slots(raw[:len(raw)-len(r.b)], int(n))
}

// eachTarget calls visit for every target. Slots are shared and must not be
// changed; they may be kept. Targets before the damage have been visited when
// it returns an error, so check first where that matters (see checkTargets).
func eachTarget(groups []byte, in *interner, visit func(id ID, flags uint8, slots []uint32)) error {
	r := reader{b: groups}
	total := uint64(0)
	for len(r.b) > 0 {
		header := r.uvarint()
		flags, slots := readMarks(&r, in)
		n := header >> 1
		if total += n; n == 0 || n > maxTargets || total > maxTargets {
			return errEntry
		}
		if header&1 == 0 {
			if n > uint64(len(r.b)) {
				return errEntry
			}
			last := ID(0)
			for i := range n {
				d := ID(r.uvarint())
				if r.bad || d == 0 && i > 0 || last+d < last {
					return errEntry
				}
				last += d
				visit(last, flags, slots)
			}
			continue
		}
		base := ID(r.uvarint())
		set := r.take(r.uvarint())
		if r.bad || base > 1<<64-1<<32 {
			return errEntry
		}
		if err := eachInBitmap(set, n, func(v uint32) { visit(base+ID(v), flags, slots) }); err != nil {
			return err
		}
	}
	return r.end()
}

func eachInBitmap(set []byte, n uint64, visit func(v uint32)) error {
	var bm roaring.Bitmap
	used, err := bm.ReadFrom(bytes.NewReader(set))
	if err != nil || used != int64(len(set)) || bm.Validate() != nil || bm.GetCardinality() != n {
		return errEntry
	}
	bm.Iterate(func(v uint32) bool { visit(v); return true })
	return nil
}

// An interner shares the slices of slots that repeat: most do.
type interner struct {
	known map[string][]uint32
}

// slots decodes n slots that are known to be well formed.
func (in *interner) slots(raw []byte, n int) []uint32 {
	if n == 0 {
		return nil
	}
	if s, ok := in.known[string(raw)]; ok {
		return s
	}
	s := make([]uint32, n)
	r := reader{b: raw}
	for i := range s {
		s[i] = r.uint32()
	}
	if len(in.known) >= 4096 || n > 16 {
		return s
	}
	if in.known == nil {
		in.known = make(map[string][]uint32)
	}
	in.known[string(raw)] = s
	return s
}

// An encoder turns messages into entries. Its memory is reused.
type encoder struct {
	out    []byte
	groups []group
	of     []int32 // the group of each target
	ids    []ID    // sorted by group
	byHash map[uint64]int32
}

type group struct {
	flags uint8
	slots []uint32
	n, at int
	next  int32 // with the same hash; -1 none
}

// message encodes m. The targets are counted once each.
func (e *encoder) message(m *Message) {
	e.out = append(e.out[:0], head(kindMessage), 0)
	if m.Claim != (Claim{}) {
		e.out[1] = flagClaim
		e.out = binary.AppendUvarint(e.out, uint64(m.Claim.Queue))
		e.out = binary.AppendUvarint(e.out, uint64(m.Claim.PacketID))
	}
	e.targets(m.Targets)
	e.out = append(e.out, m.Record...)
}

// moved encodes the record that was at from for ids, which ascend.
func (e *encoder) moved(from uint64, ids []ID, record []byte) {
	e.out = append(e.out, head(kindMoved))
	e.out = binary.AppendUvarint(e.out, from)
	start := e.skipLength()
	e.out = appendGroup(e.out, 0, nil, ids)
	e.putLength(start)
	e.out = append(e.out, record...)
}

// lengthSize is the room kept for the length of the targets, which is known
// only afterwards. A padded varint is read like any other.
const lengthSize = 5

func (e *encoder) skipLength() (start int) {
	e.out = append(e.out, 0, 0, 0, 0, 0)
	return len(e.out)
}

// putLength writes the length into the room before start: one byte where that
// is enough and nothing has to be moved for it.
func (e *encoder) putLength(start int) {
	n := len(e.out) - start
	if size := uvarintSize(uint64(n)); size < lengthSize && n < 1024 {
		copy(e.out[start-lengthSize+size:], e.out[start:])
		binary.PutUvarint(e.out[start-lengthSize:], uint64(n))
		e.out = e.out[:start-lengthSize+size+n]
		return
	}
	for i := range lengthSize - 1 {
		e.out[start-lengthSize+i] = byte(n>>(7*i)) | 0x80
	}
	e.out[start-1] = byte(n >> (7 * (lengthSize - 1)))
}

// targets appends the groups of ts with their length; e.ids holds them after.
func (e *encoder) targets(ts []Target) {
	start := e.skipLength()
	e.sort(ts)
	for i := range e.groups {
		g := &e.groups[i]
		e.out = appendGroup(e.out, g.flags, g.slots, e.ids[g.at:g.at+g.n])
		g.slots = nil
	}
	e.putLength(start)
}

// sort fills groups and ids.
func (e *encoder) sort(ts []Target) {
	e.groups, e.ids = e.groups[:0], slices.Grow(e.ids[:0], len(ts))[:len(ts)]
	if len(ts) == 0 {
		return
	}
	e.assign(ts)
	at := 0
	for i := range e.groups {
		g := &e.groups[i]
		g.at, at, g.n = at, at+g.n, 0
	}
	for i := range ts {
		g := &e.groups[e.of[i]]
		e.ids[g.at+g.n] = ts[i].Queue
		g.n++
	}
	for i := range e.groups {
		g := &e.groups[i]
		ids := e.ids[g.at : g.at+g.n]
		slices.Sort(ids)
		g.n = len(slices.Compact(ids))
	}
}

// assign finds the group of each target. One group is the common case.
func (e *encoder) assign(ts []Target) {
	e.of = slices.Grow(e.of[:0], len(ts))[:len(ts)]
	e.groups = append(e.groups, group{flags: ts[0].Flags, slots: ts[0].Slots, next: -1})
	last := int32(0)
	hashed := false
	for i := range ts {
		if g := &e.groups[last]; !g.same(&ts[i]) {
			if !hashed {
				hashed = true
				if e.byHash == nil {
					e.byHash = make(map[uint64]int32)
				}
				clear(e.byHash)
				e.byHash[e.groups[0].hash()] = 0
			}
			last = e.find(&ts[i])
		}
		e.of[i] = last
		e.groups[last].n++
	}
}

func (e *encoder) find(t *Target) int32 {
	g := group{flags: t.Flags, slots: t.Slots, next: -1}
	h := g.hash()
	first, ok := e.byHash[h]
	if ok {
		for i := first; i >= 0; i = e.groups[i].next {
			if e.groups[i].same(t) {
				return i
			}
		}
		g.next = first
	}
	e.groups = append(e.groups, g)
	n := int32(len(e.groups) - 1)
	e.byHash[h] = n
	return n
}

func (g *group) same(t *Target) bool {
	return g.flags == t.Flags && slices.Equal(g.slots, t.Slots)
}

func (g *group) hash() uint64 {
	h := uint64(g.flags) + 1
	for _, s := range g.slots {
		h = (h ^ uint64(s)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}
