package tenants

import (
	"context"

	"gridmq/identity"
	"gridmq/identity/jwtauth"
	"gridmq/identity/passwordauth"
	"gridmq/identity/webhookauth"
	"gridmq/identity/x509auth"
)

// methods are the ways to log in that a namespace is configured for. They are
// replaced together when the namespace changes; nil is one that it does not have. What
// holds keys, answers or connections goes on in the next methods, if its settings stay.
type methods struct {
	settings     settings                // what custom, directory and webhook were made of
	certificates *x509auth.Authenticator // nil: the webhook cannot be asked, or the namespace is going
	passwords    *passwordauth.Authenticator
	custom       *jwtauth.Custom
	directory    *jwtauth.Directory
	webhook      *webhookauth.Webhook
	first        bool // the registry is asked before the webhook
	broken       error
}

// openMethods makes what the namespace is configured for, and takes over from old what
// is as it was. What cannot be made, as a file that is not there, is logged and lets
// nobody in.
func (n *tenant) openMethods(old *methods) *methods {
	noun := n.noun()
	m := &methods{settings: settingsOf(noun), first: noun.GridMQ.RegistryFirst}
	options := x509auth.Options{Enrolment: n.enrolment(), Watch: n.watch}
	for _, name := range noun.NameSources {
		if s, ok := x509auth.ParseSource(name); ok {
			options.Sources = append(options.Sources, s)
		}
	}
	m.certificates = x509auth.New(n.registry, options)
	if noun.GridMQ.Passwords {
		if m.passwords = old.passwords; m.passwords == nil {
			m.passwords = passwordauth.New(n.registry, passwordauth.Options{})
		}
	}
	fail := func(what string, err error) {
		n.t.log.Error("authentication method not available: whoever needs it is refused", "namespace", n.name, "method", what, "err", err)
		m.broken = err
	}
	var err error
	if m.custom = old.keptCustom(m.settings); m.custom == nil && len(noun.Tokens.Issuers) > 0 {
		if m.custom, err = noun.Tokens.Open(); err != nil {
			m.custom = nil
			fail(jwtauth.MethodCustom, err)
		}
	}
	var local []jwtauth.Issuer
	if n.t.o.Issuer != nil {
		local = append(local, *n.t.o.Issuer)
	}
	if m.directory = old.keptDirectory(m.settings); m.directory == nil && len(noun.Directory.Issuers)+len(local) > 0 {
		if m.directory, err = noun.Directory.Open(local...); err != nil {
			m.directory = nil
			fail(jwtauth.MethodDirectory, err)
		}
	}
	if m.webhook = old.keptWebhook(m.settings); m.webhook == nil && noun.Hook.Configured {
		if m.webhook, err = noun.Hook.Open(n.t.o.Tokens, n.t.log); err != nil {
			m.webhook = nil
			fail("webhook", err)
			m.webhookBroken()
		}
	}
	return m
}

// webhookBroken keeps the registry from deciding in the place of a webhook that
// cannot be asked.
func (m *methods) webhookBroken() { m.certificates, m.passwords, m.first = nil, nil, false }

// enrolment is "register on first connect", for the CAs that are trusted with it: all
// that the namespace has or will have, when none is named.
func (n *tenant) enrolment() *x509auth.Enrolment {
	e := n.noun().GridMQ.Enrolment
	if e == nil || n.t.o.Register == nil {
		return nil
	}
	return &x509auth.Enrolment{CAs: e.CAs, Any: len(e.CAs) == 0, Register: func(ctx context.Context, c *identity.Client) error {
		return n.t.o.Register(ctx, n.name, c)
	}}
}

func (m *methods) close() { m.closeFor(&methods{}) }

// closeFor closes what next has not taken over.
func (m *methods) closeFor(next *methods) {
	if m.custom != nil && m.custom != next.custom {
		m.custom.Close()
	}
	if m.directory != nil && m.directory != next.directory {
		m.directory.Close()
	}
	if m.webhook != nil && m.webhook != next.webhook {
		m.webhook.Close()
	}
}
