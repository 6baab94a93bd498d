package queue

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"gridmq/store"
)

// A Finder is an Owner that can say by itself who points into a range of the
// log. Without it the entries of the range are read and every target is asked
// (Holds), which is slow after broadcasts and does not find assigned messages:
// a range that has some then stays until they are done.
type Finder interface {
	// Find calls visit for the pointers to [from, to), in any order, until it
	// returns false. It is called without the order lock.
	Find(from, to store.Position, visit func(id ID, pos store.Position) bool)
}

// A holder is a queue with a pointer.
type holder struct {
	pos store.Position
	id  ID
}

const (
	askAtOnce  = 256     // targets asked under one hold of the order lock
	readAtOnce = 1 << 20 // bytes of targets read before they are asked
)

// holders returns those who point into sp, at most about limit, sorted.
func (q *Queues) holders(ctx context.Context, sp span, limit int) ([]holder, error) {
	var found []holder
	var err error
	if f, ok := q.owner.(Finder); ok {
		f.Find(sp.first, sp.end, func(id ID, pos store.Position) bool {
			found = append(found, holder{pos, id})
			return len(found) < limit
		})
	} else {
		found, err = q.askTargets(ctx, sp, limit)
	}
	slices.SortFunc(found, func(a, b holder) int {
		return cmp.Or(cmp.Compare(a.pos, b.pos), cmp.Compare(a.id, b.id))
	})
	return slices.Compact(found), err
}

// askTargets reads the entries of sp and asks their targets.
func (q *Queues) askTargets(ctx context.Context, sp span, limit int) (found []holder, err error) {
	type listed struct {
		pos     store.Position
		targets []byte
	}
	for at := sp.first; at < sp.end && len(found) < limit; {
		var list []listed
		size := 0
		next := sp.end
		err := q.st.Read(q.log, at, func(pos store.Position, entry []byte) bool {
			if pos >= sp.end {
				return false
			}
			if size >= readAtOnce {
				next = pos
				return false
			}
			if m, err := readMessage(entry); err == nil {
				list = append(list, listed{pos, bytes.Clone(m.targets)})
				size += len(m.targets) + 32
			}
			return true
		})
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			return nil, err
		}
		for _, l := range list {
			found = q.ask(l.pos, l.targets, found)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		at = next
	}
	return found, nil
}

// ask appends those of the targets that hold pos.
func (q *Queues) ask(pos store.Position, targets []byte, found []holder) []holder {
	ids := make([]ID, 0, askAtOnce)
	flush := func() {
		q.order.Lock()
		defer q.order.Unlock()
		for _, id := range ids {
			if q.owner.Holds(id, pos) {
				found = append(found, holder{pos, id})
			}
		}
		ids = ids[:0]
	}
	var in interner
	_ = eachTarget(targets, &in, func(id ID, _ uint8, _ []uint32) { // what is damaged is not held
		if ids = append(ids, id); len(ids) == askAtOnce {
			flush()
		}
	})
	flush()
	return found
}
