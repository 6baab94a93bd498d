package delivery

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"gridmq/event"
)

// Options are what a plane works with. The zero value works for events of publishers.
type Options struct {
	// Render makes events of the records that Stream.Append was given.
	Render Renderer
	// DeadLetters takes what cannot be delivered. Nil: such events are dropped, and
	// counted, as for subscriptions without a destination.
	DeadLetters DeadLetterSink
	// Pushers move the events of push subscriptions. Nil: they wait, until their time to
	// live is over.
	Pushers Pushers
	// Log receives the room's events. Default: none.
	Log    *slog.Logger
	Limits Limits
}

// An EventID names one stored record for ever: no other, in any topic, has it. It is
// the same at each delivery.
type EventID = [16]byte

// A Renderer makes events of records. It is called by many goroutines and must not
// keep record.
type Renderer interface {
	Render(record []byte, id EventID) (event.Event, error)
}

// A DeadLetterSink takes dead letters. When Write returns nil they are durable; after
// an error all of them come again. It may be called by several goroutines, and twice
// with the same letters after a crash. ctx ends after 30 seconds.
type DeadLetterSink interface {
	Write(ctx context.Context, d DeadLetter) error
}

// Limits bound a plane. The zero value has the defaults.
type Limits struct {
	// TopicBytes is what the log of one topic may hold; more is refused with
	// ErrBacklog. Default 1 GiB.
	TopicBytes int64
	// Outstanding is the number of copies of one subscription that may be out: locked,
	// delayed, given back. At the bound only those are delivered. Default 10,000.
	Outstanding int
	// Departures is the number of copies of one subscription that may wait for the
	// dead-letter sink; more are dropped and counted. Default 10,000.
	Departures int
	// ReceiveBytes ends the answer to one Receive, after at least one event
	// (section 9.1). Default 4 MiB.
	ReceiveBytes int
	// JournalBytes is what the journal of one topic may grow by before snapshots
	// replace it. Default 1 MiB.
	JournalBytes int
}

func (o Options) withDefaults() Options {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Render == nil {
		o.Render = noRenderer{}
	}
	o.Limits.TopicBytes = cmp.Or(o.Limits.TopicBytes, 1<<30)
	o.Limits.Outstanding = cmp.Or(o.Limits.Outstanding, 10_000)
	o.Limits.Departures = cmp.Or(o.Limits.Departures, 10_000)
	o.Limits.ReceiveBytes = cmp.Or(o.Limits.ReceiveBytes, 4<<20)
	o.Limits.JournalBytes = cmp.Or(o.Limits.JournalBytes, 1<<20)
	return o
}

type noRenderer struct{}

func (noRenderer) Render([]byte, EventID) (event.Event, error) {
	return event.Event{}, errors.New("there is no renderer")
}

func millis(t time.Time) int64       { return t.UnixMilli() }
func timeOf(ms int64) time.Time      { return time.UnixMilli(ms).UTC() }
func inMillis(d time.Duration) int64 { return int64(d / time.Millisecond) }
