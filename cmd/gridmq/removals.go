package main

import (
	"context"
	"net/http"

	plane "gridmq/control/client"
	"gridmq/control/manifest"
)

// delete removes resources, those first that others do not need.
func (a *changer) delete(ctx context.Context, list []*manifest.Resource, tell func(change)) error {
	if err := a.places.read(ctx); err != nil {
		return err
	}
	for _, r := range manifest.Backwards(list) {
		c := change{resource: r}
		a.remove(ctx, &c)
		if c.err != nil {
			c.operation = opFailed
		}
		tell(c)
		if hopeless(c.err) {
			return c.err
		}
	}
	return nil
}

func (a *changer) remove(ctx context.Context, c *change) {
	id, err := a.id(ctx, c.resource)
	if err != nil {
		c.err = err
		return
	}
	plan, err := again(ctx, func() (*plane.DryRun, error) { return a.c.DryRun(ctx, http.MethodDelete, id, nil) })
	if plane.IsNotFound(err) { // its namespace is not there
		c.operation = opAbsent
		return
	}
	if err != nil {
		c.err = err
		return
	}
	if c.judged(plan); c.operation == opUnchanged {
		c.operation = opAbsent
	}
	if a.dryRun || c.operation == opAbsent {
		return
	}
	_, c.err = again(ctx, func() (bool, error) { return a.c.Delete(ctx, id, plane.Condition{}) })
}
