package session

import "gridmq/mqtt"

// Ack takes the client's PUBACK, PUBREC or PUBCOMP. For a PUBREC that has to be
// remembered before PUBREL may go out it returns the message's number; the
// owner writes that down and calls Answer(PUBREL). Zero: nothing is left to do.
func (s *Session) Ack(a *mqtt.Ack) (receivedSeq uint64) {
	seq, it := s.seqOf(a.PacketID)
	switch a.Type {
	case mqtt.PUBACK:
		if it != nil && it.QoS == 1 {
			s.finish(seq, it, verdict(a.Code))
		}
	case mqtt.PUBREC:
		switch {
		case it == nil || it.QoS != 2:
			if a.Code.IsError() {
				return 0
			}
			s.Answer(mqtt.PUBREL, a.PacketID, mqtt.PacketIdentifierNotFound, 0) // section 3.6.2.1
		case a.Code.IsError(): // section 4.3.3: the message is finished
			s.finish(seq, it, Refused)
		case it.state == received: // a second PUBREC gets a second PUBREL
			s.Answer(mqtt.PUBREL, a.PacketID, mqtt.Success, 0)
		default:
			it.state, it.Msg = received, nil // [MQTT-4.3.3-6]: never sent again
			if s.durable {
				return seq
			}
			s.Answer(mqtt.PUBREL, a.PacketID, mqtt.Success, 0) // [MQTT-4.3.3-4]
		}
	case mqtt.PUBCOMP:
		if it != nil && it.state == received {
			s.finish(seq, it, verdict(a.Code))
		}
	}
	return 0
}

func verdict(c mqtt.Code) Reason {
	if c.IsError() {
		return Refused
	}
	return Acknowledged
}

// Unreceived takes back what Ack did with a PUBREC that could not be written
// down: the message will be sent again, and the client will answer again.
func (s *Session) Unreceived(seq uint64) {
	if it := s.queue.At(seq); it != nil && it.state == received {
		it.state = sent
	}
}

// Received marks a message as received by the client: recovery.
func (s *Session) Received(seq uint64) {
	if it := s.queue.At(seq); it != nil && it.QoS == 2 && it.state != gone {
		it.state = received
		s.fresh = max(s.fresh, seq+1)
	}
}

// Finished marks a message as done: recovery. The keeper is not told.
func (s *Session) Finished(seq uint64) {
	s.queue.Finish(seq)
	s.next = max(s.next, s.queue.base)
}

// A Gate holds back acknowledgements while a receiver is overloaded.
type Gate interface {
	Closed() bool
}

// An ack is an answer to the client, in the order in which it is due.
type ack struct {
	typ    mqtt.Type
	code   mqtt.Code
	id     uint16
	size   uint32 // of the message; see Weigh
	ticket uint64 // durable first
	gate   Gate   // open first
	text   []byte // the reason; without typ a whole packet (SUBACK, UNSUBACK)
}

// Answer queues an acknowledgement until ticket is durable (0: no need).
// PUBACK and PUBREC go out in the order of their PUBLISH [MQTT-4.6.0-2], -3;
// PUBREL and PUBCOMP in an order of their own [MQTT-4.6.0-4].
func (s *Session) Answer(t mqtt.Type, id uint16, c mqtt.Code, ticket uint64) {
	s.answer(ack{typ: t, id: id, code: c, ticket: ticket})
}

// AnswerBecause is Answer with a reason, to a client of MQTT 5 that wants reasons. It
// is left out if it does not fit [MQTT-3.4.2-2] [MQTT-3.5.2-2], and while more than
// ExplainWithin bytes wait to be written.
func (s *Session) AnswerBecause(t mqtt.Type, id uint16, c mqtt.Code, reason string) {
	s.answer(ack{typ: t, id: id, code: c, text: []byte(reason)})
}

// ExplainWithin bounds what clients that are refused all the time can make us write:
// they are told why a few times in each batch. Bytes.
const ExplainWithin = 4 << 10

// AnswerThrough is Answer that waits for a gate as well.
func (s *Session) AnswerThrough(g Gate, t mqtt.Type, id uint16, c mqtt.Code, ticket uint64) {
	s.answer(ack{typ: t, id: id, code: c, ticket: ticket, gate: g})
}

// AnswerRaw queues a whole packet until ticket is durable.
func (s *Session) AnswerRaw(packet []byte, ticket uint64) {
	s.answer(ack{text: packet, ticket: ticket})
}

func (s *Session) answer(a ack) {
	q := &s.acks
	if a.typ == mqtt.PUBREL || a.typ == mqtt.PUBCOMP {
		q = &s.rels
	}
	if q.len() == 0 && a.ticket == 0 && a.gate == nil {
		s.writeAck(&a)
		return
	}
	q.push(a)
}

// Answers is how many acknowledgements wait.
func (s *Session) Answers() int { return s.acks.len() + s.rels.len() }

// Weigh says how large the message was that has just been answered, for Awaited.
func (s *Session) Weigh(bytes int) {
	if n := s.acks.len(); n > 0 { // else the answer is written
		s.acks.at(n - 1).size = uint32(bytes)
		s.awaited += bytes
	}
}

// Awaited is how many bytes the messages have whose acknowledgements wait.
func (s *Session) Awaited() int { return s.awaited }

// Settle writes the acknowledgements that wait for nothing any more.
func (s *Session) Settle(durable uint64) {
	settle(s, &s.acks, durable)
	settle(s, &s.rels, durable)
}

func settle(s *Session, q *ring[ack], durable uint64) {
	for q.len() > 0 {
		a := q.at(0)
		if a.ticket > durable || a.gate != nil && a.gate.Closed() {
			return
		}
		s.writeAck(a)
		s.awaited -= int(a.size)
		q.pop()
	}
}

// OpenGates lets everything pass that waits for a gate: the time is over.
func (s *Session) OpenGates() {
	for i := range s.acks.len() {
		s.acks.at(i).gate = nil
	}
}

// Fail turns the acknowledgements that wait for a ticket into refusals: their
// group could not be stored. It returns how many there were.
func (s *Session) Fail(ticket uint64, c mqtt.Code) (n int) {
	for i := range s.acks.len() {
		if a := s.acks.at(i); a.ticket == ticket && a.typ != 0 {
			a.code, a.ticket = c, 0
			n++
		}
	}
	return n
}

func (s *Session) writeAck(a *ack) {
	switch a.typ {
	case 0:
		s.out = append(s.out, a.text...)
		return
	case mqtt.PUBACK, mqtt.PUBCOMP:
		s.owed--
	case mqtt.PUBREC:
		if a.code.IsError() { // section 4.3.3: the identifier is free again
			delete(s.inbound, a.id)
			s.owed--
		}
	}
	if before := len(s.out); len(a.text) > 0 && before <= ExplainWithin {
		s.out = mqtt.AppendAck(s.out, s.opt.Version, a.typ, a.id, a.code, string(a.text))
		if most := s.opt.MaximumPacketSize; most == 0 || len(s.out)-before <= int(most) {
			return
		}
		s.out = s.out[:before]
	}
	s.out = mqtt.AppendAck(s.out, s.opt.Version, a.typ, a.id, a.code, "")
}
