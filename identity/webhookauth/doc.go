// Package webhookauth lets somebody else decide who is behind a CONNECT: all that
// it brought goes to an HTTPS endpoint, and the answer is a decision, a name and
// attributes.
//
// It fails closed: whatever is not a decision in the documented form, down to the
// status and the Content-Type, lets nobody in. So does waiting: a call takes its
// time-out at most, a place in the bounded queue for calls as long again, and while
// the webhook is down (see breaker) nobody waits at all.
//
// Units: sizes are bytes. Errors: *identity.Error, always. NotAuthorized is a
// decision; Unavailable is none; Overloaded is our own queue.
// Source: spec/identity.md, sections 5 and 7.
package webhookauth
