// Package passwordauth finds who is behind a user name and a password.
//
// A check costs 20 ms and 19 MiB on purpose, so that a stolen registry is of little
// use. Three things keep a fleet that reconnects from taking minutes over it, or
// all the memory: a process checks as many passwords at once as it has processors
// and lets a bounded number wait (Gate); what was right a while ago is remembered
// as a MAC under a key of this process (cache); and passwords that we made, of 256
// random bits, cost 0.1 ms (identity.GeneratePassword). Hashes that were imported from
// mosquitto cost what they cost there, mostly less.
//
// Nobody learns from the time of an answer whether a client exists: a refusal
// always costs a whole check.
//
// Errors: *identity.Error; anything else means that a stored hash cannot be read.
// Source: RFC 9106; design.md, section 6.
package passwordauth

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"gridmq/identity"
	"gridmq/identity/internal/argon"
	"gridmq/identity/internal/stored"
)

// A Directory is where clients are looked up; an *identity.Registry is one.
type Directory interface {
	ByAuthenticationName(name string) *identity.Client
}

// Options bounds what checking costs. The zero value is ready to use.
type Options struct {
	// Gate bounds the checks at once. Default: one that the process shares.
	Gate *Gate
	// CacheSize is the number of right passwords that are remembered, 250 bytes each.
	// Default 65,536; negative: none.
	CacheSize int
	// CacheFor is how long one is remembered after it was last used. Default 24 h: a
	// fleet may have been connected for long when the network breaks.
	CacheFor time.Duration
}

func (o Options) withDefaults() Options {
	o.Gate = cmp.Or(o.Gate, shared)
	o.CacheSize = cmp.Or(o.CacheSize, 1<<16)
	o.CacheFor = cmp.Or(o.CacheFor, 24*time.Hour)
	return o
}

// An Authenticator checks the passwords of one namespace. All methods may be called
// at the same time.
type Authenticator struct {
	clients Directory
	gate    *Gate
	cache   *cache // nil: none
	// decoy is checked when there is nothing else to check.
	decoy stored.Hash
	match func(stored.Hash, []byte) bool

	checked, remembered, refused, turnedAway atomic.Uint64
}

// New makes an authenticator over the clients of a namespace.
func New(clients Directory, o Options) *Authenticator {
	o = o.withDefaults()
	a := &Authenticator{clients: clients, gate: o.Gate, decoy: argon.Decoy(argon.Default), match: stored.Hash.Matches}
	if o.CacheSize > 0 {
		a.cache = newCache(o.CacheSize, o.CacheFor)
	}
	return a
}

// Authenticate finds the client of this name and password. Kinds of refusal:
// BadCredentials, also for a name that nobody has and a client without a password;
// Disabled, once the password was right; Overloaded.
func (a *Authenticator) Authenticate(ctx context.Context, c *identity.Credentials) (*identity.Principal, error) {
	if c.Username == nil || c.Password == nil {
		return nil, refusal(identity.BadCredentials, "a user name and a password are needed")
	}
	client := a.clients.ByAuthenticationName(*c.Username)
	ok, err := a.check(ctx, client, c.Password)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		a.refused.Add(1)
		return nil, a.reason(client, *c.Username)
	case client.State == identity.StateDisabled:
		return nil, refusal(identity.Disabled, fmt.Sprintf("client %q is disabled", client.Name))
	}
	return client.Principal(identity.Password), nil
}

// reason tells the operator, and only the operator, what was wrong.
func (a *Authenticator) reason(client *identity.Client, name string) error {
	switch {
	case client == nil:
		return refusal(identity.BadCredentials, fmt.Sprintf("no client has the authentication name %.128q", name))
	case client.Password == "":
		return refusal(identity.BadCredentials, fmt.Sprintf("client %q has no password; set properties.gridmq.password", client.Name))
	}
	return refusal(identity.BadCredentials, fmt.Sprintf("client %q has another password", client.Name))
}

func refusal(kind identity.Kind, reason string) error {
	return &identity.Error{Kind: kind, Reason: reason}
}

// check says whether client, which may be nil, has this password.
func (a *Authenticator) check(ctx context.Context, client *identity.Client, password []byte) (bool, error) {
	if client == nil || client.Password == "" {
		return false, a.refuseSlowly(ctx, password)
	}
	hash, err := stored.Parse(string(client.Password))
	if err != nil {
		return false, fmt.Errorf("client %q: password hash: %w", client.Name, err)
	}
	mac, ok := a.cache.known(client, password)
	if ok {
		a.remembered.Add(1)
		return true, nil
	}
	if err := a.enter(ctx); err != nil {
		return false, err
	}
	defer a.gate.leave()
	a.checked.Add(1)
	if a.match(hash, password) {
		a.cache.remember(mac)
		return true, nil
	}
	if hash.Work() < a.decoy.Work() { // a cheap hash must not answer sooner than no client
		a.match(a.decoy, password)
	}
	return false, nil
}

// refuseSlowly does as if there were a password.
func (a *Authenticator) refuseSlowly(ctx context.Context, password []byte) error {
	if err := a.enter(ctx); err != nil {
		return err
	}
	defer a.gate.leave()
	a.checked.Add(1)
	a.match(a.decoy, password)
	return nil
}

func (a *Authenticator) enter(ctx context.Context) error {
	err := a.gate.enter(ctx)
	if err != nil {
		a.turnedAway.Add(1)
		return &identity.Error{Kind: identity.Overloaded, Reason: "too many passwords are being checked", Err: err}
	}
	return nil
}

// Stats counts what has happened since the start.
type Stats struct {
	Checked    uint64 // whole checks
	Remembered uint64 // checks that the cache saved
	Refused    uint64 // wrong passwords and unknown names
	TurnedAway uint64 // at the gate
}

// Stats returns the counters, for metrics.
func (a *Authenticator) Stats() Stats {
	return Stats{a.checked.Load(), a.remembered.Load(), a.refused.Load(), a.turnedAway.Load()}
}

// Hash hashes a password with a new salt.
func Hash(plain []byte) identity.PasswordHash { return identity.HashPassword(plain) }

// Verify says whether plain is the password of a hash; false for one that cannot be
// read. It waits for nobody: it is for tools, not for CONNECT.
func Verify(h identity.PasswordHash, plain []byte) bool {
	hash, err := stored.Parse(string(h))
	return err == nil && hash.Matches(plain)
}
