package session

import (
	"gridmq/mqtt"
)

// packetID derives the identifier of a message from its number. 65,535 numbers
// later it comes again; Pump never lets the window span that many.
func packetID(seq uint64) uint16 { return uint16((seq-1)%65535) + 1 }

// window is how many numbers may lie between the oldest unfinished message and
// the newest one sent.
const window = 65535

// seqOf finds the number in the window that has the identifier.
func (s *Session) seqOf(id uint16) (uint64, *Item) {
	base := s.queue.base
	seq := base + uint64((int(id)-int(packetID(base))+65535)%65535)
	if seq >= s.next {
		return 0, nil
	}
	it := s.queue.At(seq)
	if it == nil || !it.Started() {
		return 0, nil
	}
	return seq, it
}

// DeliverZero gives the session a message at QoS 0: written at once when there
// is room, kept while the client is slow, dropped when it is absent or too much
// waits. retained says that it is sent because of a subscription and so keeps
// its RETAIN flag [MQTT-3.3.1-8].
func (s *Session) DeliverZero(m *mqtt.Message, d *Delivery, retained bool, now int64) {
	if !s.online {
		return
	}
	it := Item{Msg: m, Delivery: d, Size: size(m), Retain: retained || m.Retain && d.RetainAsPublished}
	if s.zero.len() == 0 && len(s.out) < outLimit && s.paced(m, now) {
		s.writePublish(&it, 0, now)
		return
	}
	s.keepZero(it)
}

func (s *Session) keepZero(it Item) {
	for s.full(s.zero.len(), s.zeroSize, it.Size) {
		if s.bounds.Policy != DropOldest || s.zero.len() == 0 {
			s.keep.Dropped(Overflow)
			return
		}
		s.zeroSize -= int(s.zero.at(0).Size)
		s.zero.pop()
		s.keep.Dropped(Overflow)
	}
	it.Msg = it.Msg.Own()
	s.zero.push(it)
	s.zeroSize += int(it.Size)
}

func size(m *mqtt.Message) int32 { return int32(len(m.Topic) + len(m.Payload) + len(m.Props)) }

func (s *Session) full(n, bytes int, more int32) bool {
	b := s.bounds
	return b.Messages > 0 && n >= b.Messages || b.Bytes > 0 && n > 0 && bytes+int(more) > b.Bytes
}

// Full says whether a further message of so many bytes would exceed the bounds.
func (s *Session) Full(bytes int) bool { return s.full(s.queue.count, s.queue.size, int32(bytes)) }

// Place says where a queued message lies outside this session.
type Place struct {
	Pos    uint64 // in the store; 0: nowhere
	Ticket uint64 // of the commit group that will make it durable
	Ref    uint64 // number in the shared group it came from
	// Retained keeps the RETAIN flag: a message sent because of a subscription.
	Retained bool
}

// Deliver queues a message of QoS 1 or 2, and writes it at once when the window
// and the buffer have room. It returns the message's number. The message is
// copied only when it has to be kept in memory. Bounds are the caller's
// business: see Full and MakeRoom.
func (s *Session) Deliver(m *mqtt.Message, d *Delivery, p Place, now int64) uint64 {
	it := Item{
		Msg: m, Delivery: d, Pos: p.Pos, Ref: p.Ref, Size: size(m), QoS: min(m.QoS, d.QoS),
		Retain: p.Retained || m.Retain && d.RetainAsPublished,
	}
	seq := s.queue.next
	if it.QoS == 2 && s.durable && p.Ticket != 0 {
		s.unsafe = append(s.unsafe, pledge{seq, p.Ticket})
	}
	s.queue.Push(it)
	if s.online && seq == s.next && s.room() && s.mayStart(seq, &it) && s.paced(m, now) {
		s.start(seq, now)
	}
	if it := s.queue.At(seq); it != nil && it.Msg != nil {
		if it.Pos == 0 || s.online && s.queue.size < cacheLimit {
			it.Msg = m.Own()
		} else {
			it.Msg = nil
		}
	}
	return seq
}

// Restore queues a message whose payload is only in the store: recovery.
func (s *Session) Restore(d *Delivery, pos uint64, qos byte, retain bool, bytes int) uint64 {
	return s.queue.Push(Item{Delivery: d, Pos: pos, QoS: qos, Retain: retain, Size: int32(bytes)})
}

// MakeRoom applies DropOldest: it gives up the oldest message that was never
// sent, and says whether there was one.
func (s *Session) MakeRoom() bool {
	seq, it := s.queue.Waiting(s.fresh)
	if it == nil {
		return false
	}
	s.fresh = seq + 1
	s.finish(seq, it, Overflow)
	return true
}

// Each calls visit for the messages that are not finished, the oldest first.
func (s *Session) Each(visit func(seq uint64, it *Item)) { s.queue.Each(visit) }

// Pass takes a message out of the queue of a session without a connection, and
// returns whether it was there. The keeper is not told: somebody else has it now.
func (s *Session) Pass(seq uint64) bool {
	ok := s.queue.Finish(seq)
	s.next = max(s.next, s.queue.base)
	return ok
}

// MayHaveSent is told after a crash that had interrupted a connection: what is
// queued may have been sent since the last snapshot. When it is sent again it
// carries DUP, which says no more than that (section 3.3.1.1 of MQTT 5).
func (s *Session) MayHaveSent() {
	s.queue.Each(func(seq uint64, it *Item) {
		if it.state == queued && seq-s.queue.base < window {
			it.maybe = true
		}
	})
}

// Withdraw gives up the message at a place in the store.
func (s *Session) Withdraw(pos uint64) bool {
	seq, ok := s.queue.find(pos)
	if ok {
		s.finish(seq, s.queue.At(seq), Withdrawn)
	}
	return ok
}

// WithdrawIf gives up the messages that gone says so of, but for those of QoS 2
// that the client has already and those that came from a shared group, which gets
// them back in another way.
func (s *Session) WithdrawIf(gone func(*Delivery) bool) {
	var seqs []uint64
	s.queue.Each(func(seq uint64, it *Item) {
		if it.state != received && it.Delivery != nil && it.Delivery.Tag == nil && gone(it.Delivery) {
			seqs = append(seqs, seq)
		}
	})
	for _, seq := range seqs {
		s.finish(seq, s.queue.At(seq), Withdrawn)
	}
}

// Holds says whether the message at a place in the store is still needed.
func (s *Session) Holds(pos uint64) bool {
	_, ok := s.queue.find(pos)
	return ok
}

// Move says that a message now lies at another place, and returns whether there
// was one.
func (s *Session) Move(from, to uint64) bool {
	seq, ok := s.queue.find(from)
	if ok {
		s.queue.At(seq).Pos = to
	}
	return ok
}

// Positions calls visit for each place in the store that is still needed.
func (s *Session) Positions(visit func(pos uint64)) {
	s.queue.Each(func(_ uint64, it *Item) {
		if it.Pos != 0 {
			visit(it.Pos)
		}
	})
}

// room says whether another message may be started: the window of the client,
// ours in bytes (one always passes), the buffer, and the span of identifiers.
func (s *Session) room() bool {
	return s.inflight < int(s.opt.SendMaximum) && len(s.out) < outLimit &&
		(s.opt.SendBytes == 0 || s.inflight == 0 || s.flying < s.opt.SendBytes) &&
		s.next-s.queue.base < window
}

// mayStart holds back QoS 2 of a durable session until it is durable: else a
// crash would make a second copy with another identifier.
func (s *Session) mayStart(seq uint64, it *Item) bool {
	return it.QoS < 2 || len(s.unsafe) == 0 || seq < s.unsafe[0].seq
}

// paced asks whether m may be sent now. It counts what it allows, so it is asked last.
func (s *Session) paced(m *mqtt.Message, now int64) bool {
	return s.opt.Pacer == nil || s.opt.Pacer.MaySend(now, len(m.Payload))
}

// Committed says that everything up to ticket is durable.
func (s *Session) Committed(ticket uint64) {
	n := 0
	for n < len(s.unsafe) && s.unsafe[n].ticket <= ticket {
		n++
	}
	if s.unsafe = s.unsafe[n:]; len(s.unsafe) == 0 {
		s.unsafe = nil
	}
}

// Pump writes what may be sent: messages due again, then new ones. It returns
// true when it stopped at a message whose payload must be loaded first.
func (s *Session) Pump(now int64) (load bool) {
	if !s.online {
		return false
	}
	for s.skipGone() && s.room() {
		it := s.queue.At(s.next)
		switch {
		case it.state == received: // [MQTT-4.4.0-1]: PUBREL is sent again
			s.out = mqtt.AppendAck(s.out, s.opt.Version, mqtt.PUBREL, packetID(s.next), mqtt.Success, "")
			s.fly(it)
			s.next++
			continue
		case it.Msg == nil:
			return true
		case !s.mayStart(s.next, it) || !s.paced(it.Msg, now):
			return false
		}
		s.start(s.next, now)
	}
	for s.zero.len() > 0 && len(s.out) < outLimit {
		it := *s.zero.at(0)
		if !s.paced(it.Msg, now) {
			return false
		}
		s.zero.pop()
		s.zeroSize -= int(it.Size)
		s.writePublish(&it, 0, now)
	}
	return false
}

// skipGone moves next to an item that is not finished; false when there is none.
func (s *Session) skipGone() bool {
	q := &s.queue
	for i := q.seek(s.next); i < q.items.len(); i++ {
		if q.items.at(i).state != gone {
			s.next = q.seqAt(i)
			return true
		}
	}
	s.next = q.next
	return false
}

// start sends the message numbered s.next, or drops it when it has expired or
// the client could not take it.
func (s *Session) start(seq uint64, now int64) {
	it := s.queue.At(seq)
	s.next = seq + 1
	s.fresh = max(s.fresh, s.next)
	if why, ok := s.writePublish(it, packetID(seq), now); !ok {
		s.finish(seq, it, why)
		return
	}
	it.state = sent
	s.fly(it)
	if it.Pos != 0 || !s.durable { // read again if need be; or never sent again
		it.Msg = nil
	}
}

func (s *Session) fly(it *Item) {
	s.inflight++
	s.flying += int(it.Size)
}

// finish takes a message out of the queue and tells the keeper.
func (s *Session) finish(seq uint64, it *Item, why Reason) {
	if it.Started() && seq < s.next && why != Expired && why != TooLarge {
		s.inflight--
		s.flying -= int(it.Size)
	}
	s.keep.Done(seq, it, why)
	s.queue.Finish(seq)
	s.next = max(s.next, s.queue.base)
}

// writePublish appends the PUBLISH. ok is false when it was not written.
func (s *Session) writePublish(it *Item, id uint16, now int64) (why Reason, ok bool) {
	m := it.Msg
	o := mqtt.Out{Version: s.opt.Version, QoS: it.QoS, Retain: it.Retain, PacketID: id, Dup: it.state == sent || it.maybe}
	if m.Expires != 0 {
		if now >= m.Expires && it.state == queued { // [MQTT-3.3.2-5]
			if id == 0 {
				s.keep.Dropped(Expired)
			}
			return Expired, false
		}
		o.HasExpiry = true
		o.Expiry = uint32(max(0, (m.Expires-now+999)/1000)) // [MQTT-3.3.2-6]
	}
	if it.Delivery != nil {
		o.SubIDs = it.Delivery.SubIDs
	}
	alias, known := s.alias(m.Topic)
	o.Alias, o.OmitTopic = alias, known
	n := 0
	if s.opt.MaximumPacketSize > 0 {
		if n = mqtt.PublishSize(m, &o); n > int(s.opt.MaximumPacketSize) { // [MQTT-3.1.2-24]
			if id == 0 {
				s.keep.Dropped(TooLarge)
			}
			return TooLarge, false
		}
	}
	before := len(s.out)
	s.out = mqtt.AppendPublish(s.out, m, &o)
	if alias != 0 && !known {
		s.topics[m.Topic] = alias
	}
	s.keep.Sent(it.QoS, len(s.out)-before)
	return 0, true
}

// alias finds the alias of a topic, or the next free one. Long-lived topics
// come first in practice, so there is no eviction.
func (s *Session) alias(name string) (alias uint16, known bool) {
	if s.topics == nil {
		return 0, false
	}
	if a, ok := s.topics[name]; ok {
		return a, true
	}
	if len(s.topics) < int(s.opt.AliasOut) {
		return uint16(len(s.topics) + 1), false
	}
	return 0, false
}

// Missing returns the numbers and places of the next messages whose payload
// must be loaded, as many as may be sent soon, at most limit.
func (s *Session) Missing(limit int, visit func(seq, pos uint64)) {
	credit := min(limit, int(s.opt.SendMaximum)-s.inflight)
	for i := s.queue.seek(s.next); i < s.queue.items.len() && credit > 0; i++ {
		it := s.queue.items.at(i)
		if it.state == gone || it.state == received {
			continue
		}
		credit--
		if it.Msg == nil {
			visit(s.queue.seqAt(i), it.Pos)
		}
	}
}

// Fill gives back the payload of a message.
func (s *Session) Fill(seq, pos uint64, m *mqtt.Message) {
	it := s.queue.At(seq)
	if it == nil || it.Pos != pos || it.state == gone {
		return
	}
	it.Msg = m
	if it.Size == 0 { // a recovered one: its size was not known
		it.Size = size(m)
		s.queue.size += int(it.Size)
	}
}

// Lose gives up a message whose payload could not be loaded.
func (s *Session) Lose(seq, pos uint64) {
	if it := s.queue.At(seq); it != nil && it.Pos == pos && it.state != gone {
		s.finish(seq, it, Withdrawn)
	}
}

// Shed gives up a message that was just queued and not sent: DropNewest.
func (s *Session) Shed(seq uint64) {
	if it := s.queue.At(seq); it != nil && it.state == queued {
		s.finish(seq, it, Overflow)
	}
}

// OurAlias is the topic that an alias of ours stands for; empty: none. It looks at all of
// them: it is for somebody who watches.
func (s *Session) OurAlias(alias uint16) string {
	for name, a := range s.topics {
		if a == alias {
			return name
		}
	}
	return ""
}
