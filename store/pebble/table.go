package pebble

import (
	"bytes"
	"cmp"
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
	if pebble.IsCorruptionError(err) {
		if e := s.mend(err); errors.Is(e, store.ErrClosed) {
			return store.Document{}, e
		}
		return store.Document{}, unreadable(appendDocument(nil, key), err)
	}
	if errors.Is(err, store.ErrNotFound) {
		k := appendDocument(nil, key)
		err = cmp.Or(s.damage.mayMiss(k, behind(k)), err)
	}
	return d, err
}

// get is Get. What Pebble cannot read is told in Pebble's words.
func (s *Store) get(key []byte) (store.Document, error) {
	k := appendDocument(make([]byte, 0, 1+len(key)), key)
	value, closer, err := s.db.Get(k)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return store.Document{}, store.ErrNotFound
	case pebble.IsCorruptionError(err):
		return store.Document{}, err
	case err != nil:
		return store.Document{}, s.fail(err)
	}
	defer closer.Close()
	content, revision, err := decodeDocument(k, value)
	if err != nil {
		return store.Document{}, s.damaged(k, value, err)
	}
	return store.Document{Key: k[1:], Value: bytes.Clone(content), Revision: revision}, nil
}

// List is store.Store.List. What visit sees is one moment of the table; where
// documents cannot be read, those behind are seen as they are a moment later.
func (s *Store) List(prefix, from []byte, visit func(store.Document) bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	l := listing{s: s, prefix: prefix, lower: appendDocument(nil, prefix), visit: visit}
	l.upper = after(l.lower)
	if from != nil && bytes.Compare(from, prefix) >= 0 {
		l.lower = behind(appendDocument(nil, from))
	}
	missing := s.damage.mayMiss(l.lower, l.upper)
	return cmp.Or(l.all(), missing)
}

// A listing goes through the documents under a prefix in order.
type listing struct {
	s            *Store
	prefix       []byte
	lower, upper []byte // what is left to be visited
	visit        func(store.Document) bool
	bad          error // damage met
}

// all visits the documents, and passes over those that cannot be read.
func (l *listing) all() error {
	for stuck := []byte(nil); l.upper == nil || bytes.Compare(l.lower, l.upper) < 0; {
		err := l.run()
		switch {
		case err == nil:
			return l.bad
		case !pebble.IsCorruptionError(err):
			return err
		}
		l.bad = unreadable(l.lower, err)
		e := l.s.mend(err)
		if errors.Is(e, store.ErrClosed) {
			return e
		}
		if e == nil && !bytes.Equal(stuck, l.lower) {
			stuck = l.lower
			continue
		}
		to, ok := l.s.damage.round(l.lower)
		if !ok {
			return l.bad
		}
		l.lower = to
	}
	return l.bad
}

// run visits documents until there are no more, or Pebble cannot read on.
func (l *listing) run() error {
	s := l.s
	var it *pebble.Iterator
	var err error
	if e := s.view(func(f *flight) bool { return f.touches(l.prefix) }, func() {
		it, err = s.db.NewIter(&pebble.IterOptions{LowerBound: l.lower, UpperBound: l.upper})
	}); e != nil {
		return e
	}
	if pebble.IsCorruptionError(err) {
		return err
	} else if err != nil {
		return s.fail(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			break // it.Close tells
		}
		l.lower = append(append(l.lower[:0:0], it.Key()...), 0)
		content, revision, err := decodeDocument(it.Key(), value)
		if err != nil {
			l.bad = s.damaged(it.Key(), value, err)
			continue
		}
		if !l.visit(store.Document{Key: bytes.Clone(it.Key()[1:]), Value: bytes.Clone(content), Revision: revision}) {
			_ = it.Close() // what comes later does not matter
			return nil
		}
	}
	if err := it.Close(); err != nil && !pebble.IsCorruptionError(err) {
		return s.fail(err)
	} else if err != nil {
		return err
	}
	return nil
}
