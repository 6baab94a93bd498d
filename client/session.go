package client

import (
	"errors"
	"sync"

	"gridmq/mqtt"
)

// A Session is what both sides remember from one connection to the next: our
// messages that are not acknowledged, and the broker's QoS 2 messages that it
// has not released. The zero value is a new session. One Client at a time may
// use it. It lies in memory only.
type Session struct {
	mu       sync.Mutex
	used     map[uint16]*delivery // packet ids; nil value: of SUBSCRIBE or UNSUBSCRIBE
	order    []*delivery          // PUBLISH in order of sending, finished ones among them
	received map[uint16]struct{}  // QoS 2 ids that PUBREC was sent for
	last     uint16               // packet id
}

// maxPacketIDs is how many exchanges may be under way; a few ids stay free for
// SUBSCRIBE.
const maxPacketIDs = 65_000

// A delivery is one message of ours until it is acknowledged.
type delivery struct {
	id       uint16
	m        *Message
	released bool // PUBREC has come: PUBREL is to be sent, not PUBLISH
	finished bool
	done     func(mqtt.Code, error)
}

var errNoPacketID = errors.New("all packet ids are in use")

// start begins a connection. Without a session on the other side nothing was
// received; a message that had been released was taken by the session that is
// gone, and counts as done.
func (s *Session) start(present bool) {
	s.mu.Lock()
	for id, d := range s.used {
		if d == nil {
			delete(s.used, id) // the answer will not come
		}
	}
	var over []*delivery
	if !present {
		s.received = nil
		for _, d := range s.order {
			if d.released && !d.finished {
				s.finish(d)
				over = append(over, d)
			}
		}
	}
	s.mu.Unlock()
	for _, d := range over {
		d.done(mqtt.Success, nil)
	}
}

// take reserves a packet id for d, or for a SUBSCRIBE when d is nil.
func (s *Session) take(d *delivery) (uint16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == nil {
		s.used = make(map[uint16]*delivery)
	}
	if len(s.used) >= 65_535 {
		return 0, errNoPacketID
	}
	for {
		if s.last++; s.last == 0 { // [MQTT-2.2.1-2 to -4]
			continue
		}
		if _, taken := s.used[s.last]; !taken {
			break
		}
	}
	s.used[s.last] = d
	if d != nil {
		d.id = s.last
		s.order = append(s.order, d)
	}
	return s.last, nil
}

// free gives the id of a SUBSCRIBE or UNSUBSCRIBE back.
func (s *Session) free(id uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.used, id)
}

// finish takes d out. s.mu is held.
func (s *Session) finish(d *delivery) {
	d.finished = true
	delete(s.used, d.id)
	for len(s.order) > 0 && s.order[0].finished {
		s.order = s.order[1:]
	}
}

// acknowledged takes the broker's PUBACK, PUBREC or PUBCOMP. It returns the
// delivery if that ended it, and whether a PUBREL is due.
func (s *Session) acknowledged(t mqtt.Type, id uint16, code mqtt.Code) (over *delivery, release bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.used[id]
	if d == nil {
		return nil, t == mqtt.PUBREC && !code.IsError() // section 4.3.3: it is answered all the same
	}
	switch {
	case t == mqtt.PUBACK && d.m.QoS == 1, t == mqtt.PUBCOMP && d.m.QoS == 2,
		t == mqtt.PUBREC && d.m.QoS == 2 && code.IsError():
		s.finish(d)
		return d, false
	case t == mqtt.PUBREC && d.m.QoS == 2:
		d.released = true
		d.m.Payload = nil // it will not be sent again
		return nil, true
	}
	return nil, false // not of this exchange
}

// abandon takes d out without an acknowledgement; false: it had its outcome.
func (s *Session) abandon(d *delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.finished {
		return false
	}
	s.finish(d)
	return true
}

// pending are the deliveries that are not finished, in order.
func (s *Session) pending() []*delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ds []*delivery
	for _, d := range s.order {
		if !d.finished {
			ds = append(ds, d)
		}
	}
	return ds
}

// fail ends all deliveries with err.
func (s *Session) fail(err error) {
	for _, d := range s.pending() {
		if s.abandon(d) { // else it has got its outcome meanwhile
			d.done(mqtt.Success, err)
		}
	}
}

// Discard gives up all messages that are not acknowledged: their publishers are
// told ErrUnacknowledged. For when no Connect will follow.
func (s *Session) Discard() { s.fail(ErrUnacknowledged) }

// Unacknowledged is the number of our messages whose outcome is open.
func (s *Session) Unacknowledged() int { return len(s.pending()) }

// receive notes a QoS 2 message as received, until the broker releases it.
func (s *Session) receive(id uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.received == nil {
		s.received = make(map[uint16]struct{})
	}
	s.received[id] = struct{}{}
}

// has says whether a QoS 2 message has been received before.
func (s *Session) has(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, had := s.received[id]
	return had
}

// release forgets a QoS 2 message; false: it was not known.
func (s *Session) release(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, had := s.received[id]
	delete(s.received, id)
	return had
}
