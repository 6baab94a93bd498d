package resource

import (
	"context"
	"errors"
	"strings"

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
	agreed := ""
	for range attempts {
		out, err := s.again(ctx, &p.Request, func() (*write, error) {
			w, err := s.planPut(ctx, &p)
			if err == nil {
				err = p.question(w.out, agreed)
			}
			return w, err
		})
		q, open := errors.AsType[*question](err)
		if !open {
			return out, err
		}
		if err := p.Kind.Ask(ctx, p.key().Namespace, q.noun); err != nil {
			return nil, invalid(p.Kind, err)
		}
		agreed = q.about
	}
	return nil, fail(Busy, "", "Others change %s all the time; try again.", p.Name)
}

// A question is what somebody outside has to be asked before a write can go on.
type question struct {
	about string // may be a secret
	noun  any
}

func (*question) Error() string { return "resource: somebody has to be asked first" }

// question is that of a planned write, unless it is what was agreed to.
func (p *Put) question(out *Outcome, agreed string) error {
	if p.Kind.Asks == nil || p.DryRun {
		return nil
	}
	var old any
	if out.Old != nil {
		old = out.Old.Noun
	}
	if about := p.Kind.Asks(out.New.Noun, old); about != "" && about != agreed {
		return &question{about, out.New.Noun}
	}
	return nil
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
	if k := q.Kind; k.References != nil || k.Referred || k.Fits != nil || k.Holds != nil {
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
				w.out.Impact = s.o.Impact(w.changes)
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
	if err := w.fits(p.Kind, p.key(), noun); err != nil {
		return nil, err
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
	case (p.Kind.Name == Namespaces || p.Kind.Name == CustomTopics) && !old.liesIn(p.Subscription, p.Group):
		return fail(Conflict, "name", "The name %q is taken by one of another resource group.", old.Name)
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
	case k.Namespace == Process && w.get(p) != nil: // it lies in no namespace
		return nil
	case k.Namespace == Process:
		return fail(NoParent, "", "%s %q was not found.", p.Kind, p.Name)
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

func (s *Set) quota(kind *Kind, k Key) int {
	if s.o.Quota != nil {
		if n := s.o.Quota(s.image.get(namespaceKey(k.Namespace)), kind); n > 0 {
			return n
		}
	}
	return kind.Limit
}
