package resource

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/RaduBerinde/btreemap"

	"gridmq/control/audit"
	"gridmq/store"
)

// Options of a Set. Kinds and Store are needed.
type Options struct {
	Store store.Store
	Kinds []*Kind
	// Apply is told of every change in order, from one goroutine, first of
	// everything that is there. It must not call the Set's writing methods.
	Apply func(Change)
	// Impact says whom changes would concern. Default: nobody.
	Impact func([]Change) Impact
	// Quota is how many resources of a kind a namespace may have; namespace is nil
	// for namespaces themselves, which count together. 0 is no limit. Default: none.
	Quota func(namespace *Resource, kind *Kind) int
	// Audit receives what is changed. Default: no log.
	Audit *audit.Log
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives the room's events. Default: none.
	Logger *slog.Logger
	// Backlog is how many changes may wait for Apply before the whole table is
	// read again instead. Default 65,536.
	Backlog int
}

// A Set is all resources of one store. Its methods may be called concurrently.
type Set struct {
	o     Options
	image *image
	kinds []*Kind // by Order

	locks [64]chan struct{} // capacity 1, by namespace: writes that concern references

	stop    context.CancelFunc
	applier applier
	running sync.WaitGroup
}

// Open replays what the store holds into Options.Apply, finishes deletions that
// were interrupted, and keeps up until Close. ctx bounds the opening only.
func Open(ctx context.Context, o Options) (*Set, error) {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.Backlog = cmp.Or(o.Backlog, 65_536)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Apply == nil {
		o.Apply = func(Change) {}
	}
	s := &Set{o: o, image: newImage(o.Kinds), kinds: slices.Clone(o.Kinds)}
	slices.SortStableFunc(s.kinds, func(a, b *Kind) int { return cmp.Compare(a.Order, b.Order) })
	for i := range s.locks {
		s.locks[i] = make(chan struct{}, 1)
	}
	s.applier.start(o.Backlog)
	watch, stop := context.WithCancel(context.Background())
	s.stop = stop
	o.Store.Watch(watch, []byte(documents), s.applier.add)
	if err := s.reconcile(); err != nil {
		stop()
		return nil, fmt.Errorf("read resources: %w", err)
	}
	s.running.Go(func() { s.apply(watch) })
	if err := s.finishDeletions(ctx); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("finish deletions: %w", err)
	}
	return s, nil
}

// Close ends the watch and waits for the change that is being applied.
func (s *Set) Close() error {
	s.stop()
	s.running.Wait()
	return nil
}

// Kind finds a kind by its name in paths, ignoring case.
func (s *Set) Kind(name string) *Kind {
	for _, k := range s.kinds {
		if strings.EqualFold(k.Name, name) {
			return k
		}
	}
	return nil
}

// Kinds are all, in the order in which they can be created.
func (s *Set) Kinds() []*Kind { return s.kinds }

// Get returns nil for what does not exist.
func (s *Set) Get(k Key) *Resource { return s.image.get(k) }

// Namespace returns a namespace by its name in any case, or nil.
func (s *Set) Namespace(name string) *Resource {
	return s.image.get(namespaceKey(strings.ToLower(name)))
}

// Count is how many of a kind there are in a namespace.
func (s *Set) Count(namespace, kind string) int {
	s.image.mu.RLock()
	defer s.image.mu.RUnlock()
	return s.image.counts[[2]string{strings.ToLower(namespace), kind}]
}

// List visits the resources of a kind in a namespace in the order of their keys,
// from after (a Key.Name, exclusive) on. choose is asked by key name before
// anything is decoded. A parent's name with a slash limits it to that parent's.
func (s *Set) List(namespace string, k *Kind, parent, after string, choose func(name string) bool, visit func(*Resource) bool) {
	prefix := Key{strings.ToLower(namespace), k.Name, parent}.document()
	if after != "" {
		after = Key{strings.ToLower(namespace), k.Name, after}.document()
	}
	walk(s.image.snapshot(), prefix, after, func(key string, e *entry) bool {
		if one, _ := parseKey(key); !choose(one.Name) {
			return true
		}
		r := s.image.open(key, e)
		return r == nil || visit(r)
	})
}

// EachNamespace visits all namespaces in the order of their names, from after
// (exclusive, in lower case) on.
func (s *Set) EachNamespace(after string, visit func(*Resource) bool) {
	all := s.image.snapshot()
	for _, name := range namespacesIn(all) {
		key := namespaceKey(name).document()
		_, e, _ := all.Get(key)
		if r := s.image.open(key, e); r != nil && name > after && !visit(r) {
			return
		}
	}
}

// namespacesIn skips from one namespace to the next.
func namespacesIn(all *btreemap.BTreeMap[string, *entry]) (names []string) {
	after := ""
	for more := true; more; {
		more = false
		walk(all, documents, after, func(key string, _ *entry) bool {
			k, _ := parseKey(key)
			names = append(names, k.Namespace)
			after, more = documents+k.Namespace+"/\xff", true
			return false
		})
	}
	slices.Sort(names)
	return names
}

// lock serializes writes that concern references within a namespace.
func (s *Set) lock(ctx context.Context, namespace string) (unlock func(), err error) {
	h := uint32(2166136261)
	for i := range len(namespace) {
		h = (h ^ uint32(namespace[i])) * 16777619
	}
	c := s.locks[h%uint32(len(s.locks))]
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
