package delivery

import (
	"errors"

	"gridmq/delivery/internal/copies"
	"gridmq/event"
	"gridmq/store"
)

// walkEvents is how many events are looked at between two looks at the state.
const walkEvents = 1000

// A found is an event that passes the filter.
type found struct {
	pos       store.Position
	published int64
	count     int   // deliveries before
	began     int64 // of the first of them
	event     event.Event
}

// A stretch is what a walk through the log came upon.
type stretch struct {
	from, to  store.Position // looked at: [from, to)
	live      []found
	expired   []copies.Item
	unmatched int
	end       bool  // the end of what is durable was reached
	due       int64 // when the event at to expires, if it was seen
	damage    int
}

// A goal is when a walk stops.
type goal struct {
	events int // that pass; 0: at the first that has not expired
	bytes  int
}

// read walks from pos on. q.walk is held; q.mu is not.
func (q *Queue) read(pos store.Position, h history, g goal, now int64) (w stretch, err error) {
	w = stretch{from: pos, to: pos, end: true}
	lifetime := q.lifetime.Load()
	seen, bytes := 0, 0
	err = q.stream.plane.store.Read(q.stream.log, pos, func(pos store.Position, entry []byte) bool {
		if seen == walkEvents || g.events > 0 && (len(w.live) >= g.events || bytes >= g.bytes) {
			w.end = false
			return false
		}
		r, err := readRecord(entry)
		if err != nil {
			w.damage++
			q.stream.damaged(q, pos, err)
			w.to = pos + 1
			return true
		}
		if g.events == 0 && now < r.published+lifetime {
			w.end, w.due = false, r.published+lifetime
			return false
		}
		seen++
		w.to = pos + 1
		e, err := q.stream.render(pos, r)
		switch {
		case err != nil:
			w.damage++
			q.stream.damaged(q, pos, err)
		case !h.lets(pos, &e):
			w.unmatched++
		case now >= r.published+lifetime:
			w.expired = append(w.expired, copies.Item{Pos: pos, Published: r.published, Reason: copies.Expired})
		default:
			if w.live == nil {
				w.live = make([]found, 0, q.mostLive(pos, g))
			}
			w.live = append(w.live, found{pos: pos, published: r.published, event: own(e)})
			bytes += size(&e)
		}
		return true
	})
	if errors.Is(err, store.ErrDamaged) {
		if w.to > w.from { // told once: the cursor moves on
			w.damage++
			q.stream.damaged(q, w.from, err)
		}
		err = nil
	}
	return w, err
}

// mostLive is how many events a walk to g can find from pos on: memory for them is taken
// once, for a hundred that is half of what a receive takes.
func (q *Queue) mostLive(pos store.Position, g goal) int {
	n := min(g.events, walkEvents, g.bytes/leastSize+1)
	if last := store.Position(q.stream.last.Load()); last >= pos && last-pos < store.Position(n) {
		n = int(last-pos) + 1
	}
	return max(n, 1)
}

// load reads an event that was given out before.
func (q *Queue) load(c copies.Copy) (found, error) {
	entry, err := q.stream.plane.store.ReadAt(q.stream.log, c.Pos)
	if err != nil {
		return found{}, err
	}
	r, err := readRecord(entry)
	if err != nil {
		return found{}, err
	}
	e, err := q.stream.render(c.Pos, r)
	return found{c.Pos, c.Published, c.Count, c.Began, own(e)}, err
}

// unreadable says whether err is about one event, not the store as a whole.
func unreadable(err error) bool { return err != nil && !errors.Is(err, store.ErrClosed) }

// A plan is what shall happen to copies of a queue at once.
type plan struct {
	now     int64
	changes []*copies.Change
	dropped int
}

func (p *plan) add(x *copies.Change) {
	if len(x.Items) > 0 || x.Cursor != 0 {
		x.At = p.now
		p.changes = append(p.changes, x)
	}
}

// depart plans that items leave: for the sink, or for nowhere. q.mu is held.
func (q *Queue) depart(p *plan, items []copies.Item, outcome uint8) {
	room := 0
	if q.sub.DeadLetters != nil && q.stream.plane.options.DeadLetters != nil {
		room = max(0, q.stream.plane.options.Limits.Departures-q.book.Leaving())
	}
	n := min(room, len(items))
	p.add(&copies.Change{Op: copies.Leave, Outcome: outcome, Items: items[:n]})
	p.add(&copies.Change{Op: copies.Done, Items: items[n:]})
	p.dropped += len(items) - n
}

// pass plans that the cursor is behind w. q.mu is held.
func (q *Queue) pass(p *plan, w *stretch) {
	if len(w.expired) > 0 || len(w.live) > 0 {
		p.add(&copies.Change{Op: copies.Done, Cursor: w.to}) // first: copies lie before the cursor
	}
	q.depart(p, w.expired, 0)
}

// carry does what was planned, and counts. q.mu is held.
func (q *Queue) carry(p *plan, w *stretch) (store.Ticket, error) {
	t, err := q.apply(p.changes)
	if err != nil {
		return 0, err
	}
	q.counters.dropped.Add(uint64(p.dropped))
	if w == nil || w.to == w.from {
		return t, nil
	}
	q.book.Advance(w.to)
	q.moved = true
	q.history = q.history.since(w.to)
	q.counters.matched.Add(uint64(len(w.live) + len(w.expired)))
	q.counters.unmatched.Add(uint64(w.unmatched))
	q.stream.soon()
	return t, nil
}
