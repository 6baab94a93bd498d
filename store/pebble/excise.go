package pebble

import (
	"bytes"
	"context"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// excise cuts positions that cannot be read out of their table. Left there, they
// would fail every compaction of it, which Pebble tries again at once and for
// ever, and nothing near them would be reclaimed.
//
// What is left of a table must end in the midst of a block, or Pebble looks into
// the next one. So the record in front is cut out as well, after it was written
// again in two, whose keys come before its own. A power cut in between leaves
// them side by side, which harms nobody.
func (s *Store) excise(id store.LogID, span commit.Span) {
	r := pebble.KeyRange{
		Start: appendPosition(nil, logSpace, id, span.From),
		End:   appendPosition(nil, logSpace, id, span.To),
	}
	key, err := s.halve(id, span.From)
	if key != nil {
		r.Start = key
	}
	if err == nil {
		err = s.db.Excise(context.Background(), r)
	}
	if err != nil {
		s.log.Error("unreadable records were left in their table", "namespace", id.Namespace,
			"partition", id.Partition, "first", span.From, "err", err)
	}
}

// halve writes the record that ends at end again, in two, and returns its key;
// nil when there is none that can be halved.
func (s *Store) halve(id store.LogID, end store.Position) (key []byte, err error) {
	it, err := s.db.NewIter(logBounds(id))
	if err != nil {
		return nil, err
	}
	defer it.Close()
	if !it.SeekGE(appendPosition(nil, logSpace, id, end-1)) {
		return nil, nil
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return nil, err
	}
	r, err := decode(it.Key(), value)
	if err != nil || r.end() != end || r.count < 2 {
		return nil, nil
	}
	b := s.db.NewBatch()
	defer b.Close()
	for _, half := range [][2]int{{0, r.count / 2}, {r.count / 2, r.count}} {
		k, v := r.part(id, half[0], half[1])
		if err := b.Set(k, v, nil); err != nil {
			return nil, err
		}
	}
	return bytes.Clone(it.Key()), b.Commit(pebble.Sync)
}
