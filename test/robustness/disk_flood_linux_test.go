package robustness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gridmq/mqtt"
)

// A pour publishes large messages to one topic and writes down what became of
// each. It numbers them from 1; refused numbers are not used again.
type pour struct {
	d     *device
	topic string
	qos   byte

	mu    sync.Mutex
	next  int64
	acked []int64 // in order
	fate  map[int64]mqtt.Code
	row   int // refusals since the last acceptance
	total int // refusals
}

const pourSize = 8 << 10 // bytes of a message

func newPour(t *testing.T, p *process, qos byte) *pour {
	o := &pour{topic: fmt.Sprintf("flood/%d", qos), qos: qos, fate: make(map[int64]mqtt.Code)}
	o.d = &device{id: fmt.Sprintf("pour-%d", qos), v: mqtt.V5, dial: p.dial, fault: t.Errorf}
	o.d.answered = func(x *parcel, c mqtt.Code) {
		o.mu.Lock()
		defer o.mu.Unlock()
		n := x.tag.(int64)
		o.fate[n] = c
		switch c {
		case mqtt.Success:
			o.acked = append(o.acked, n)
			o.row = 0
		case mqtt.QuotaExceeded:
			o.row++
			o.total++
		default:
			t.Errorf("%s number %d was answered with %v, want success or %v", o.topic, n, c, mqtt.QuotaExceeded)
		}
	}
	return o
}

// run publishes with a window of 20 until enough, over one connection. false:
// it did not come to that.
func (o *pour) run(ctx context.Context, enough func() bool) bool {
	l, _, err := o.d.connect(ctx)
	if err != nil {
		return false
	}
	defer o.d.close()
	for !enough() {
		select {
		case <-ctx.Done():
			return false
		case <-l.ended:
			return false
		default:
		}
		if o.d.open() >= 20 || o.refusedInARow() > 0 {
			time.Sleep(time.Millisecond)
		}
		if o.d.open() < 20 {
			o.next++
			o.d.publish(mqtt.Message{Topic: o.topic, QoS: o.qos, Payload: noise(o.next, pourSize)}, o.next)
		}
	}
	settled := waitFor(10*time.Second, func() bool { return o.d.open() == 0 })
	o.d.disconnect(l)
	return settled
}

func (o *pour) refusedInARow() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.row
}

func (o *pour) forgetRefusals() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.row = 0
}

func (o *pour) accepted() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.acked)
}

func (o *pour) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprintf("%s: %d acknowledged, %d refused", o.topic, len(o.acked), o.total)
}

// A sleeper is a persistent session that fetches what waits for it.
type sleeper struct {
	d   *device
	mu  sync.Mutex
	got map[string][]int64 // first arrivals by topic, in order
	has map[string]map[int64]int
}

func newSleeper(d *device) *sleeper {
	s := &sleeper{d: d, got: make(map[string][]int64), has: make(map[string]map[int64]int)}
	d.heard = func(m *heard) {
		s.mu.Lock()
		defer s.mu.Unlock()
		topic, n := string(m.topic), number(m.payload)
		if s.has[topic] == nil {
			s.has[topic] = make(map[int64]int)
		}
		if s.has[topic][n]++; s.has[topic][n] == 1 {
			s.got[topic] = append(s.got[topic], n)
		} else if m.qos == 2 {
			d.fault("%s got %s number %d again with QoS 2", d.id, topic, n)
		}
	}
	return s
}

func (s *sleeper) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.got {
		n += len(list)
	}
	return n
}

// fetch connects until everything that the pours had acknowledged is there. A
// connection that the broker refuses or ends is tried again.
func (s *sleeper) fetch(t *testing.T, pours []*pour, patience time.Duration) {
	end := time.Now().Add(patience)
	var troubles []error
	for s.missing(pours) != "" && time.Now().Before(end) {
		l, _, err := s.d.connect(t.Context())
		if err != nil {
			troubles = append(troubles, err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		for s.missing(pours) != "" && time.Now().Before(end) {
			select {
			case <-l.ended:
				troubles = append(troubles, errors.New("connection ended, last reason "+s.d.lastReason().String()))
			case <-time.After(20 * time.Millisecond):
				continue
			}
			break
		}
		time.Sleep(100 * time.Millisecond) // for what must not come
		s.d.disconnect(l)
		s.d.close()
	}
	if len(troubles) > 0 {
		t.Errorf("%s could not fetch in one go: %d times, as: %v", s.d.id, len(troubles), troubles[0])
	}
	if m := s.missing(pours); m != "" {
		t.Errorf("%s after %v: %s", s.d.id, patience, m)
	}
	s.judge(t, pours)
}

// missing says what was acknowledged and has not come; "" if nothing.
func (s *sleeper) missing(pours []*pour) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range pours {
		lost, first := 0, int64(0)
		o.mu.Lock()
		for _, n := range o.acked {
			if s.has[o.topic][n] == 0 {
				if lost++; lost == 1 {
					first = n
				}
			}
		}
		all := len(o.acked)
		o.mu.Unlock()
		if lost > 0 {
			return fmt.Sprintf("%d of %d acknowledged messages of %s have not come, the first is number %d", lost, all, o.topic, first)
		}
	}
	return ""
}

// judge looks for what must not have come: refused messages, a wrong order.
func (s *sleeper) judge(t *testing.T, pours []*pour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range pours {
		last := int64(0)
		for _, n := range s.got[o.topic] {
			if n < last {
				t.Errorf("%s got %s number %d first after %d", s.d.id, o.topic, n, last)
			}
			last = n
			if c := o.fate[n]; c.IsError() {
				t.Errorf("%s got %s number %d, which was refused with %v", s.d.id, o.topic, n, c)
			}
		}
	}
}
