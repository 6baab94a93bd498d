package resource

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"gridmq/control/audit"
	"gridmq/control/tree"
	"gridmq/store"
)

// attempts is how often a write is tried again that somebody else came before.
const attempts = 16

// maxMembers bounds the names of changed members that are told.
const maxMembers = 50

// Put creates or changes a resource. When it returns, the change is durable and
// has been applied. The error is an *Error, or the store's.
func (s *Set) Put(ctx context.Context, p Put) (*Outcome, error) {
	return s.again(ctx, &p.Request, func() (*write, error) { return s.planPut(ctx, &p) })
}

// Modify changes the noun of an existing resource in a way that a PUT cannot.
// change returns a new noun and leaves the old one as it is.
func (s *Set) Modify(ctx context.Context, q Request, change func(noun any) (any, error)) (*Outcome, error) {
	return s.again(ctx, &q, func() (*write, error) {
		w := s.begin()
		old := w.get(q.key())
		if old == nil {
			return nil, fail(NotFound, "", "%s %q was not found.", q.Kind.Name, last(q.Name))
		}
		if err := q.Match.met(old, q.Name); err != nil {
			return nil, err
		}
		noun, err := change(old.Noun)
		if err != nil {
			return nil, invalid(q.Kind, err)
		}
		return w, w.plan(&q, old, s.successor(&q, old, noun))
	})
}

// again commits what plan says, and asks again when somebody else was faster.
func (s *Set) again(ctx context.Context, q *Request, plan func() (*write, error)) (*Outcome, error) {
	if q.Kind.References != nil || q.Kind.Referred {
		unlock, err := s.lock(ctx, q.key().Namespace)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	for range attempts {
		w, err := plan()
		if err != nil || w == nil {
			return &Outcome{}, err
		}
		if q.DryRun {
			w.out.Changes = w.changes
			if s.o.Impact != nil {
				w.out.Effects = s.o.Impact(w.changes)
			}
			return w.out, nil
		}
		err = s.commit(ctx, q, w)
		if err == nil {
			return w.out, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
		if err := s.settle(ctx); err != nil {
			return nil, err
		}
	}
	return nil, fail(Busy, "", "Others change %s all the time; try again.", q.Name)
}

// A write is a batch with what it means. Everything that it depends on is read
// through it, once, and fenced as it was read: what is looked at twice may have
// changed in between.
type write struct {
	set     *Set
	seen    map[Key]*entry
	batch   store.Batch
	changes []Change
	out     *Outcome
	create  *quotaOf // nil: nothing is created
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
	quota int
}

// commit makes w durable and waits until it is applied.
func (s *Set) commit(ctx context.Context, q *Request, w *write) error {
	if w.create != nil {
		cancel, ok := s.image.reserve(w.create.key, w.create.quota)
		if !ok {
			return fail(OverQuota, "", "There may be %d %s at most; delete one, or raise the limit.", w.create.quota, q.Kind.Name)
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
	}
	return nil
}

func (s *Set) planPut(ctx context.Context, p *Put) (*write, error) {
	w := s.begin()
	old := w.get(p.key())
	if err := w.mayPut(p, old); err != nil {
		return nil, err
	}
	body, warnings, err := p.body(old)
	if err != nil {
		return nil, err
	}
	name := last(p.Name)
	var oldNoun any
	if old != nil {
		name, oldNoun = last(old.Name), old.Noun // the first spelling stays
	}
	noun, err := p.Kind.Decode(name, body)
	if err != nil {
		return nil, invalid(p.Kind, err)
	}
	if p.Kind.Replaces != nil {
		if err := p.Kind.Replaces(noun, oldNoun); err != nil {
			return nil, invalid(p.Kind, err)
		}
	}
	if p.Kind.Prepare != nil && !p.DryRun {
		if err := p.Kind.Prepare(ctx, noun, oldNoun); err != nil {
			return nil, invalid(p.Kind, err)
		}
	}
	next := s.successor(&p.Request, old, noun)
	if old == nil {
		next.Subscription, next.Group, next.Scope = p.Subscription, p.Group, p.Scope
	}
	if err := w.plan(&p.Request, old, next); err != nil {
		return nil, err
	}
	if p.Kind.Frozen && old != nil && !w.out.Unchanged {
		return nil, fail(Conflict, "", "%s %q exists with other content and cannot be changed; delete it first.", p.Kind.Name, last(p.Name))
	}
	w.out.Warnings = warnings
	return w, nil
}

// mayPut checks what does not depend on the content.
func (w *write) mayPut(p *Put, old *Resource) error {
	if err := w.parent(p.key(), p.Kind); err != nil {
		return err
	}
	if err := p.Match.met(old, last(p.Name)); err != nil {
		return err
	}
	switch {
	case p.Patch && old == nil:
		return fail(NotFound, "", "%s %q was not found.", p.Kind.Name, last(p.Name))
	case old == nil:
	case old.Deleting:
		return fail(Conflict, "", "Namespace %q is being deleted.", old.Name)
	case !strings.EqualFold(old.Scope, p.Scope):
		return fail(Conflict, "", "%s %q exists at another scope.", singular(p.Kind.Name), last(old.Name))
	case p.Kind.Name == Namespaces && !old.liesIn(p.Subscription, p.Group):
		return fail(Conflict, "name", "The name %q is taken by a namespace of another resource group.", old.Name)
	}
	return nil
}

func (r *Resource) liesIn(subscription, group string) bool {
	return strings.EqualFold(r.Subscription, subscription) && strings.EqualFold(r.Group, group)
}

// parent says whether what a resource lies below is there.
func (w *write) parent(k Key, kind *Kind) error {
	p := k.ParentKey(kind)
	if p == (Key{}) {
		return nil
	}
	ns := w.get(namespaceKey(k.Namespace))
	switch {
	case ns == nil:
		return fail(NoParent, "", "Namespace %q was not found.", k.Namespace)
	case ns.Deleting:
		return fail(Conflict, "", "Namespace %q is being deleted.", ns.Name)
	case p.Kind != Namespaces && w.get(p) == nil:
		return fail(NoParent, "", "%s %q was not found.", p.Kind, p.Name)
	}
	return nil
}

// body is the whole resource that is asked for, and warnings about what of it is
// left aside.
func (p *Put) body(old *Resource) (body []byte, warnings []string, err error) {
	asked, err := tree.Parse(p.Body)
	if err != nil {
		return nil, nil, fail(WrongType, "", "The body cannot be read: %v.", err)
	}
	object, ok := asked.(map[string]any)
	if !ok {
		return nil, nil, fail(WrongType, "", "The body must be a JSON object.")
	}
	depth := 1 // deeper, it is the noun that knows what ignores case
	if p.Patch {
		depth = tree.MaxDepth
	}
	if name, found := tree.TwoSpellings(asked, depth); found {
		return nil, nil, fail(WrongType, "", "Member %q is given twice.", name)
	}
	var was any = map[string]any{}
	if old != nil {
		if was, err = tree.Parse(p.Kind.Stored(old.Noun)); err != nil {
			return nil, nil, err
		}
	}
	if p.Patch {
		asked = tree.MergeFold(was, object)
		if tags, _, given := tree.Member(object, "tags"); given { // as a whole, not merged
			asked = tree.With(asked, "tags", tree.Merge(nil, tags))
		}
	}
	for _, v := range p.Kind.Keeps {
		if v.knownTo(p.Version) || v.Inside && !has(asked, v.Path[:strings.LastIndexByte(v.Path, '.')]) {
			continue
		}
		kept, stored := tree.Get(was, v.Path)
		if now, given := tree.Get(asked, v.Path); given && !tree.Equal(now, kept) {
			warnings = append(warnings, v.Path+" is not part of api-version "+p.Version+" and was left as it is")
		}
		if asked = tree.Without(asked, v.Path); stored {
			asked = tree.With(asked, v.Path, kept)
		}
	}
	if p.Kind.Fill != nil && old != nil {
		asked = p.Kind.Fill(asked, object, was, p.Patch)
	}
	return tree.Encode(asked), warnings, nil
}

func has(v any, path string) bool {
	found, ok := tree.Get(v, path)
	return ok && found != nil
}

// successor is what follows old (nil: nothing), by the hand of q's actor.
func (s *Set) successor(q *Request, old *Resource, noun any) *Resource {
	now := s.o.Now().UTC()
	r := &Resource{Kind: q.Kind, Namespace: q.key().Namespace, Name: q.Name, Noun: noun,
		System: SystemData{CreatedBy: q.Actor.Name, CreatedByType: q.Actor.Type, CreatedAt: now}}
	if old != nil {
		*r = *old
		r.Noun = noun
	}
	r.System.LastModifiedBy, r.System.LastModifiedByType, r.System.LastModifiedAt = q.Actor.Name, q.Actor.Type, now
	return r
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
		w.fence(namespaceKey(k.Namespace))
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
	if w.revision(k) == 0 {
		w.create = &quotaOf{k, w.set.quota(q.Kind, k)}
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

func (s *Set) quota(kind *Kind, k Key) int {
	if s.o.Quota != nil {
		if n := s.o.Quota(s.image.get(namespaceKey(k.Namespace)), kind); n > 0 {
			return n
		}
	}
	return kind.Limit
}
