package queue

import (
	"encoding/binary"
	"fmt"

	"gridmq/store"
)

// An entry starts with one byte: version in the high half, kind in the low one.
// docs/formats/store-queue.md draws them all.
const entryVersion = 1

type kind byte

const (
	kindMessage  kind = 1 // record with its targets
	kindMoved    kind = 2 // record copied forward, with the targets that still wanted it
	kindDone     kind = 3 // runs of seqs, several queues
	kindReceived kind = 4 // one seq
	kindRelease  kind = 5 // one packet identifier
	kindAssign   kind = 6 // a message goes from one queue to another
)

const flagClaim = 1 // of a message: a claim follows

func head(k kind) byte { return entryVersion<<4 | byte(k) }

// errEntry is what decoding says about any bytes that no encoder wrote.
var errEntry = fmt.Errorf("queue: malformed entry: %w", store.ErrDamaged)

// reader takes an entry apart. The first failure sticks; values after it are zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// uint32 and uint16 refuse what does not fit.
func (r *reader) uint32() uint32 {
	v := r.uvarint()
	if v > 1<<32-1 {
		r.fail()
	}
	return uint32(v)
}

func (r *reader) uint16() uint16 {
	v := r.uvarint()
	if v > 1<<16-1 {
		r.fail()
	}
	return uint16(v)
}

func (r *reader) fail() { r.bad, r.b = true, nil }

// end fails when bytes are left.
func (r *reader) end() error {
	if r.bad || len(r.b) > 0 {
		return errEntry
	}
	return nil
}

// kindOf reads the first byte.
func kindOf(entry []byte) (kind, error) {
	if len(entry) == 0 || entry[0]>>4 != entryVersion {
		return 0, errEntry
	}
	return kind(entry[0] & 15), nil
}

// A message entry, taken apart but for its targets. All parts alias the entry.
type messageEntry struct {
	claim   Claim
	from    store.Position // of a moved one
	targets []byte         // groups, see targets.go
	record  []byte
}

// readMessage takes a message or moved entry apart.
func readMessage(entry []byte) (m messageEntry, err error) {
	k, err := kindOf(entry)
	if err != nil {
		return m, err
	}
	r := reader{b: entry[1:]}
	switch k {
	case kindMessage:
		flags := r.byte()
		if flags&^flagClaim != 0 {
			r.fail()
		}
		if flags&flagClaim != 0 {
			m.claim = Claim{ID(r.uvarint()), r.uint16()}
		}
	case kindMoved:
		m.from = store.Position(r.uvarint())
	default:
		r.fail()
	}
	m.targets = r.take(r.uvarint())
	if r.bad {
		return messageEntry{}, errEntry
	}
	m.record = r.b
	return m, nil
}

// recordOf returns the record of a message or moved entry.
func recordOf(entry []byte) ([]byte, error) {
	m, err := readMessage(entry)
	return m.record, err
}

func appendReceived(b []byte, id ID, seq uint64) []byte {
	b = append(b, head(kindReceived))
	b = binary.AppendUvarint(b, uint64(id))
	return binary.AppendUvarint(b, seq)
}

func appendRelease(b []byte, id ID, packetID uint16) []byte {
	b = append(b, head(kindRelease))
	b = binary.AppendUvarint(b, uint64(id))
	return binary.AppendUvarint(b, uint64(packetID))
}

// readPair reads a received or release entry.
func readPair(entry []byte) (id ID, v uint64, err error) {
	r := reader{b: entry[1:]}
	id, v = ID(r.uvarint()), r.uvarint()
	return id, v, r.end()
}

// An assignEntry moves a message from one queue to another.
type assignEntry struct {
	group ID
	seq   uint64
	pos   store.Position
	to    Target
}

func (a *assignEntry) append(b []byte) []byte {
	b = append(b, head(kindAssign))
	b = binary.AppendUvarint(b, uint64(a.group))
	b = binary.AppendUvarint(b, a.seq)
	b = binary.AppendUvarint(b, uint64(a.pos))
	b = binary.AppendUvarint(b, uint64(a.to.Queue))
	return appendMarks(b, a.to.Flags, a.to.Slots)
}

func readAssign(entry []byte, in *interner) (a assignEntry, err error) {
	r := reader{b: entry[1:]}
	a.group, a.seq = ID(r.uvarint()), r.uvarint()
	a.pos, a.to.Queue = store.Position(r.uvarint()), ID(r.uvarint())
	a.to.Flags, a.to.Slots = readMarks(&r, in)
	return a, r.end()
}
