// Package x509auth finds who is behind a client certificate: which client of the
// registry it names, and whether that client's own validation scheme accepts it.
//
// TLS has shown that the client has the certificate's key; nothing else about it is
// trusted until a CA certificate of the namespace, or a registered thumbprint,
// vouches for it. Any registered CA certificate is a trust anchor, self-signed or
// not; the client may send intermediates that lead to one.
//
// Beyond Event Grid, and only where asked for: revocation lists, OCSP, and the
// registration of a client on its first connect.
//
// Errors: *identity.Error. Every check that cannot be made refuses.
// Source: spec/identity.md, section 3; RFC 5280; RFC 6960 (OCSP).
package x509auth
