package pebble

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store/internal/commit"
)

// move sets a damaged record aside, if it is still the one that was found. A move
// without a key is a call for what was asked of the committer (ask).
func (w *writer) move(m commit.Move) {
	if m.Key == nil {
		for _, do := range (*Store)(w.e).mends.taken() {
			do(w)
		}
		return
	}
	value, closer, err := w.e.db.Get(m.Key)
	switch {
	case errors.Is(err, pebble.ErrNotFound), pebble.IsCorruptionError(err):
		return // removed meanwhile; or it is for cutTable
	case err != nil:
		w.note(err)
		return
	}
	defer closer.Close()
	if check(m.Key, value) == nil {
		return // written again meanwhile
	}
	q := append([]byte{quarantineSpace}, m.Key...)
	w.note(w.b.Set(q, quarantined(m.Damage.Reason, value), nil))
	w.note(w.b.Delete(m.Key, nil))
}
