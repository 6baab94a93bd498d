package local

import (
	"context"
	"sync"
)

// A Bus calls the subscribers of a subject on the publisher's goroutine. The
// bytes are valid during the call only. The zero value is ready.
type Bus struct {
	mu       sync.RWMutex
	subjects map[string]map[*subscriber]struct{}
}

type subscriber struct{ visit func([]byte) }

func (b *Bus) Publish(ctx context.Context, subject string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.RLock()
	to := make([]*subscriber, 0, len(b.subjects[subject]))
	for s := range b.subjects[subject] {
		to = append(to, s)
	}
	b.mu.RUnlock()
	for _, s := range to { // without the lock: visit may subscribe or cancel
		s.visit(data)
	}
	return nil
}

func (b *Bus) Subscribe(subject string, visit func([]byte)) (cancel func(), err error) {
	s := &subscriber{visit}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subjects == nil {
		b.subjects = map[string]map[*subscriber]struct{}{}
	}
	if b.subjects[subject] == nil {
		b.subjects[subject] = map[*subscriber]struct{}{}
	}
	b.subjects[subject][s] = struct{}{}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subjects[subject], s)
		if len(b.subjects[subject]) == 0 {
			delete(b.subjects, subject)
		}
	}, nil
}
