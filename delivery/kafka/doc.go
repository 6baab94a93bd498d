// Package kafka sends events to Event Hubs, Fabric eventstreams and any other Kafka.
//
// [Producers] are push.Hubs: what a delivery.EventHub names is looked up in a list of
// [Destination], and whoever sends to the same one shares one client. The client is there
// from the first event until nothing was sent for Options.Idle.
//
// An event is one record, in the CloudEvents Kafka protocol binding, with the headers that
// Event Grid adds. Records are acknowledged by all in-sync replicas; the producer is
// idempotent, so that what the client repeats by itself (a leader that has moved, a
// connection that broke) is there once. What had no answer when its time was over is sent
// again as another record: events may come twice.
//
// Memory: at most MaxRecords records and MaxBytes bytes of a destination are held by its
// client; more waits in whoever sends, for its time. Those that had no answer stay there
// until the client learns what became of them, or is closed.
//
// Goroutines: those of the client, a few per broker that it has connections with;
// Producers.Close waits for them. None of ours.
//
// Units: sizes are bytes. Errors: a verdict has the cause, without secrets.
// Source: spec/namespace-topics.md, sections 10.4, 10.5 and 12; CloudEvents Kafka protocol
// binding 1.0.2; Kafka protocol, error codes.
package kafka
