package tenants

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/store"
)

// Slow implements control.SlowDirectory. It looks at every session and reads at most
// twice limit messages: positions in the log of a namespace grow with time, so of those
// that lie only in the store no more than the first limit can be among the oldest.
func (t *Tenants) Slow(ctx context.Context, namespace string, by control.SlowBy, limit int) ([]control.Session, error) {
	b := t.serving()
	if b == nil {
		return nil, nil
	}
	w := worst{limit: limit, before: comparison(by)}
	stored := worst{limit: limit, before: byPosition}
	b.Sessions(namespace, func(i broker.SessionInfo) bool {
		switch {
		case i.Queued == 0, by == control.ByAge && i.Oldest == (broker.Backlog{}):
		case by == control.ByAge && i.Oldest.Published.IsZero():
			stored.add(i)
		default:
			w.add(i)
		}
		return ctx.Err() == nil
	})
	for _, i := range stored.sorted() {
		at, err := b.PublishedAt(namespace, i.Oldest)
		if errors.Is(err, store.ErrClosed) {
			return nil, err
		}
		if i.Oldest.Published = at; err == nil {
			w.add(i)
		}
	}
	var list []control.Session
	for _, i := range w.sorted() {
		s := t.session(namespace, i)
		if at, err := b.PublishedAt(namespace, i.Oldest); err == nil { // else it has gone meanwhile
			s.OldestPublished = at.UTC()
		}
		list = append(list, s)
	}
	return list, ctx.Err()
}

// comparison says which of two is worse, as slices.SortFunc wants it.
func comparison(by control.SlowBy) func(a, b broker.SessionInfo) int {
	switch by {
	case control.ByAge:
		return func(a, b broker.SessionInfo) int { return a.Oldest.Published.Compare(b.Oldest.Published) }
	case control.ByBytes:
		return func(a, b broker.SessionInfo) int { return cmp.Compare(b.QueuedBytes, a.QueuedBytes) }
	}
	return func(a, b broker.SessionInfo) int { return cmp.Compare(b.Queued, a.Queued) }
}

func byPosition(a, b broker.SessionInfo) int {
	return cmp.Compare(a.Oldest.Position, b.Oldest.Position)
}

// worst keeps the first few of many, in memory for twice as many.
type worst struct {
	limit  int
	before func(a, b broker.SessionInfo) int
	list   []broker.SessionInfo
}

func (w *worst) add(i broker.SessionInfo) {
	if w.list = append(w.list, i); len(w.list) >= 2*w.limit+64 {
		w.list = w.sorted()
	}
}

func (w *worst) sorted() []broker.SessionInfo {
	slices.SortFunc(w.list, func(a, b broker.SessionInfo) int {
		return cmp.Or(w.before(a, b), cmp.Compare(a.ClientID, b.ClientID))
	})
	return w.list[:min(len(w.list), w.limit)]
}
