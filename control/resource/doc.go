// Package resource keeps the resources of the management plane in the store's
// table: checked by the room that decides with them, written with fences, watched,
// and handed on in order to whoever lives by them.
//
// A write goes: decode (the noun's room) - references, claims, quota - one atomic
// batch with fences and an audit entry - the watch - Options.Apply - the caller is
// told. So a client that is created can connect when the answer arrives.
//
// The table holds three kinds of documents of ours:
//
//	c/<namespace>/<kind>/<name>   a resource; namespace "." for those of the whole process
//	ck/<scope>/<claim>            what only one resource may have (an authentication name, a host name)
//	cv/<namespace>                changes with every reference between resources of a namespace
//
// Units: instants are time.Time. Errors: an *Error says what the caller did wrong;
// anything else is the store's.
// Source: design.md, sections 4 and 6; spec/control-plane.md, sections 2, 4, 8.
package resource
