package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"gridmq/store"
)

// refer checks references and keeps them true: the resources that next refers to
// stay as they are until it is written, and the namespace's mark says that
// references have changed.
func (w *write) refer(old, next *Resource) error {
	if next.Kind.References == nil {
		return nil
	}
	refs := next.Kind.References(next.Noun)
	var faults []Fault
	for _, ref := range refs {
		kind := w.set.image.kinds[ref.Kind]
		if kind == nil || w.get(NewKey(next.Namespace, kind, ref.Name)) == nil {
			faults = append(faults, Fault{ref.Field, "there is no " + singular(ref.Kind) + " \"" + ref.Name + "\""})
			continue
		}
		w.fence(NewKey(next.Namespace, kind, ref.Name))
	}
	if len(faults) > 0 {
		e := fail(Invalid, faults[0].Target, "%s: %s.", faults[0].Target, faults[0].Message)
		if len(faults) > 1 {
			e.Faults = faults
		}
		return e
	}
	if old == nil || !slices.Equal(old.Kind.References(old.Noun), refs) {
		return w.mark(next.Namespace)
	}
	return nil
}

func singular(kind string) string { return strings.TrimSuffix(kind, "s") }

// mark fences and rewrites the document that stands for all references within a
// namespace: a reference cannot come while what it refers to goes.
func (w *write) mark(namespace string) error {
	if w.marked {
		return nil
	}
	w.marked = true
	key := referencesKey(namespace)
	d, err := w.set.o.Store.Get(key)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrDamaged) { // it says nothing
		return err
	}
	w.batch.Fences = append(w.batch.Fences, store.Fence{Key: key, Revision: d.Revision})
	w.batch.Put(key, []byte{1})
	return nil
}

// referrers are the names of resources that refer to k.
func (s *Set) referrers(k Key) (names []string) {
	for _, kind := range s.kinds {
		if kind.References == nil {
			continue
		}
		s.List(k.Namespace, kind, "", "", func(string) bool { return true }, func(r *Resource) bool {
			for _, ref := range kind.References(r.Noun) {
				if target := s.image.kinds[ref.Kind]; target != nil && NewKey(k.Namespace, target, ref.Name) == k {
					names = append(names, referrer(r, ref))
					break
				}
			}
			return true
		})
	}
	return names
}

// referrer names r; a namespace by what it says, since people look for a resource.
func referrer(r *Resource, ref Reference) string {
	if r.Kind.Name == Namespaces {
		return ref.Field + " of namespace " + r.Name
	}
	return r.Name
}

// fits checks what a resource and its parent have to agree about. They cannot be
// fenced on each other, since one of them may not be there yet; the mark stands for
// all of them: see refer.
func (w *write) fits(kind *Kind, k Key, noun any) error {
	if kind.Fits == nil && kind.Holds == nil {
		return nil
	}
	if err := w.mark(k.Namespace); err != nil {
		return err
	}
	if kind.Fits != nil {
		parent, ns := w.get(k.ParentKey(kind)), w.get(namespaceKey(k.Namespace)) // mayPut has found them
		if err := kind.Fits(noun, parent.Noun, ns.Noun); err != nil {
			return invalid(kind, err)
		}
	}
	if kind.Holds == nil {
		return nil
	}
	const most = 10 // faults that are told
	var faults []error
	err := w.below(kind, k, func(below Key) {
		if r := w.get(below); r != nil && len(faults) < most {
			if err := kind.Holds(noun, r.Noun); err != nil {
				faults = append(faults, err)
			}
		}
	})
	switch {
	case err != nil:
		return err
	case len(faults) > 0:
		return invalid(kind, errors.Join(faults...))
	}
	return nil
}

// claim takes what next claims and gives back what old claimed.
func (w *write) claim(old, next *Resource) error {
	had, wants := claims(old), claims(next)
	holder := holderOf(next, old)
	for _, c := range wants {
		if slices.ContainsFunc(had, c.same) {
			continue
		}
		key := claimKey(c)
		d, err := w.set.o.Store.Get(key)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case !bytes.Equal(d.Value, holder):
			return fail(c.Reason, c.Field, "%s: %s %s.", c.Field, c.Message, nameOf(d.Value))
		}
		w.batch.Put(key, holder)
		w.batch.Fences = append(w.batch.Fences, store.Fence{Key: key, Revision: d.Revision})
	}
	for _, c := range had {
		if !slices.ContainsFunc(wants, c.same) {
			w.batch.Delete(claimKey(c))
		}
	}
	return nil
}

func (c Claim) same(other Claim) bool { return c.Scope == other.Scope && c.Value == other.Value }

func claims(r *Resource) []Claim {
	if r == nil || r.Kind.Claims == nil {
		return nil
	}
	return r.Kind.Claims(r.Namespace, r.Noun)
}

// holderOf is the value of a claim's document: the resource in its stored spelling.
func holderOf(next, old *Resource) []byte {
	name := next.Name
	if old != nil {
		name = old.Name
	}
	b, _ := json.Marshal([]string{next.Namespace, next.Kind.Name, name})
	return b
}

func nameOf(holder []byte) string {
	var parts []string
	if json.Unmarshal(holder, &parts) != nil || len(parts) != 3 {
		return "another resource"
	}
	return singular(parts[1]) + " \"" + parts[2] + "\""
}
