// Package issuer is the local token endpoint: for tests, and for people without an
// identity provider. Registered applications get tokens for a client id and a
// secret (OAuth 2.0 client credentials), as the Azure SDKs and az ask for them.
//
// It keeps one document, its signing keys, through [Store], and knows applications
// through [Apps]; both belong to the caller. Nothing runs between requests: a key
// that has become old is replaced by the request that finds it so.
//
// Units: sizes are bytes. Errors over HTTP are those of RFC 6749, section 5.2; they
// do not say whether it was the client id or the secret that was wrong.
// Source: spec/sdk-compatibility.md, sections 9.1 and 12.2; RFC 6749, 4.4;
// OpenID Connect Discovery 1.0; RFC 7517, 7638.
package issuer
