// Package jwtauth finds out who is behind a JSON Web Token: of the directory
// (OAUTH2-JWT) or of issuers that a namespace trusts itself (CUSTOM-JWT).
//
// Signatures are checked by go-jose v4, for three reasons: it needs no other
// module, it verifies only algorithms that the caller names and only with a key of
// the matching type, and its JSON refuses duplicate members. All that decides is
// ours and in this order: size, header, claims, issuer, audience, time, key,
// signature. A token that cannot be good costs neither a request for keys nor a
// signature check.
//
// Nothing in a token chooses a key but kid, which is only compared: jku, jwk, x5u
// and x5c are ignored, crit is refused.
//
// Units: sizes are bytes. Errors: *identity.Error, always. Unavailable means that
// there was no key to check with.
// Source: spec/identity.md, sections 4 to 6; RFC 7515, 7517, 7519, 8725, 9068.
package jwtauth

// Authentication methods of MQTT 5.
const (
	MethodDirectory = "OAUTH2-JWT"
	MethodCustom    = "CUSTOM-JWT"
)
