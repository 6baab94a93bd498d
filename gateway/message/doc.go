// Package message reads an MQTT message out of an HTTP request: where each part of a
// PUBLISH packet stands in headers and query, and what is refused.
//
// It is pure. Units: bytes, seconds. Errors say what to send instead and repeat
// nothing; all of them mean status 400.
// Source: spec/retain-and-http-publish.md, section 3.1; MQTT 5.0, section 3.3.
package message
