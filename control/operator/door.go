package operator

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"gridmq/control/role"
)

var (
	// ErrNoToken: the request has no bearer token.
	ErrNoToken = errors.New("no bearer token")
	// ErrBadToken: the token is unknown, expired or withdrawn.
	ErrBadToken = errors.New("the bearer token is not valid")
)

// ThrottledError: too many failures from this address.
type ThrottledError struct{ RetryAfter time.Duration }

func (*ThrottledError) Error() string { return "too many failed attempts" }

// Claims are who a verified token of a directory belongs to.
type Claims struct {
	Name   string   // for people: upn, appid or the like
	Object string   // object id
	Groups []string // object ids of groups
	Type   string   // User, Application or ManagedIdentity
}

// A TokenVerifier checks tokens of a directory (OIDC). An error that wraps
// ErrBadToken refuses the token; another one means that it could not be checked.
type TokenVerifier interface {
	Verify(ctx context.Context, token string) (Claims, error)
}

// A Grant is a role at a scope.
type Grant struct {
	Role  *role.Definition
	Scope string
}

// A Caller is who has been found to make a request.
type Caller struct {
	Name   string
	Type   string // as in systemData
	Grants []Grant
}

// May says whether the caller may do an action on a resource id.
func (c *Caller) May(action, id string) bool {
	for _, g := range c.Grants {
		if role.Covers(g.Scope, id) && g.Role.Allows(action) {
			return true
		}
	}
	return false
}

// MayBelow says whether the caller may do an action on something below id: then
// it may ask for the list, and sees its part of it.
func (c *Caller) MayBelow(action, id string) bool {
	for _, g := range c.Grants {
		if (role.Covers(g.Scope, id) || role.Covers(id, g.Scope)) && g.Role.Allows(action) {
			return true
		}
	}
	return false
}

// Options of a Door.
type Options struct {
	// Local are operators of the configuration, usually one whose token was made
	// at the first start. They cannot be changed by anybody.
	Local []Operator
	// Verifier checks tokens that are none of ours. Default: they are refused.
	Verifier TokenVerifier
	// Assigned lists the grants of an object id of the directory.
	Assigned func(object string) []Grant
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// A Door lets operators in.
type Door struct {
	o        Options
	throttle *throttle

	mu    sync.RWMutex
	known map[string]*Operator // resources, by name in lower case
}

// NewDoor returns a door that knows Options.Local.
func NewDoor(o Options) *Door {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Door{o: o, throttle: newThrottle(), known: map[string]*Operator{}}
}

// Set makes an operator known, or with nil unknown.
func (d *Door) Set(name string, o *Operator) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o == nil {
		delete(d.known, strings.ToLower(name))
	} else {
		d.known[strings.ToLower(name)] = o
	}
}

// maxToken bounds what is looked at.
const maxToken = 16 << 10

// Enter finds the caller of a request by its Authorization header. A token that is
// good is let in also when others behind the same address guess.
func (d *Door) Enter(ctx context.Context, authorization string, from netip.Addr) (*Caller, error) {
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, ErrNoToken
	}
	if o := d.find(token); o != nil {
		return &Caller{o.Name, "Key", []Grant{{o.Role, o.Scope}}}, nil
	}
	now := d.o.Now()
	if wait, yes := d.throttle.exhausted(from, now); yes {
		return nil, &ThrottledError{wait}
	}
	c, err := d.verify(ctx, token)
	if errors.Is(err, ErrBadToken) {
		d.throttle.failed(from, now)
	}
	return c, err
}

// find compares with every operator, so that time tells nothing about which.
func (d *Door) find(token string) (found *Operator) {
	if len(token) > maxToken {
		return nil
	}
	hash := HashOf(token)
	look := func(o *Operator) {
		if o.Hash.is(hash) && !o.Disabled {
			found = o
		}
	}
	for i := range d.o.Local {
		look(&d.o.Local[i])
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, o := range d.known {
		look(o)
	}
	return found
}

func (d *Door) verify(ctx context.Context, token string) (*Caller, error) {
	if d.o.Verifier == nil || len(token) > maxToken {
		return nil, ErrBadToken
	}
	claims, err := d.o.Verifier.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	c := &Caller{Name: cmp.Or(claims.Name, claims.Object), Type: cmp.Or(claims.Type, "User")}
	if d.o.Assigned != nil {
		c.Grants = d.o.Assigned(claims.Object)
		for _, group := range claims.Groups {
			c.Grants = append(c.Grants, d.o.Assigned(group)...)
		}
	}
	return c, nil
}
