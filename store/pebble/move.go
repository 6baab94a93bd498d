package pebble

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// move sets a damaged record aside, if it is still the one that was found.
func (w *writer) move(m commit.Move) {
	id, first, count, ok := parseRecord(m.Key)
	if s := (*Store)(w.e); ok && m.Key[0] == logSpace && !s.readable(id, first) {
		s.excise(id, commit.Span{From: first, To: first + store.Position(count)})
		w.setAside(m, nil)
		return
	}
	value, closer, err := w.e.db.Get(m.Key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return // removed meanwhile
	case pebble.IsCorruptionError(err): // cannot be read, only left behind
	case err != nil:
		w.note(err)
		return
	default:
		defer closer.Close()
		if check(m.Key, value) == nil {
			return // written again meanwhile
		}
	}
	w.setAside(m, value)
}

func (w *writer) setAside(m commit.Move, value []byte) {
	q := append([]byte{quarantineSpace}, m.Key...)
	w.note(w.b.Set(q, quarantined(m.Damage.Reason, value), nil))
	w.note(w.b.Delete(m.Key, nil))
}
