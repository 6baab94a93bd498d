package load

import "time"

// A schedule paces one publisher: a message is due every interval.
type schedule struct {
	due      time.Duration // the next one, on the clock of the run
	interval time.Duration
	offset   time.Duration // of the first one after the start
	started  bool
	late     bool // the due one was held back by a window
}

// next says whether a message is to be sent at now, and with which stamp, or
// how long to wait. A message that a full window has held back carries the
// time it was due at: waiting for the broker is the broker's latency. One that
// we ourselves are late with carries the present time.
func (s *schedule) next(now time.Duration, windowOpen bool) (due bool, stamp, wait time.Duration) {
	if !s.started {
		s.started, s.due = true, now+s.offset
	}
	switch {
	case now < s.due:
		return false, 0, s.due - now
	case !windowOpen:
		s.late = true
		return false, 0, time.Hour // the bell wakes us
	}
	stamp = now
	if s.late {
		stamp = s.due
	}
	s.late = false
	s.due += s.interval
	if now-s.due > time.Second && stamp == now {
		s.due = now // we were asleep: do not make up for it in a burst
	}
	return true, stamp, 0
}
