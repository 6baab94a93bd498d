package pebble

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
)

// Get is store.Store.Get.
func (s *Store) Get(key []byte) (store.Document, error) {
	if err := s.enter(); err != nil {
		return store.Document{}, err
	}
	defer s.gate.leave()
	var d store.Document
	var err error
	if e := s.view(func(f *flight) bool { return f.concerns(key) }, func() { d, err = s.get(key) }); e != nil {
		return d, e
	}
	return d, err
}

func (s *Store) get(key []byte) (store.Document, error) {
	k := appendDocument(make([]byte, 0, 1+len(key)), key)
	value, closer, err := s.db.Get(k)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return store.Document{}, store.ErrNotFound
	case pebble.IsCorruptionError(err):
		return store.Document{}, s.damaged(k, store.Damage{Reason: err.Error()})
	case err != nil:
		return store.Document{}, s.fail(err)
	}
	defer closer.Close()
	content, revision, err := decodeDocument(k, value)
	if err != nil {
		return store.Document{}, s.damaged(k, store.Damage{Reason: err.Error()})
	}
	return store.Document{Key: k[1:], Value: bytes.Clone(content), Revision: revision}, nil
}

// List is store.Store.List. What visit sees is one moment of the table.
func (s *Store) List(prefix, from []byte, visit func(store.Document) bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	lower := appendDocument(nil, prefix)
	upper := after(lower)
	if from != nil && bytes.Compare(from, prefix) >= 0 {
		lower = append(appendDocument(nil, from), 0) // the first key behind it
	}
	if upper != nil && bytes.Compare(lower, upper) >= 0 {
		return nil
	}
	var it *pebble.Iterator
	var err error
	if e := s.view(func(f *flight) bool { return f.touches(prefix) }, func() {
		it, err = s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	}); e != nil {
		return e
	}
	if err != nil {
		return s.fail(err)
	}
	var bad error
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			break // it.Close tells
		}
		content, revision, err := decodeDocument(it.Key(), value)
		if err != nil {
			bad = s.damaged(bytes.Clone(it.Key()), store.Damage{Reason: err.Error()})
			continue
		}
		if !visit(store.Document{Key: bytes.Clone(it.Key()[1:]), Value: bytes.Clone(content), Revision: revision}) {
			break
		}
	}
	if err := it.Close(); pebble.IsCorruptionError(err) {
		return s.damaged(lower, store.Damage{Reason: err.Error()})
	} else if err != nil {
		return s.fail(err)
	}
	return bad
}
