// Package gateway is the HTTP data plane: publishers of events and their consumers,
// MQTT messages by HTTP, and retained messages.
//
//	POST /topics/{t}:publish
//	POST /topics/{t}/eventsubscriptions/{s}:receive, :acknowledge, :release, :reject, :renewLock
//	POST /mqtt/messages
//	GET  /mqtt/retainedMessages, /mqtt/retainedMessages/message
//
// [New] makes an http.Handler; what it needs of the event plane, of the namespaces and
// of the MQTT broker are small interfaces in [Options]. A request passes, in this
// order: path and method, namespace, network rules, authentication, authorization,
// existence, api-version and query, body (handler.go). So names cannot be probed by
// somebody without a credential, and a body is read for nobody who may not send one.
//
// The http.Server must have neither ReadTimeout nor WriteTimeout, since a receive waits
// up to 120 seconds; ReadHeaderTimeout and IdleTimeout are its matter. The gateway
// sets the deadlines of bodies and answers itself. Close it before the server's
// Shutdown, which would wait for the receives.
//
// It starts no goroutine. Units: sizes are bytes, rates are per second.
// Errors: *[Error] is what a client is told. Keys, tokens and query strings appear in
// none of them, and in no log.
//
// Source: spec/namespace-topics.md, whose sections are named here without the file;
// spec/retain-and-http-publish.md; what client libraries send: spec/sdk-compatibility.md.
package gateway
