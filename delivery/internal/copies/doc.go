// Package copies is the state of one event subscription: where it has come to in
// the topic's log, and the copies of events that are out and not done.
//
// It is pure. Nothing in a Book changes but by Apply, Advance and Expire: whoever
// wants a change plans it ([Book.Valid], [Book.Ready], [Book.Expire] say what may be),
// writes it down, and applies it when the store has taken it. The recovery applies
// what was written to a restored snapshot, so memory and disk cannot come to differ.
// What follows from the time alone (a lock that ran out, a delay that is over) is not
// written: it follows again.
//
// A lock is anybody's: of a consumer that pulls, of the broker that pushes.
//
// Invariant: every copy lies before the cursor. Units: times are milliseconds of Unix
// time. Errors: of what reads bytes, ErrEncoding.
// Source: spec/namespace-topics.md, section 9.5.
package copies
