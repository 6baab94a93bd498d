// Package route makes events of MQTT messages: which topics a message goes to, the
// record in which it lies there, the CloudEvent that the record becomes when it is
// delivered, and when to try again where a topic did not take it. The events of
// clients that come, go and change are in lifecycle beneath.
//
// It is pure: no socket, no goroutine, no clock. The way through the room: [Read]
// takes what a namespace says about routing, [Compile] makes a [Table] of it; for
// each message [Table.Decide] says where its topic name goes, [Table.AppendRecord]
// writes the record once for all destinations, and [Render] makes the event, as often
// as it is wanted. A record says everything itself: an event is the same after the
// configuration has changed.
//
// Units: sizes are bytes, lengths of configured values characters. Errors: *[FieldError],
// joined, for a configuration; [ErrRecord] for a record that nobody can read.
//
// Source: spec/routing.md, whose sections are named here without the file;
// docs/formats/routed-record.md draws the record.
package route
