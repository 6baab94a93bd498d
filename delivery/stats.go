package delivery

import "sync/atomic"

// QueueStats are counts of one subscription since the start, in events (copies), and
// what it has now (section 15).
type QueueStats struct {
	Matched, Unmatched     uint64 // decisions of the filter
	Received               uint64 // given out
	Acknowledged, Released uint64
	Rejected, Renewed      uint64
	BadTokens, LostTokens  uint64 // settlements refused
	Failed                 uint64 // settlements and deliveries that the store refused
	Lapsed                 uint64 // locks that ran out for the last time: deliveries used up
	DeadLettered           uint64 // taken by the sink
	DeadLetterFailures     uint64 // times that the sink refused
	Dropped                uint64 // lost: no destination, or it did not take them in time
	Damaged                uint64 // unreadable, passed over
	Undelivered            uint64 // failed attempts to push; Received counts those that succeeded

	Unread                  uint64 // events of the topic that the filter has not looked at yet
	Outstanding, Departures int    // copies that are out; that wait for the sink
}

// StreamStats are counts of one topic since the start.
type StreamStats struct {
	Published uint64 // events stored, routed ones included
	Discarded uint64 // accepted while nobody subscribed
	Refused   uint64 // by the backlog's bound or by the store
	Bytes     int64  // held now, roughly
}

type counters struct {
	matched, unmatched, received, acknowledged, released, rejected, renewed atomic.Uint64
	badTokens, lostTokens, failed, lapsed                                   atomic.Uint64
	deadLettered, deadLetterFailures, dropped, damaged, undelivered         atomic.Uint64
}

// Stats are the counts of q.
func (q *Queue) Stats() QueueStats {
	c := &q.counters
	q.mu.Lock()
	outstanding, departures, cursor := q.book.Outstanding(), q.book.Leaving(), uint64(q.book.Cursor())
	q.mu.Unlock()
	unread := q.stream.last.Load() + 1 // read later than the cursor, and so not before it
	unread -= min(unread, cursor)
	return QueueStats{
		Matched: c.matched.Load(), Unmatched: c.unmatched.Load(), Received: c.received.Load(),
		Acknowledged: c.acknowledged.Load(), Released: c.released.Load(), Rejected: c.rejected.Load(), Renewed: c.renewed.Load(),
		BadTokens: c.badTokens.Load(), LostTokens: c.lostTokens.Load(), Failed: c.failed.Load(), Lapsed: c.lapsed.Load(),
		DeadLettered: c.deadLettered.Load(), DeadLetterFailures: c.deadLetterFailures.Load(),
		Dropped: c.dropped.Load(), Damaged: c.damaged.Load(), Undelivered: c.undelivered.Load(),
		Unread: unread, Outstanding: outstanding, Departures: departures,
	}
}

// Stats are the counts of s.
func (s *Stream) Stats() StreamStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return StreamStats{
		Published: s.published.Load(), Discarded: s.discarded.Load(), Refused: s.refused.Load(),
		Bytes: s.marks.held(),
	}
}
