// Package access says what a client may do: which topics it may publish to, which
// filters it may subscribe to, and why (not).
//
// A topic space is a set of topic templates. A permission binding gives the members
// of a client group one permission, Publisher or Subscriber, on a topic space. What
// no binding opens is closed, and nothing closes what one opens. Clients with a
// directory token have role assignments in the place of bindings.
//
// A [Policy] is all of that for one namespace. It compiles a client into [Grants],
// which answer on the hot path; a changed resource makes another Policy, and the
// clients are compiled again. [Policy.Explain] is the slow way, for people.
//
// Everything here is a value that does not change; all methods may be called at the
// same time.
//
// Units: lengths are bytes unless a comment says characters.
// Errors: what is wrong with a resource is an *identity.FieldError, or several
// joined. A decision is never an error.
// Source: spec/access-control.md; spec/identity.md, section 4.
package access
