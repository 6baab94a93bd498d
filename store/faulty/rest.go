package faulty

import (
	"context"
	"time"

	"gridmq/store"
)

// fails says how a call of kind c fails, if it does.
func (s *Store) fails(c Call) error {
	if err := s.faults.next(c); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Read is store.Store.Read.
func (s *Store) Read(log store.LogID, from store.Position, visit func(store.Position, []byte) bool) error {
	if err := s.fails(Read); err != nil {
		return err
	}
	return s.inner.Read(log, from, visit)
}

// ReadAt is store.Store.ReadAt.
func (s *Store) ReadAt(log store.LogID, pos store.Position) ([]byte, error) {
	if err := s.fails(ReadAt); err != nil {
		return nil, err
	}
	return s.inner.ReadAt(log, pos)
}

// Bounds is store.Store.Bounds.
func (s *Store) Bounds(log store.LogID) (first, last store.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, last = s.inner.Bounds(log)
	if s.hold != nil {
		last = max(last, s.hold.last[log])
	}
	return first, last
}

// Truncate is store.Store.Truncate.
func (s *Store) Truncate(log store.LogID, from, to store.Position) error {
	return s.orHold(Truncate, func() error { return s.inner.Truncate(log, from, to) })
}

// DropNamespace is store.Store.DropNamespace.
func (s *Store) DropNamespace(namespace string) error {
	return s.orHold(DropNamespace, func() error { return s.inner.DropNamespace(namespace) })
}

// orHold does what removes entries, behind those that are held.
func (s *Store) orHold(c Call, do func() error) error {
	if err := s.faults.next(c); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.hold != nil:
		s.hold.steps = append(s.hold.steps, step{do: do})
		return nil
	}
	return do()
}

// Get is store.Store.Get.
func (s *Store) Get(key []byte) (store.Document, error) {
	if err := s.fails(Get); err != nil {
		return store.Document{}, err
	}
	return s.inner.Get(key)
}

// List is store.Store.List.
func (s *Store) List(prefix, after []byte, visit func(store.Document) bool) error {
	if err := s.fails(List); err != nil {
		return err
	}
	return s.inner.List(prefix, after, visit)
}

// Watch is store.Store.Watch.
func (s *Store) Watch(ctx context.Context, prefix []byte, visit func(store.Document)) {
	s.inner.Watch(ctx, prefix, visit)
}

// Stats is store.Store.Stats.
func (s *Store) Stats() store.Stats {
	st := s.inner.Stats()
	st.Full = s.Full()
	return st
}

// Damaged is store.Store.Damaged.
func (s *Store) Damaged() []store.Damage { return s.inner.Damaged() }

// Close is store.Store.Close: what is held is written first. When told to fail,
// it closes the store inside all the same. After Crash it leaves it open.
func (s *Store) Close() error {
	fault := s.faults.next(Close)
	s.Release()
	s.mu.Lock()
	crashed := s.err != nil
	s.mu.Unlock()
	if crashed {
		return fault
	}
	if err := s.inner.Close(); err != nil {
		return err
	}
	return fault
}

// Lease is store.Store.Lease.
func (s *Store) Lease() store.Lease { return lease{s} }

type lease struct{ s *Store }

func (l lease) Acquire(ctx context.Context, name string, d time.Duration) (uint64, error) {
	if err := l.s.fails(Acquire); err != nil {
		return 0, err
	}
	return l.s.inner.Lease().Acquire(ctx, name, d)
}

func (l lease) Release(ctx context.Context, name string, epoch uint64) error {
	if err := l.s.fails(Release); err != nil {
		return err
	}
	return l.s.inner.Lease().Release(ctx, name, epoch)
}

// Bus is store.Store.Bus.
func (s *Store) Bus() store.Bus { return bus{s} }

type bus struct{ s *Store }

func (b bus) Publish(ctx context.Context, subject string, m []byte) error {
	if err := b.s.fails(Publish); err != nil {
		return err
	}
	return b.s.inner.Bus().Publish(ctx, subject, m)
}

func (b bus) Subscribe(subject string, visit func(b []byte)) (cancel func(), err error) {
	if err := b.s.fails(Subscribe); err != nil {
		return nil, err
	}
	return b.s.inner.Bus().Subscribe(subject, visit)
}
