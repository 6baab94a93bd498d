package robustness

import (
	"context"
	"math/rand/v2"
	"time"
)

// A habit is how a subscriber with a persistent session uses its connection.
type habit struct {
	stay, away time.Duration // roughly; stay 0: until the broker ends it
	polite     bool          // says DISCONNECT, at least sometimes
	slow       time.Duration // for each message
	fresh      bool          // each connection of its own will asks for a clean start
}

// A subscriber has one persistent session, subscribed once.
type subscriber struct {
	d      *device
	t      *tally
	habit  habit
	filter []string
	ready  chan struct{} // closed when the first subscription stands
	told   bool
}

func newSubscriber(l *ledger, d *device, qos byte, h habit, filter ...string) *subscriber {
	s := &subscriber{d: d, t: l.tally(d.id, qos, filter...), habit: h, filter: filter, ready: make(chan struct{})}
	d.fault = l.fault
	d.heard = func(m *heard) {
		if h.slow > 0 {
			time.Sleep(h.slow)
		}
		s.t.hear(m)
	}
	return s
}

// run connects again and again until ctx ends. From rest on it stays.
func (s *subscriber) run(ctx context.Context, rest <-chan struct{}) {
	defer s.d.close()
	subscribed := false
	for ctx.Err() == nil {
		if s.habit.fresh && !subscribed {
			s.d.readers.Wait() // what the old connection brought belongs to the time before
			s.d.mu.Lock()
			s.d.clean = true
			s.d.mu.Unlock()
			if s.told {
				s.t.begin()
			}
		}
		l, _, err := s.d.connect(ctx)
		if err != nil {
			idle(ctx, 5*time.Millisecond+rand.N(20*time.Millisecond))
			continue
		}
		if !subscribed {
			if _, err := s.d.subscribe(s.t.qos, s.filter...); err != nil {
				s.d.close() // and again over the next connection
				idle(ctx, 2*time.Millisecond)
				continue
			}
			subscribed = true
			if !s.told {
				s.told = true
				close(s.ready)
			} else {
				s.t.entitle()
			}
		}
		if s.stay(ctx, l, rest) && s.habit.fresh {
			subscribed = false
		}
	}
}

// look connects, without subscribing or a clean start, until ctx ends.
func (s *subscriber) look(ctx context.Context) {
	defer s.d.close()
	l, _, err := s.d.connect(ctx)
	if err != nil {
		s.d.fault("%s: cannot come back: %v", s.d.id, err)
		return
	}
	<-ctx.Done()
	s.d.disconnect(l)
}

// stay keeps a connection for as long as the habit wants; true when it was the
// subscriber who ended it.
func (s *subscriber) stay(ctx context.Context, l *link, rest <-chan struct{}) bool {
	var enough <-chan time.Time
	if s.habit.stay > 0 {
		enough = time.After(s.habit.stay/2 + rand.N(s.habit.stay))
	}
	select {
	case <-rest:
		enough = nil
	default:
	}
	select {
	case <-ctx.Done():
		s.d.disconnect(l)
		return true
	case <-l.ended:
		return false
	case <-rest:
		select {
		case <-ctx.Done():
			s.d.disconnect(l)
		case <-l.ended:
		}
		return false
	case <-enough:
	}
	if s.habit.polite && rand.IntN(2) == 0 {
		s.d.disconnect(l)
	} else {
		l.close()
	}
	s.d.readers.Wait()
	if s.habit.away > 0 {
		idle(ctx, s.habit.away/2+rand.N(s.habit.away))
	}
	return true
}
