// Package control is the management plane over HTTP: the resources of a namespace
// in the shape of Azure Resource Manager, the end points around them that tools
// insist on, and below /gridmq what Resource Manager does not have: sessions,
// refused connections, bans, explanations, operators, the audit log.
//
// A Plane is an http.Handler that must be mounted as it is, not behind an
// http.ServeMux: that would redirect paths with two slashes, and a redirected PUT
// becomes a GET in many clients.
//
// Everything is done before it is answered, so there are no long-running
// operations. Requests are bounded: 4 MiB, 32 levels of JSON, a minute.
//
// Errors: an *Error is what the caller is told, in the shape of Resource Manager.
// Source: spec/control-plane.md; design.md, sections 6 and 7.
package control
