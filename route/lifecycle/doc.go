// Package lifecycle makes the events of clients that come, go and change: a session that
// connects or is disconnected, a client resource that is created, updated or deleted;
// in both schemas that Event Grid has for them. It says why a connection ended, and makes
// one event of several changes that follow each other closely.
//
// It is pure: whoever calls has the clock, the ids and the destinations.
//
// Units: as the fields say. There are no errors: every name that a client can have gives
// a valid event.
//
// Source: spec/lifecycle-events.md, whose sections are named here without the file.
package lifecycle
