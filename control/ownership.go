package control

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"gridmq/control/namespace"
)

// A Resolver asks the DNS, as *net.Resolver does.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// lookupTimeout bounds all look-ups of one request together.
const lookupTimeout = 5 * time.Second

// ownership looks for the TXT records that prove who owns custom domains.
type ownership struct {
	resolver Resolver
	skip     bool
}

func newOwnership(r Resolver, skip bool) *ownership {
	if r == nil {
		r = net.DefaultResolver
	}
	return &ownership{r, skip}
}

// check sets the states of domains that are not approved yet. The text of one that
// old did not have was made just now, so nobody can have published it.
func (o *ownership) check(ctx context.Context, n, old *namespace.Namespace) {
	made := map[string]bool{}
	if old != nil {
		old.AllDomains(func(d *namespace.Domain) { made[d.TXT] = true })
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	n.AllDomains(func(d *namespace.Domain) {
		switch {
		case d.State == namespace.Approved:
		case o.skip:
			d.State = namespace.Approved
		case made[d.TXT]:
			all.Go(func() { d.State = o.look(ctx, d) })
		}
	})
}

func (o *ownership) look(ctx context.Context, d *namespace.Domain) string {
	texts, err := o.resolver.LookupTXT(ctx, d.TXTName()+".")
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return namespace.Pending
	}
	switch {
	case err != nil:
		return namespace.NoAnswer
	case slices.Contains(texts, d.TXT):
		return namespace.Approved
	}
	return namespace.Pending
}
