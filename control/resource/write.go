package resource

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"gridmq/control/audit"
	"gridmq/control/tree"
	"gridmq/store"
)

// A write is a batch with what it means. Everything that it depends on is read
// through it, once, and fenced as it was read: what is looked at twice may have
// changed in between.
type write struct {
	set     *Set
	seen    map[Key]*entry
	batch   store.Batch
	changes []Change
	out     *Outcome
	create  *quotaOf // nil: nothing is counted that was not
	marked  bool     // see mark
}

func (s *Set) begin() *write { return &write{set: s, seen: map[Key]*entry{}, out: &Outcome{}} }

func (w *write) find(k Key) *entry {
	e, ok := w.seen[k]
	if !ok {
		e = w.set.image.find(k)
		w.seen[k] = e
	}
	return e
}

func (w *write) get(k Key) *Resource { return w.set.image.open(k.document(), w.find(k)) }

func (w *write) revision(k Key) uint64 {
	if e := w.find(k); e != nil {
		return e.revision
	}
	return 0
}

type quotaOf struct {
	key   Key
	kind  *Kind
	quota int
	crowd string // that it will be in; empty: none, or none that is new to it
}

// full says that a quota is used up.
func (q *quotaOf) full() error {
	if q.crowd != "" {
		return fail(OverQuota, "", "There may be %d %s at most, %d of %s; delete one, or choose another profile.", q.quota, q.kind.Name, q.kind.CrowdLimit, q.crowd)
	}
	return fail(OverQuota, "", "There may be %d %s at most; delete one, or raise the limit.", q.quota, q.kind.Name)
}

// plan fills w with the batch that puts next in old's place.
func (w *write) plan(q *Request, old, next *Resource) error {
	k := next.Key()
	w.out.Old, w.out.New = old, next
	w.changes = []Change{{Namespace: k.Namespace, Kind: k.Kind, Name: next.Name, Old: old, New: next}}
	var was any
	stored := q.Kind.Stored(next.Noun)
	if old != nil {
		before := q.Kind.Stored(old.Noun)
		w.out.Unchanged = bytes.Equal(before, stored)
		was, _ = tree.Parse(before)
	}
	if !w.out.Unchanged {
		is, _ := tree.Parse(stored)
		w.out.Members = tree.Changed(was, is, maxMembers)
	}
	w.batch.Put([]byte(k.document()), next.encode())
	w.fence(k)
	if p := k.ParentKey(q.Kind); p != (Key{}) {
		if k.Namespace != Process {
			w.fence(namespaceKey(k.Namespace))
		}
		if p.Kind != Namespaces {
			w.fence(p)
		}
	}
	if err := w.refer(old, next); err != nil {
		return err
	}
	if err := w.claim(old, next); err != nil {
		return err
	}
	crowd := ""
	if q.Kind.Crowd != nil {
		if crowd = q.Kind.Crowd(next); old != nil && q.Kind.Crowd(old) == crowd {
			crowd = ""
		}
	}
	if w.revision(k) == 0 || crowd != "" {
		w.create = &quotaOf{k, q.Kind, w.set.quota(q.Kind, k), crowd}
	}
	return nil
}

// fence lets w happen only if a resource is still as it was read.
func (w *write) fence(k Key) {
	doc := []byte(k.document())
	if slices.ContainsFunc(w.batch.Fences, func(f store.Fence) bool { return bytes.Equal(f.Key, doc) }) {
		return
	}
	w.batch.Fences = append(w.batch.Fences, store.Fence{Key: doc, Revision: w.revision(k)})
}

// commit makes w durable and waits until it is applied.
func (s *Set) commit(ctx context.Context, q *Request, w *write) error {
	if w.create != nil {
		cancel, ok := s.image.reserve(w.create.key, w.create)
		if !ok {
			return w.create.full()
		}
		defer cancel()
	}
	var pending audit.Pending
	if s.o.Audit != nil {
		pending = s.o.Audit.Add(&w.batch, q.audit(w.out.Members))
	}
	if _, err := s.o.Store.Commit(ctx, &w.batch); err != nil {
		return err
	}
	if s.o.Audit != nil {
		s.o.Audit.Done(pending)
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	if w.out.New != nil {
		w.out.New.Revision = s.image.revision(w.out.New.Key())
		w.out.New.Created = cmp.Or(w.out.New.Created, w.out.New.Revision)
	}
	return nil
}
