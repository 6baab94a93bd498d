// Package identity knows the clients of a namespace: the registry with their
// names, attributes and credentials, the groups they belong to by query, and who
// is behind a CONNECT.
//
// How a client proves who it is lives in the rooms beside it: x509auth, jwtauth,
// webhookauth and passwordauth. Each gets Credentials and gives a Principal.
//
// Units: instants are time.Time, sizes bytes. Errors: a refusal is an *Error, whose
// Kind decides the reason code; anything else means that the check could not be
// made, and nobody gets in because of that.
// Source: spec/identity.md; spec/access-control.md, section 2.
package identity
