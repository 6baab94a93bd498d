// Package push takes the events of push subscriptions to webhooks, and with Options.Hubs
// to Event Hubs and Kafka.
//
// A [Pool] is delivery.Pushers: each push subscription of a plane has a pusher in it,
// which is a few words of memory while nothing is there to be sent. Woken, it has up to
// Options.PerSubscription workers; a worker takes one request's events, sends them,
// settles them, and ends when nothing is left. What was taken and what became of it is
// durable in delivery; nothing of it is remembered here.
//
// Nobody waits for a destination but its own events. One that fails is put aside for a
// while (section 12.4); then a single worker tries it, until it succeeds. All workers
// together are bounded by Options.Workers; half of them are for subscriptions that
// have none yet, and when all are busy subscriptions take turns.
//
// Goroutines: the workers. Pool.Wait waits for them once their pushers were stopped.
// Locks: Pool.mu guards the state of all pushers and is never held during I/O or while
// delivery is called.
//
// Units: sizes are bytes. Errors: of Validate, a text for whoever makes the
// subscription. No error and no log has a URL's query, a header's value, or a token.
// Source: spec/namespace-topics.md, sections 10 to 12.
package push
