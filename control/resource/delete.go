package resource

import (
	"context"
	"errors"
	"strings"
	"time"

	"gridmq/store"
)

// deleteBatch is how many resources are removed at once with their namespace.
const deleteBatch = 256

// Delete removes a resource and what lies below it. An Outcome without Old says
// that there was none. When it returns, it is durable and has been applied.
func (s *Set) Delete(ctx context.Context, q Request) (*Outcome, error) {
	if q.Kind.Name == Namespaces {
		return s.deleteNamespace(ctx, q)
	}
	return s.again(ctx, &q, func() (*write, error) { return s.planDelete(&q) })
}

func (s *Set) planDelete(q *Request) (*write, error) {
	w, k := s.begin(), q.key()
	if err := w.parent(k, q.Kind); err != nil {
		return nil, err
	}
	old := w.get(k)
	if err := q.Match.met(old, last(q.Name)); err != nil {
		return nil, err
	}
	if w.revision(k) == 0 {
		return nil, nil
	}
	if q.Kind.Referred { // before looking who refers: who comes later meets the fence
		if err := w.mark(k.Namespace); err != nil {
			return nil, err
		}
		w.fence(namespaceKey(k.Namespace)) // which may refer to it, too
	}
	if names := s.usersOf(q.Kind, k); len(names) > 0 {
		return nil, fail(InUse, "", "%s %q is used by %s; delete or change that first.",
			singular(q.Kind.Name), last(q.Name), strings.Join(names, ", "))
	}
	w.out.Old = old
	w.remove(k)
	return w, w.below(q.Kind, k, w.remove) // at most as many as the quota allows
}

// below visits what lies below a resource, and fences it. It asks the store and not
// the image, which may be behind the mark that stands for them: see fits.
func (w *write) below(kind *Kind, k Key, visit func(Key)) error {
	for _, child := range w.set.kinds {
		if child.Parent != kind.Name {
			continue
		}
		var keys []Key
		prefix := Key{k.Namespace, child.Name, k.Name + "/"}.document()
		err := w.set.o.Store.List([]byte(prefix), nil, func(d store.Document) bool {
			one, _ := parseKey(string(d.Key))
			keys = append(keys, one)
			return true
		})
		if err != nil {
			return err
		}
		for _, one := range keys {
			w.fence(one)
			visit(one)
		}
	}
	return nil
}

func (s *Set) usersOf(kind *Kind, k Key) (names []string) {
	if !kind.Referred {
		return nil
	}
	const most = 10
	names = s.referrers(k)
	if len(names) > most {
		names = append(names[:most:most], "and others")
	}
	return names
}

// remove adds a resource with its claims to what w removes.
func (w *write) remove(k Key) {
	w.fence(k)
	w.batch.Delete([]byte(k.document()))
	old := w.get(k)
	for _, c := range claims(old) {
		w.batch.Delete(claimKey(c))
	}
	if old != nil {
		w.changes = append(w.changes, Change{Namespace: k.Namespace, Kind: k.Kind, Name: old.Name, Old: old})
	}
}

// deleteNamespace marks the namespace, so that nothing new comes in and a restart
// goes on, and then removes what is in it, dependents first, and at last itself.
func (s *Set) deleteNamespace(ctx context.Context, q Request) (*Outcome, error) {
	var old *Resource
	out, err := s.again(ctx, &q, func() (*write, error) {
		w := s.begin()
		old = w.get(q.key())
		if err := q.Match.met(old, q.Name); err != nil || old == nil {
			return nil, err
		}
		next := s.successor(&q, old, old.Noun)
		next.Deleting = true
		if err := w.plan(&q, old, next); err != nil {
			return nil, err
		}
		// What is told is the end, not the mark.
		w.changes = []Change{{Namespace: old.Namespace, Kind: Namespaces, Name: old.Name, Old: old}}
		w.out.New, w.out.Members, w.out.Unchanged = nil, nil, false
		return w, nil
	})
	if err != nil || old == nil {
		return &Outcome{}, err
	}
	if q.DryRun {
		return out, nil
	}
	// What has begun is finished although the caller may go.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
	defer cancel()
	return out, s.empty(ctx, q.key().Namespace)
}

// empty removes everything in a namespace that is marked, and the namespace.
func (s *Set) empty(ctx context.Context, namespace string) error {
	for i := len(s.kinds) - 1; i >= 0; i-- {
		for s.kinds[i].Name != Namespaces {
			more, err := s.removeSome(ctx, namespace, s.kinds[i])
			if err != nil {
				return err
			}
			if !more {
				break
			}
		}
	}
	for range attempts {
		w := s.begin()
		w.remove(namespaceKey(namespace))
		w.batch.Delete(referencesKey(namespace))
		_, err := s.o.Store.Commit(ctx, &w.batch)
		if err == nil || !errors.Is(err, store.ErrConflict) {
			return errors.Join(err, s.settle(ctx))
		}
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	return fail(Busy, "", "Namespace %q is being deleted by others as well.", namespace)
}

// removeSome removes some resources of a kind. Nobody can change them any more.
func (s *Set) removeSome(ctx context.Context, namespace string, kind *Kind) (more bool, err error) {
	w := s.begin()
	n := 0
	walk(s.image.snapshot(), Key{namespace, kind.Name, ""}.document(), "", func(key string, _ *entry) bool {
		k, _ := parseKey(key)
		w.remove(k)
		n++
		return n < deleteBatch
	})
	if n == 0 {
		return false, nil
	}
	w.batch.Fences = nil
	if _, err := s.o.Store.Commit(ctx, &w.batch); err != nil {
		return false, err
	}
	return true, s.settle(ctx)
}

// finishDeletions goes on with namespaces that were being deleted.
func (s *Set) finishDeletions(ctx context.Context) error {
	var names []string
	s.EachNamespace("", func(r *Resource) bool {
		if r.Deleting {
			names = append(names, r.Namespace)
		}
		return true
	})
	for _, name := range names {
		s.o.Logger.Info("deletion of a namespace goes on", "namespace", name)
		if err := s.empty(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
