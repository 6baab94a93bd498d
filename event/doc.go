// Package event is a CloudEvent 1.0: its attributes and data, what is refused, and
// its three forms on HTTP: JSON (structured), JSON batch, and binary, where the
// attributes are headers. What subscriptions ask of it is in filter beneath.
//
// It is pure: bytes in, values out. It opens no socket, starts no goroutine, has no
// clock and remembers nothing. Reading is strict, because one event that a client
// library cannot decode spoils every receive that contains it; writing is
// append-style and allocates nothing but what the buffer lacks.
//
// The way through the room: [ReadHTTP] takes a publish request in any mode,
// [Read], [ReadBatch] and [ReadBinary] one of them; [Event.Validate] judges an event
// that the broker makes itself; [Event.AppendJSON], [AppendBatch],
// [Event.Headers] and [Event.AppendBody] write.
//
// Units: sizes are bytes, 1 MB is 1,048,576 of them. Errors: *[Error]. Its Kind says
// which status to answer; the text names the attribute and what to do, and never
// repeats a value.
//
// Source: CloudEvents 1.0.2, its JSON event format and its HTTP protocol binding;
// spec/namespace-topics.md, sections 5 and 6, and spec/routing.md, section 3, named
// here without the file where it is the first. docs/formats/event.md has examples.
package event
