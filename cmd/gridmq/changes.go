package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	plane "gridmq/control/client"
	"gridmq/control/manifest"
)

// What happens to a resource.
const (
	opCreate    = "create"
	opChange    = "change"
	opUnchanged = "unchanged"
	opDelete    = "delete"
	opAbsent    = "absent" // to be deleted, and not there
	opFailed    = "failed"
	opSkipped   = "skipped" // something that it needs has failed
)

// A change is what happened to one resource, or with dryRun would happen.
type change struct {
	resource    *manifest.Resource
	operation   string
	differences []manifest.Difference
	losses      []loss
	notes       []string
	err         error
}

// A loss is what a live client no longer may.
type loss struct{ client, session, what, reason string }

// A changer applies resources to a server, or deletes them.
type changer struct {
	c      *plane.Client
	places *places
	dryRun bool

	mu     sync.Mutex
	failed map[string]bool // keys of resources that did not come about
	coming map[string]bool // dry run: keys of resources that would be created
}

func newChanger(m *manageFlags, dryRun bool) *changer {
	return &changer{c: m.client, places: m.places, dryRun: dryRun, failed: map[string]bool{}, coming: map[string]bool{}}
}

// workers is how many requests are under way at once.
const workers = 8

// apply makes the server's resources what list says, a level after the other, and
// tells about each in the order of the levels. It ends early when the server cannot
// be reached, or knows no such token; the error is then why.
func (a *changer) apply(ctx context.Context, list []*manifest.Resource, tell func(change)) error {
	if err := a.places.read(ctx); err != nil {
		return err
	}
	ix := manifest.NewIndex(list)
	stages := manifest.Stages(list, func(namespace string) bool {
		_, found, _ := a.places.find(ctx, namespace) // which have been read
		return found
	})
	for _, level := range manifest.Levels(stages) {
		if err := a.all(ctx, level, ix, tell); err != nil {
			return err
		}
	}
	return nil
}

func (a *changer) all(ctx context.Context, level []*manifest.Resource, ix manifest.Index, tell func(change)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make([]chan change, len(level))
	for i := range done {
		done[i] = make(chan change, 1)
	}
	next := make(chan int)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop(nil)
	running.Go(func() { // ends when all are given out
		defer close(next)
		for i := range level {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	})
	for range min(workers, len(level)) {
		running.Go(func() { // ends with next
			for i := range next {
				done[i] <- a.one(ctx, level[i], ix)
			}
		})
	}
	for i := range level {
		select {
		case c := <-done[i]:
			tell(c)
			if hopeless(c.err) {
				return c.err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// hopeless says whether the next request would fail in the same way.
func hopeless(err error) bool {
	if refusal, ok := errors.AsType[*plane.Error](err); ok {
		return refusal.Status == http.StatusUnauthorized
	}
	return isConnection(err)
}

// id is the resource id. A namespace that exists stays where it is.
func (a *changer) id(ctx context.Context, r *manifest.Resource) (string, error) {
	if r.Scope != "" {
		var id strings.Builder
		for part := range strings.FieldsFuncSeq(r.Scope+"/providers/Microsoft.Authorization/roleAssignments/"+r.Name, func(c rune) bool { return c == '/' }) {
			id.WriteString("/" + url.PathEscape(part))
		}
		return id.String(), nil
	}
	if r.Kind.Apart {
		return a.places.topicID(ctx, r)
	}
	place := plane.Place{Subscription: r.Subscription, Group: r.Group}
	name := r.Namespace
	h, found, err := a.places.find(ctx, name)
	if found {
		place, name = h.place, h.name
	}
	return place.ID(name, r.Path()...), err
}

// one brings about one resource.
func (a *changer) one(ctx context.Context, r *manifest.Resource, ix manifest.Index) change {
	c := change{resource: r}
	needs := r.Needs(ix)
	if why := a.any(a.failed, needs); why != nil {
		c.operation, c.err = opSkipped, fmt.Errorf("needs %s, which failed", why)
	} else if missing := a.any(a.coming, needs); missing != nil {
		a.unchecked(ctx, &c, missing)
	} else {
		a.put(ctx, &c)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case c.err != nil:
		a.failed[r.Key()] = true
		if c.operation != opSkipped {
			c.operation = opFailed
		}
	case a.dryRun && c.operation == opCreate:
		a.coming[r.Key()] = true
	}
	return c
}

func (a *changer) any(set map[string]bool, list []*manifest.Resource) *manifest.Resource {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range list {
		if set[r.Key()] {
			return r
		}
	}
	return nil
}

// unchecked is a dry run that the server cannot judge: what it needs is not there yet.
func (a *changer) unchecked(ctx context.Context, c *change, needs *manifest.Resource) {
	id, err := a.id(ctx, c.resource)
	if err == nil {
		_, err = again(ctx, func() (*plane.Resource, error) { return a.c.Get(ctx, id) })
	}
	switch {
	case plane.IsNotFound(err):
		c.operation = opCreate
	case err != nil:
		c.err = err
	default:
		c.operation = opChange
	}
	c.notes = append(c.notes, fmt.Sprintf("not checked by the server: it needs %s, which is not there yet", needs))
}

// put asks what a PUT would do, and does it if that is something.
func (a *changer) put(ctx context.Context, c *change) {
	r := c.resource
	id, err := a.id(ctx, r)
	if err != nil {
		c.err = err
		return
	}
	plan, err := again(ctx, func() (*plane.DryRun, error) { return a.c.DryRun(ctx, http.MethodPut, id, r.JSON()) })
	if err != nil {
		c.err = err
		return
	}
	c.judged(plan)
	var only plane.Condition
	switch c.operation {
	case opUnchanged:
		return
	case opCreate:
		only.New = true
	case opChange:
		old, err := again(ctx, func() (*plane.Resource, error) { return a.c.Get(ctx, id) })
		if err != nil {
			c.err = err
			return
		}
		only.ETag = old.ETag
		c.differences = manifest.Diff(object(old.Raw), object(plan.Resource))
	}
	if a.dryRun {
		return
	}
	_, c.err = again(ctx, func() (*plane.Resource, error) {
		shown, _, _, err := a.c.Put(ctx, id, r.JSON(), only)
		return shown, err
	})
}

var operations = map[string]string{"create": opCreate, "update": opChange, "delete": opDelete, "none": opUnchanged}

// judged takes over what the server says would happen.
func (c *change) judged(plan *plane.DryRun) {
	c.operation = operations[plan.Operation]
	for _, e := range plan.Effects {
		c.losses = append(c.losses, loss{e.Client, e.Session, e.Loses, e.Reason})
	}
	if n := plan.MoreEffects; n > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%s: live clients would lose %d more things, which are not listed", c.resource, n))
	}
	c.notes = append(c.notes, plan.Warnings...)
	if len(plan.Resource) > 0 {
		for _, field := range manifest.Ignored(c.resource.Body, object(plan.Resource)) {
			c.notes = append(c.notes, fmt.Sprintf("%s: %s is nothing that the server knows; it is left aside", c.resource.At(field), field))
		}
	}
}

// object is a JSON object with its numbers as they are written.
func object(raw json.RawMessage) map[string]any {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var o map[string]any
	if d.Decode(&o) != nil {
		return nil
	}
	return o
}
