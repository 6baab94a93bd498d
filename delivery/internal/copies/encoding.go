package copies

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"gridmq/store"
)

// ErrEncoding says that bytes are no change or no snapshot.
var ErrEncoding = errors.New("delivery: not a journal entry or snapshot of this version")

// Append appends the change: docs/formats/eventlog.md.
func (x *Change) Append(b []byte) []byte {
	b = append(b, byte(x.Op))
	b = binary.AppendVarint(b, x.At)
	b = binary.AppendVarint(b, x.Until)
	b = append(b, x.Outcome)
	b = binary.AppendUvarint(b, uint64(x.Cursor))
	b = binary.AppendUvarint(b, uint64(len(x.Items)))
	before := store.Position(0)
	for _, i := range x.Items {
		b = binary.AppendVarint(b, int64(i.Pos-before))
		before = i.Pos
		if x.Op == Lock || x.Op == Leave {
			b = binary.AppendVarint(b, x.At-i.Published)
			b = append(b, byte(i.Count), byte(i.Reason))
		}
	}
	return b
}

// ReadChange reads what Append wrote, all of b.
func ReadChange(b []byte) (x Change, err error) {
	r := reading{b: b}
	x.Op = Op(r.byte())
	x.At, x.Until, x.Outcome = r.time(), r.time(), r.byte()
	x.Cursor = store.Position(r.uint())
	n := r.count(1)
	if x.Op == 0 || x.Op >= ops {
		return Change{}, ErrEncoding
	}
	before := store.Position(0)
	for range n {
		i := Item{Pos: before + store.Position(r.int())}
		if before = i.Pos; i.Pos == 0 || i.Pos > maxPosition {
			return Change{}, ErrEncoding
		}
		if x.Op == Lock || x.Op == Leave {
			i.Published, i.Count, i.Reason = x.At-r.int(), int(r.byte()), Reason(r.byte())
			r.refuse(i.Reason >= reasons || i.Published < 0 || i.Published > maxTime)
		}
		x.Items = append(x.Items, i)
	}
	if err := r.end(); err != nil {
		return Change{}, err
	}
	return x, nil
}

// hasBegan is set in the byte of the state of a copy whose first delivery was not the
// newest one: its begin follows.
const hasBegan = 0x80

// AppendSnapshot appends the state without the policy.
func (b *Book) AppendSnapshot(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(b.cursor))
	dst = binary.AppendUvarint(dst, uint64(len(b.copies)))
	before := store.Position(0)
	for _, pos := range slices.Sorted(maps.Keys(b.copies)) {
		c := b.copies[pos]
		dst = binary.AppendUvarint(dst, uint64(pos-before))
		before = pos
		dst = binary.AppendVarint(dst, c.Published)
		state := byte(c.State)
		if c.Began != c.First {
			state |= hasBegan
		}
		dst = append(dst, state, byte(c.Count), byte(c.Reason), c.Outcome)
		dst = binary.AppendVarint(dst, c.Until-c.Published)
		dst = binary.AppendVarint(dst, c.First-c.Published)
		if c.Began != c.First {
			dst = binary.AppendVarint(dst, c.Began-c.Published)
		}
	}
	return dst
}

// Restore reads what AppendSnapshot wrote, all of b.
func Restore(b []byte, p Policy) (*Book, error) {
	r := reading{b: b}
	book := New(store.Position(r.uint()), p)
	before := store.Position(0)
	for range r.count(8) {
		c := &Copy{Pos: before + store.Position(r.uint()), Published: r.time()}
		r.refuse(c.Pos <= before || c.Pos >= book.cursor || c.Pos > maxPosition)
		before = c.Pos
		state := r.byte()
		c.State, c.Count, c.Reason, c.Outcome = State(state&^hasBegan), int(r.byte()), Reason(r.byte()), r.byte()
		c.Until, c.First = c.Published+r.int(), c.Published+r.int()
		if c.Began = c.First; state&hasBegan != 0 {
			c.Began = c.Published + r.int()
		}
		r.refuse(c.State == 0 || c.State >= states || c.Reason >= reasons)
		r.refuse(c.Until < 0 || c.Until > maxTime || c.First < 0 || c.First > maxTime || c.Began < 0 || c.Began > maxTime)
		if r.err != nil {
			return nil, r.err
		}
		book.copies[c.Pos] = c
		book.restored(c)
	}
	return book, r.end()
}

func (b *Book) restored(c *Copy) {
	switch c.State {
	case Available:
		b.line(c)
	case Leaving:
		b.leaving = append(b.leaving, c.Pos)
		b.left++
	}
	b.schedule(c)
}

const (
	maxTime     = 1 << 50 // ms; sums of two fit easily
	maxPosition = 1 << 62
)

// reading takes values off b; after the first that is not there all are zero.
type reading struct {
	b   []byte
	err error
}

func (r *reading) refuse(bad bool) {
	if bad && r.err == nil {
		r.err = ErrEncoding
	}
}

func (r *reading) byte() byte {
	if r.err != nil || len(r.b) == 0 {
		r.refuse(true)
		return 0
	}
	x := r.b[0]
	r.b = r.b[1:]
	return x
}

func (r *reading) uint() uint64 {
	x, n := binary.Uvarint(r.b)
	if r.err != nil || n <= 0 || x > maxPosition {
		r.refuse(true)
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reading) int() int64 {
	x, n := binary.Varint(r.b)
	if r.err != nil || n <= 0 || x > math.MaxInt64/2 || x < math.MinInt64/2 {
		r.refuse(true)
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reading) time() int64 {
	t := r.int()
	r.refuse(t < 0 || t > maxTime)
	return t
}

// count reads a number of things of at least size bytes each: not more than fit.
func (r *reading) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.b)/size) {
		r.refuse(true)
		return 0
	}
	return int(n)
}

func (r *reading) end() error {
	if r.err == nil && len(r.b) > 0 {
		return fmt.Errorf("%w: %d bytes too many", ErrEncoding, len(r.b))
	}
	return r.err
}
