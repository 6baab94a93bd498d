package robustness

import (
	"fmt"
	"slices"
	"sync"

	"gridmq/topic"
)

// A tally is what one session has got of every stream, checked as it comes:
// first arrivals are in order and without gaps, QoS 2 comes once.
type tally struct {
	name    string
	l       *ledger
	filters []string
	qos     byte // granted

	mu sync.Mutex
	// Since a clean start: nothing up to before may come, everything after
	// after must. nil: no clean start; after nil: not subscribed yet.
	before, after map[string]int64
	last          map[string]int64          // newest number that came
	gaps          map[string]map[int64]bool // numbers before it that did not
	count         int
	repeated      int // QoS 1, more than once
	undeclared    int // of those, without DUP although the publisher has sent it once
}

func (l *ledger) tally(name string, qos byte, filters ...string) *tally {
	return &tally{name: name, l: l, filters: filters, qos: qos,
		last: make(map[string]int64), gaps: make(map[string]map[int64]bool)}
}

func (t *tally) entitled(name string) bool {
	return slices.ContainsFunc(t.filters, func(f string) bool { return topic.Match(f, name) })
}

// begin starts anew. It is called before a CONNECT with clean start: what is
// acknowledged by then must not come. entitle follows once the subscription
// stands: what is sent from then on must.
func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.before, t.after = t.l.numbers(acked), nil
	t.last, t.gaps = make(map[string]int64), make(map[string]map[int64]bool)
}

func (t *tally) entitle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.after = t.l.numbers(sent)
}

// hear takes a message.
func (t *tally) hear(m *heard) {
	s := t.l.streams[string(m.topic)]
	if s == nil || !t.entitled(s.topic) {
		t.l.fault("%s got a message of topic %q, which nobody published for it", t.name, m.topic)
		return
	}
	n := number(m.payload)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	if want := min(s.qos, t.qos); m.qos != want {
		t.l.fault("%s got %s number %d with QoS %d, want %d", t.name, s.topic, n, m.qos, want)
	}
	if n < 1 || n > s.sent.Load() {
		t.l.fault("%s got %s number %d, which was not sent (up to %d)", t.name, s.topic, n, s.sent.Load())
		return
	}
	last, begun := t.last[s.topic]
	if !begun {
		last = t.first(s.topic, n)
	}
	if n > last {
		t.advance(s.topic, last, n)
		return
	}
	t.repeat(s, n, last, m)
}

// first is the number before the first that must come, when n is the first that
// does. What was on its way during a clean start may come or not.
func (t *tally) first(topic string, n int64) int64 {
	if t.before == nil {
		return 0
	}
	if n <= t.before[topic] {
		t.l.fault("%s got %s number %d, acknowledged before its clean start (at %d)", t.name, topic, n, t.before[topic])
	}
	if t.after == nil {
		return n - 1
	}
	return min(n-1, t.after[topic])
}

// advance takes n as the newest. Whether a gap is a loss is known at the end:
// the number may have been refused.
func (t *tally) advance(topic string, last, n int64) {
	for i := last + 1; i < n; i++ {
		if t.gaps[topic] == nil {
			t.gaps[topic] = make(map[int64]bool)
		}
		t.gaps[topic][i] = true
	}
	t.last[topic] = n
}

func (t *tally) repeat(s *stream, n, last int64, m *heard) {
	switch {
	case t.gaps[s.topic][n]:
		delete(t.gaps[s.topic], n)
		t.l.fault("%s got %s number %d late, after number %d", t.name, s.topic, n, last)
	case m.qos == 2:
		t.l.fault("%s got %s number %d a second time with QoS 2 (newest %d, id %d, dup %v)", t.name, s.topic, n, last, m.id, m.dup)
	default:
		t.repeated++
		if _, again := s.again.Load(n); !again && !m.dup {
			t.undeclared++
		}
	}
}

// missing lists the streams that have not come to their end yet. It means
// something when every message that was sent has been answered.
func (t *tally) missing() (list []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for topic, s := range t.l.streams {
		if !t.entitled(topic) {
			continue
		}
		last, begun := t.last[topic]
		if !begun && t.after != nil {
			last = t.after[topic]
		}
		for end := s.sent.Load(); end > last; end-- {
			if !s.wasRefused(end) {
				list = append(list, fmt.Sprintf("%s: has %d of %d of %s", t.name, last, end, topic))
				break
			}
		}
	}
	slices.Sort(list)
	return list
}

// faults is what can be said at the end.
func (t *tally) faults() (list []string) {
	list = t.missing()
	t.mu.Lock()
	defer t.mu.Unlock()
	for topic, s := range t.l.streams {
		var lost []int64
		for n := range t.gaps[topic] {
			if !s.wasRefused(n) {
				lost = append(lost, n)
			}
		}
		if slices.Sort(lost); len(lost) > 0 {
			list = append(list, fmt.Sprintf("%s: never got %d messages of %s, from %d to %d", t.name, len(lost), topic, lost[0], lost[len(lost)-1]))
		}
		s.refused.Range(func(n, _ any) bool {
			if last, begun := t.last[topic]; begun && n.(int64) <= last && !t.gaps[topic][n.(int64)] && t.before == nil {
				list = append(list, fmt.Sprintf("%s: got %s number %d, which was refused", t.name, topic, n))
			}
			return true
		})
	}
	return list
}

// total is the number of messages so far, repeated ones among them.
func (t *tally) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%s: %d messages, %d repeated (%d of them without DUP)", t.name, t.count, t.repeated, t.undeclared)
}
