// Package delivery keeps the events of namespace topics until every event
// subscription is done with them: topics as durable logs, subscriptions as cursors in
// them, pull delivery with locks, and what becomes of events that cannot be delivered.
//
// A [Plane] is all of it, over one store. A [Stream] is a topic: routing appends
// records to it, publishers events. A [Queue] is a subscription. An event is stored
// once, whatever the number of subscriptions; a subscription reads the topic's log as
// its consumers ask, its filter decides when its cursor passes an event, and only
// copies that are out (locked, delayed, given back) are in memory.
//
// What is durable before which answer: an event before Publish returns (and before the
// ticket of Append is durable); a lock, with its delivery count, before Receive
// returns; a settlement before Acknowledge and its like return. A dead letter leaves
// its queue only when the sink has taken it. So everything may happen twice, nothing
// is lost, and after a crash locks are there with the ends they had.
//
// Push subscriptions are moved by an Options.Pushers: each has a Pusher that is woken, and
// an [Outbox] to take from. What was pushed is settled without waiting for the disk; the
// next taking waits for it.
//
// Goroutines: those of the pushers; one per plane, for the heap of deadlines; at most one per queue while it
// writes dead letters, at most 16 in all. Close waits for them.
// Locks, in this order: Plane.admin, Queue.walk (a channel: it is held during reads),
// Queue.mu, Stream.mu or Stream.journal.mu or a pusher's own, and those that nothing is called with:
// Plane.mu, deadlines.mu. None but the first two is held during I/O.
//
// Units: times on disk are milliseconds of Unix time, sizes bytes. Names ignore case.
// Errors: ErrNoTopic, ErrGone, ErrBacklog, ErrPush, *[FieldError]; of the store as it
// gives them (store.ErrFull and ErrClosed mean "not now").
//
// Source: spec/namespace-topics.md, whose sections are named here without the file;
// design.md, sections 3, 4 and 8. Byte layouts: docs/formats/eventlog.md.
package delivery
