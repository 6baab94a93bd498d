package resource

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"gridmq/store"
)

// An applier is the queue between the committer, which must not wait, and the
// goroutine that applies changes. It is bounded: what does not fit is forgotten,
// and the whole table is read again instead.
type applier struct {
	backlog int
	wake    chan struct{} // capacity 1

	mu       sync.Mutex
	queue    []store.Document
	lost     bool
	added    uint64        // documents so far, lost ones too
	applied  uint64        // of them
	progress chan struct{} // closed and replaced when applied grows
	unsure   uint64        // up to here documents may be older than what reconcile has read
}

func (a *applier) start(backlog int) {
	a.backlog, a.wake, a.progress = backlog, make(chan struct{}, 1), make(chan struct{})
}

// add is called by the committer.
func (a *applier) add(d store.Document) {
	a.mu.Lock()
	a.added++
	if len(a.queue) < a.backlog && !a.lost {
		a.queue = append(a.queue, d)
	} else {
		a.queue, a.lost = nil, true
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// next takes what waits. first is the number of the first of list.
func (a *applier) next() (list []store.Document, first uint64, lost bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list, a.queue = a.queue, nil
	return list, a.added - uint64(len(list)) + 1, a.lost
}

// done says that documents up to number n have been applied.
func (a *applier) done(n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.applied = max(a.applied, n)
	close(a.progress)
	a.progress = make(chan struct{})
}

// settle waits until everything that the store has told so far is applied.
func (s *Set) settle(ctx context.Context) error {
	a := &s.applier
	a.mu.Lock()
	target := a.added
	a.mu.Unlock()
	for {
		a.mu.Lock()
		done, progress := a.applied >= target, a.progress
		a.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// apply runs until ctx ends.
func (s *Set) apply(ctx context.Context) {
	a := &s.applier
	for {
		select {
		case <-a.wake:
		case <-ctx.Done():
			return
		}
		list, first, lost := a.next()
		if lost {
			s.o.Logger.Warn("too many changes at once; all resources are read again")
			if err := s.reconcile(); err != nil {
				s.o.Logger.Error("resources could not be read again", "err", err)
				return
			}
			continue
		}
		for i, d := range list {
			if ctx.Err() != nil {
				return
			}
			s.applyOne(d, first+uint64(i) <= a.unsure)
			a.done(first + uint64(i))
		}
	}
}

// applyOne brings one document into the image and tells Apply. unsure documents
// may be older than the image: then the store is asked.
func (s *Set) applyOne(d store.Document, unsure bool) {
	if unsure {
		now, err := s.o.Store.Get(d.Key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			s.o.Logger.Error("resource could not be read", "key", string(d.Key), "err", err)
			return
		}
		now.Key = d.Key // not set when there is none
		d = now
	}
	k, ok := parseKey(string(d.Key))
	kind := s.image.kinds[k.Kind]
	if !ok || kind == nil {
		return // of a newer version of ours
	}
	if d.Revision == 0 {
		if old := s.image.remove(k); old != nil {
			s.tell(k, old, nil)
		}
		return
	}
	if s.image.revision(k) >= d.Revision {
		return
	}
	e, r := s.entry(kind, k, d)
	s.tell(k, s.image.put(k, e), r)
}

// entry is a document in the image, and the resource in it; nil when it is broken.
func (s *Set) entry(kind *Kind, k Key, d store.Document) (*entry, *Resource) {
	r, err := decode(kind, k, d.Value, d.Revision)
	switch {
	case err != nil:
		s.o.Logger.Error("a stored resource is not understood and left out", "key", string(d.Key), "err", err)
		return &entry{revision: d.Revision, broken: err}, nil
	case kind.Compact:
		return &entry{revision: d.Revision, value: d.Value}, r // the store made a copy
	}
	return &entry{revision: d.Revision, resource: r}, r
}

// tell tells Apply what a change means, unless it means nothing: a PUT of the
// same content moves a date only.
func (s *Set) tell(k Key, old *entry, next *Resource) {
	c := Change{Namespace: k.Namespace, Kind: k.Kind, Old: s.image.open(k.document(), old), New: next}
	switch {
	case c.New != nil:
		c.Name = c.New.Name
	case c.Old != nil:
		c.Name = c.Old.Name
	default:
		return
	}
	if !c.same() {
		s.o.Apply(c)
	}
}

func (c Change) same() bool {
	return c.Old != nil && c.New != nil && c.Old.Deleting == c.New.Deleting && c.Old.Created == c.New.Created &&
		bytes.Equal(c.Old.Kind.Stored(c.Old.Noun), c.New.Kind.Stored(c.New.Noun))
}

// reconcile reads the whole table and applies how it differs from the image:
// removals first, what depends on others before them; then the rest in the
// order in which it can be created. At a start the image is empty.
func (s *Set) reconcile() error {
	a := &s.applier
	a.mu.Lock()
	a.queue, a.lost = nil, false
	a.mu.Unlock()
	all, err := s.read()
	if err != nil {
		return err
	}
	a.mu.Lock()
	until := a.added
	a.unsure = until
	queued := uint64(len(a.queue))
	a.mu.Unlock()

	here := make(map[string]bool, len(all))
	for _, d := range all {
		here[string(d.Key)] = true
	}
	for _, k := range s.gone(here) {
		s.tell(k, s.image.remove(k), nil)
	}
	for _, d := range all {
		s.applyOne(d, false)
	}
	a.done(until - queued)
	return nil
}

// read lists all documents in the order of their kinds. Without those that are damaged:
// what is left is in force, and the operator is told.
func (s *Set) read() (all []store.Document, err error) {
	rank := map[string]int{}
	for i, k := range s.kinds {
		rank[k.Name] = i
	}
	ranks := map[string]int{} // by document key: sorting would parse again and again
	err = s.o.Store.List([]byte(documents), nil, func(d store.Document) bool {
		if k, ok := parseKey(string(d.Key)); ok {
			ranks[string(d.Key)] = rank[k.Kind]
			all = append(all, store.Document{Key: bytes.Clone(d.Key), Value: bytes.Clone(d.Value), Revision: d.Revision})
		}
		return true
	})
	slices.SortStableFunc(all, func(x, y store.Document) int {
		return cmp.Compare(ranks[string(x.Key)], ranks[string(y.Key)])
	})
	if errors.Is(err, store.ErrDamaged) {
		s.o.Logger.Error("resources may be lost, bans and network rules among them: compare them with an export, or restore a backup", "err", err)
		err = nil
	}
	return all, err
}

// gone are keys of the image that are not here any more, dependents first.
func (s *Set) gone(here map[string]bool) (keys []Key) {
	rank := map[string]int{}
	for i, k := range s.kinds {
		rank[k.Name] = i
	}
	walk(s.image.snapshot(), documents, "", func(key string, _ *entry) bool {
		if !here[key] {
			k, _ := parseKey(key)
			keys = append(keys, k)
		}
		return true
	})
	slices.SortStableFunc(keys, func(x, y Key) int {
		return cmp.Or(cmp.Compare(rank[y.Kind], rank[x.Kind]), strings.Compare(x.Name, y.Name))
	})
	return keys
}
