// Package tap is what one client and the broker say to each other, and what becomes of
// its messages, for an operator who asked to see it: a bounded buffer of events between
// those whom things happen to, who never wait, and one reader, who may be slow.
//
// What is secret is not shown: passwords, authentication data and the properties of
// CONNECT and AUTH never, payloads and correlation data only when they are asked for.
//
// Units: sizes are bytes. Errors: none; what is lost is counted and told.
package tap

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/topic"
)

// Bounds of one tap.
const (
	keptEvents = 1024    // that wait for the reader
	keptBytes  = 1 << 20 // of those, roughly
	perSecond  = 2000    // events, so that a busy client is not slowed down by being watched
	shownBytes = 4 << 10 // of one payload
	shownText  = 1 << 10 // of one text, as a topic
	shownPairs = 32      // user properties of one packet
)

// Options says what a tap lets through.
type Options struct {
	// Topic is a filter: what is about a topic or a packet identifier of another is left
	// out. Empty: everything is let through.
	Topic string
	// Payload shows payloads and correlation data.
	Payload bool
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// A Tap is one reader's. Use New.
type Tap struct {
	o    Options
	some chan struct{} // there is something to read

	mu     sync.Mutex
	events []Event
	bytes  int
	lost   int   // since the reader was told
	second int64 // in which count events came
	count  int
	ended  string // why; empty: it has not
	ids    [2]*identifiers
}

// New makes a Tap.
func New(o Options) *Tap {
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Tap{o: o, some: make(chan struct{}, 1)}
	if o.Topic != "" {
		t.ids = [2]*identifiers{{}, {}}
	}
	return t
}

// identifiers are packet identifiers of one direction, which messages that were let
// through have.
type identifiers [1 << 16 / 64]uint64

func (s *identifiers) set(id uint16, on bool) {
	if s[id/64] &^= 1 << (id % 64); on {
		s[id/64] |= 1 << (id % 64)
	}
}

func (s *identifiers) has(id uint16) bool { return s[id/64]>>(id%64)&1 != 0 }

// wants says whether an event about a topic is let through; empty: about none.
func (t *Tap) wants(name string) bool {
	return t.o.Topic == "" || name == "" || topic.Match(t.o.Topic, name)
}

// full says whether one more event would be lost, and then counts it: it need not be made.
// t.mu is held.
func (t *Tap) full() bool {
	now := t.o.Now().Unix()
	if now != t.second {
		t.second, t.count = now, 0
	}
	if t.ended != "" {
		return true
	}
	if t.count >= perSecond || len(t.events) >= keptEvents || t.bytes >= keptBytes {
		t.lost++
		return true
	}
	t.count++
	return false
}

// Note tells the reader of something, if there is room. It does not wait.
func (t *Tap) Note(e Event) {
	if !t.wants(e.Topic) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.full() {
		t.add(e)
	}
}

// add keeps an event. t.mu is held.
func (t *Tap) add(e Event) {
	e.Time = t.o.Now().UTC()
	e.Topic, e.Reason = short(e.Topic), short(e.Reason)
	t.bytes += e.size()
	t.events = append(t.events, e)
	t.wake()
}

func (t *Tap) wake() {
	select {
	case t.some <- struct{}{}:
	default:
	}
}

// End ends the tap: the reader is told why, once it has read what is there.
func (t *Tap) End(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == "" {
		t.ended = why
		t.wake()
	}
}

// Next returns the events that have come since the last call, the oldest first, and
// waits for one if there are none. Behind events that were lost stands one that says how
// many; the last of all is Ended. After that, and when ctx is done, there are none.
func (t *Tap) Next(ctx context.Context) []Event {
	for {
		if list := t.take(); len(list) > 0 {
			return list
		}
		select {
		case <-t.some:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *Tap) take() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.events
	t.events, t.bytes = nil, 0
	if t.lost > 0 {
		list = append(list, Event{Time: t.o.Now().UTC(), Kind: Lost, Count: t.lost})
		t.lost = 0
	}
	if t.ended != "" && t.ended != over {
		list = append(list, Event{Time: t.o.Now().UTC(), Kind: Ended, Reason: t.ended})
		t.ended = over
	}
	return list
}

const over = "\x00" // the reader knows that it has ended

// Taps are all those of one client. The zero value has none.
type Taps struct {
	mu   sync.Mutex // held by who replaces the list
	list atomic.Pointer[[]*Tap]
}

// Add adds a tap.
func (s *Taps) Add(t *Tap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := append(slices.Clone(s.all()), t)
	s.list.Store(&list)
}

// Remove takes one away, and returns how many are left.
func (s *Taps) Remove(t *Tap) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(s.all()), func(x *Tap) bool { return x == t })
	s.list.Store(&list)
	return len(list)
}

func (s *Taps) all() []*Tap {
	if l := s.list.Load(); l != nil {
		return *l
	}
	return nil
}

// Note is Tap.Note of all. A nil Taps has none.
func (s *Taps) Note(e Event) {
	if s == nil {
		return
	}
	for _, t := range s.all() {
		t.Note(e)
	}
}

// End is Tap.End of all.
func (s *Taps) End(why string) {
	for _, t := range s.all() {
		t.End(why)
	}
}
