package robustness

import (
	"fmt"
	"slices"
	"sync"

	"gridmq/topic"
)

// A pool is what the members of a shared group have got together. No order is
// promised among them, only that each message comes: QoS 2 once.
type pool struct {
	l      *ledger
	filter string

	mu    sync.Mutex
	times map[string]map[int64]int
}

func newPool(l *ledger, filter string) *pool {
	return &pool{l: l, filter: filter, times: make(map[string]map[int64]int)}
}

// join makes s a member: what it hears counts here, and not for itself.
func (p *pool) join(s *subscriber) {
	s.t.filters = nil // entitled to nothing alone
	s.d.heard = func(m *heard) {
		p.mu.Lock()
		defer p.mu.Unlock()
		t := string(m.topic)
		if p.times[t] == nil {
			p.times[t] = make(map[int64]int)
		}
		n := number(m.payload)
		if p.times[t][n]++; p.times[t][n] > 1 && m.qos == 2 {
			p.l.fault("group: %s number %d came a second time with QoS 2 (to %s, id %d, dup %v)", t, n, s.d.id, m.id, m.dup)
		}
	}
}

// missing lists what has been accepted and has not come.
func (p *pool) missing() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, s := range p.l.streams {
		if !topic.Match(p.filter, name) {
			continue
		}
		var lost []int64
		for n := int64(1); n <= s.sent.Load(); n++ {
			if p.times[name][n] == 0 && !s.wasRefused(n) {
				lost = append(lost, n)
			}
		}
		if len(lost) > 0 {
			list = append(list, fmt.Sprintf("group: never got %d messages of %s, the first %d", len(lost), name, lost[0]))
		}
	}
	slices.Sort(list)
	return list
}

// faults is what can be said at the end.
func (p *pool) faults() (list []string) {
	list = p.missing()
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, s := range p.l.streams {
		s.refused.Range(func(n, _ any) bool {
			if p.times[name][n.(int64)] > 0 {
				list = append(list, fmt.Sprintf("group: got %s number %d, which was refused", name, n))
			}
			return true
		})
	}
	return list
}
