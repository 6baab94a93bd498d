// Package tracing makes spans of what becomes of a message, and exports them over OTLP.
//
// A [Tracer] decides which traces are recorded: where a message says what trace it is of,
// as its traceparent says; else by chance. A nil *Tracer and a nil *Span are fine and do
// nothing, so that whoever has neither writes the same code: what is not recorded is a nil
// *Span, and costs no memory. Finished spans wait in a bounded queue for one goroutine,
// which posts them to a collector. Nobody waits for it: what finds the queue full is
// dropped, and counted.
//
// Spans have names of things (namespace, topic, client, event subscription), never a
// payload, a credential, a path or a query of a URL.
//
// Units: times are Unix nanoseconds. Errors: of New only, what is wrong with Options.
// Source: W3C Trace Context (levels 1 and 2); OTLP 1.x, JSON over HTTP; OpenTelemetry's
// semantic conventions for messaging and HTTP.
package tracing
