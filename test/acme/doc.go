// Package acme gets certificates from a real ACME server, Let's Encrypt's Pebble,
// which runs in the test's process: the proofs, the certificates, what remains when
// the server is gone. It is a module of its own, as nobody else needs Pebble.
package acme
