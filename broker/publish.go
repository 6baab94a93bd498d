package broker

import (
	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/store/queue"
	"gridmq/tap"
	"gridmq/topic"
	"gridmq/tracing"
)

// A publication is one message on its way through the steps of design.md
// section 3. It is reused, so that a PUBLISH allocates nothing of its own.
type publication struct {
	ns      *namespace
	m       *mqtt.Message
	now     int64
	c       *conn     // the publisher's; nil for a will
	by      *Identity // whose message it is
	gate    *mailbox
	stored  []storedTarget
	msg     queue.Message
	record  []byte
	span    *tracing.Span // nil: not traced
	retain  *retained
	removed *retained // remove the retained message only if it is still this one
	count   int       // receivers
	routed  bool      // it became an event; of event
	system  bool      // what we tell of ourselves: no event
	spread  []*group
	woken   []*mailbox // to flush, when there is no c
}

type storedTarget struct {
	x        *mailbox
	g        *group
	d        *session.Delivery
	qos      byte
	retained bool // sent because of a subscription
}

// Flags of a queue.Target.
const (
	targetQoS    = 0x03
	targetRetain = 0x04
)

// publish handles PUBLISH of a client.
func (c *conn) publish(flags byte, body []byte) error {
	in := &c.in
	if err := in.Read(c.v, flags, body); err != nil {
		return err
	}
	c.read.messages[in.QoS]++
	if in.HasSubscriptionID { // [MQTT-3.3.4-6]
		return protocolError("receive PUBLISH", mqtt.ProtocolError, "a client must not send a subscription identifier")
	}
	if in.QoS > c.limits.MaximumQoS { // [MQTT-3.2.2-11]
		return protocolError("receive PUBLISH", mqtt.QoSNotSupported, "QoS is above the Maximum QoS")
	}
	x := c.x
	again, ticket := false, uint64(0)
	if in.QoS > 0 || in.HasAlias {
		x.mu.Lock()
		if x.conn != c {
			x.mu.Unlock()
			return errGone
		}
		if in.QoS > 0 {
			var err error
			if again, ticket, err = x.s.Admit(in.QoS, in.PacketID); err != nil {
				x.mu.Unlock()
				return err
			}
		}
		if in.HasAlias {
			name, err := x.s.ResolveAlias(in.Alias, string(in.Topic))
			if err != nil {
				x.mu.Unlock()
				return err
			}
			in.Topic = append(in.Topic[:0:0], name...)
		}
		if again {
			x.s.Answer(mqtt.PUBREC, in.PacketID, mqtt.Success, ticket)
			x.mu.Unlock()
			return nil
		}
		x.mu.Unlock()
	}
	if c.rates.limited && !c.inRate() {
		return c.throttle()
	}
	return c.publishAdmitted()
}

// publishAdmitted goes on with a PUBLISH that is not too much.
func (c *conn) publishAdmitted() error {
	if c.b.tracer != nil {
		return c.publishTraced()
	}
	return c.publishChecked()
}

// publishChecked is the rest of it, traced or not.
func (c *conn) publishChecked() error {
	in, x := &c.in, c.x
	r := c.last
	if r == nil || r.topic != string(in.Topic) || r.gen != c.ns.index.Generation() {
		r = c.ns.route(in.Topic)
		c.last = r
	}
	if code, reason := c.judge(r.topic); code != mqtt.Success {
		if c.taps != nil {
			c.taps.Note(c.access("publish", r.topic, code, reason))
		}
		return c.refusePublish(code, reason)
	}
	c.view = mqtt.Message{
		Topic: r.topic, QoS: in.QoS, Retain: in.Retain, Payload: in.Payload, Props: in.Forward(nil),
		Origin: uint64(x.id), Published: c.now,
	}
	if in.HasExpiry && (in.Expiry > 0 || !c.limits.ExpiryZeroNever) {
		c.view.Expires = c.now + int64(in.Expiry)*1000
	}
	p := &c.pub
	p.start(c.ns, &c.view, c.now)
	p.c, p.by, p.span = c, c.id.Load(), c.span
	if in.QoS == 2 && x.durable {
		p.msg.Claim = queue.Claim{Queue: x.id, PacketID: in.PacketID}
	}
	t, err := p.run(r)
	if err != nil {
		if gone := storeGone("publish", err); gone != nil {
			return gone
		}
		e := storeRefusal("publish", err).(*mqtt.Error)
		return c.refusePublish(e.Code, reasonText(e))
	}
	if c.taps != nil {
		c.tapPublished(c.taps, r.topic)
	}
	return c.accept(t)
}

// judge asks what speaks against a PUBLISH: limits first, then permission.
func (c *conn) judge(name string) (mqtt.Code, string) {
	l, in := c.limits, &c.in
	if l.MaximumTopicBytes > 0 && len(name) > l.MaximumTopicBytes {
		return mqtt.TopicNameInvalid, "the topic is too long"
	}
	if l.MaximumTopicLevels > 0 && topic.Levels(name) > l.MaximumTopicLevels {
		return mqtt.TopicNameInvalid, "the topic has too many levels"
	}
	if topic.IsSystem(name) {
		return mqtt.NotAuthorized, onlyWeTell
	}
	if in.Retain && l.RetainedBytes > 0 && len(in.Payload) > l.RetainedBytes {
		return mqtt.QuotaExceeded, "the message is too large to be retained"
	}
	if l.MaximumPropertyBytes > 0 && len(in.Props) > 0 {
		if code, why := c.judgeProperties(); code != mqtt.Success {
			return code, why
		}
	}
	v := c.mayPublish(name)
	if v.Code != mqtt.Success {
		return v.Code, v.Reason
	}
	return mqtt.Success, ""
}

func (c *conn) judgeProperties() (mqtt.Code, string) {
	p, err := c.in.Properties()
	if err != nil {
		return mqtt.MalformedPacket, "properties"
	}
	return c.limits.judgeProperties(&p)
}

func (l *Limits) judgeProperties(p *mqtt.Properties) (mqtt.Code, string) {
	most := l.MaximumPropertyBytes
	if len(p.ResponseTopic) > most || len(p.ContentType) > most || len(p.CorrelationData) > most {
		return mqtt.QuotaExceeded, "response topic, content type or correlation data is too long"
	}
	n := 0
	for _, u := range p.UserProperties {
		n += len(u.Name) + len(u.Value)
	}
	if most := l.MaximumUserPropertyBytes; most > 0 && n > most {
		return mqtt.QuotaExceeded, "user properties are too long"
	}
	return mqtt.Success, ""
}

// refusePublish tells the publisher: QoS 1 and 2 of version 5 by their
// acknowledgement, everything else by the end of the connection.
func (c *conn) refusePublish(code mqtt.Code, reason string) error {
	c.b.metrics.publishRefused(code)
	c.span.Fail(code.String(), reason)
	if c.b.witness != nil {
		c.b.witness.PublishRefused(c.visit(), string(c.in.Topic), c.in.QoS, code, reason)
	}
	if !c.v5 || c.in.QoS == 0 {
		if code == mqtt.QuotaExceeded && c.in.QoS == 0 { // a full store: QoS 0 may be lost
			return nil
		}
		return protocolError("publish", code, reason)
	}
	t := mqtt.PUBACK
	if c.in.QoS == 2 {
		t = mqtt.PUBREC
	}
	if code == mqtt.NotAuthorized {
		reason = mayNotPublish
	}
	if !c.problems { // section 3.1.2.11.7
		reason = ""
	}
	return c.own(func(x *mailbox) { x.s.AnswerBecause(t, c.in.PacketID, code, reason) })
}

// accept queues the acknowledgement: due when everything that must survive is
// durable, and held while a receiver is overloaded.
func (c *conn) accept(t store.Ticket) error {
	in, p := &c.in, &c.pub
	if in.QoS == 0 {
		if t != 0 {
			c.owe(t)
		}
		return nil
	}
	ack, code := mqtt.PUBACK, mqtt.Success
	if in.QoS == 2 {
		ack = mqtt.PUBREC
	}
	if p.count == 0 && c.v5 {
		code = mqtt.NoMatchingSubscribers
	}
	if t != 0 {
		c.notify(t)
	}
	x := c.x
	held := p.gate != nil && p.gate.await(x)
	if held && c.taps != nil {
		c.taps.Note(tap.Event{Kind: tap.Held, PacketID: in.PacketID, Reason: "a subscriber is slow: " + p.gate.clientID})
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conn != c {
		return errGone
	}
	if in.QoS == 2 && !x.durable {
		x.s.Claim(in.PacketID, uint64(t))
	}
	if held {
		x.s.AnswerThrough(p.gate, ack, in.PacketID, code, uint64(t))
		c.hold(p.gate)
		return nil
	}
	x.s.Answer(ack, in.PacketID, code, uint64(t))
	if c.limits.ReceiveBytes > 0 {
		x.s.Weigh(len(in.Payload))
	}
	return nil
}

// owe holds a publisher of QoS 0 to what the disk can take: its messages are routed, and
// there is no acknowledgement whose absence would slow it down. An answer without bytes
// counts as one (see holdReading), and is due when the event is durable.
func (c *conn) owe(t store.Ticket) {
	c.notify(t)
	x := c.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conn == c {
		x.s.AnswerRaw(nil, uint64(t))
	}
}

// claim notes the identifier of a QoS 2 message that has just got its place in
// the log: a snapshot that is taken now must know it, one taken before must not.
func (c *conn) claim(t store.Ticket) {
	x := c.x
	x.mu.Lock()
	x.s.Claim(c.in.PacketID, uint64(t))
	x.mu.Unlock()
}

// start makes p ready for a message.
func (p *publication) start(ns *namespace, m *mqtt.Message, now int64) {
	p.ns, p.m, p.now, p.c, p.by, p.gate, p.span, p.retain, p.removed, p.count = ns, m, now, nil, nil, nil, nil, nil, nil, 0
	p.system = false
	p.stored = p.stored[:0]
	p.spread = p.spread[:0]
	p.woken = p.woken[:0]
	p.msg = queue.Message{Targets: p.msg.Targets[:0], Ops: p.msg.Ops[:0]}
}

// forget drops what the publication points to, and keeps its memory.
func (p *publication) forget() {
	const keep = 1024 // targets: more are rare enough to make anew
	if cap(p.stored) > keep {
		p.stored, p.msg.Targets = nil, nil
	}
	clear(p.stored[:cap(p.stored)])
	clear(p.msg.Targets[:cap(p.msg.Targets)])
	clear(p.msg.Ops[:cap(p.msg.Ops)])
	if cap(p.record) > keepBuffer {
		p.record = nil
	}
	p.ns, p.m, p.c, p.by, p.gate, p.span, p.retain, p.removed, p.msg.Record = nil, nil, nil, nil, nil, nil, nil, nil, nil
}

// run takes the message through steps 2 to 6. The ticket is what an
// acknowledgement must wait for. With an error nobody has got anything.
func (p *publication) run(r *route) (store.Ticket, error) {
	m := p.m
	for i := range r.targets { // who must not miss it?
		t := &r.targets[i]
		if m.QoS == 0 || !t.x.durable {
			continue
		}
		if d := t.deliveryFor(m.Origin); d != nil && d.QoS > 0 {
			p.keepFor(t.x, nil, d)
		}
	}
	kept := len(p.stored) // the groups among them follow, in their order
	for _, g := range r.groups {
		if m.QoS > 0 && g.durable.Load() {
			p.keepFor(nil, g, g.delivery)
		}
	}
	if m.Retain {
		if err := p.ns.retainedRoom(m.Topic, len(m.Topic)+len(m.Payload)+len(m.Props)); err != nil && len(m.Payload) > 0 {
			return 0, err
		}
		p.setRetained()
	}
	ticket, err := p.event()
	if err != nil {
		return 0, err
	}
	if len(p.stored) > 0 || len(p.msg.Ops) > 0 || p.msg.Claim.Queue != 0 {
		t, err := p.commit()
		if err != nil {
			return 0, err
		}
		ticket = max(ticket, t)
	}
	for i := range r.targets {
		t := &r.targets[i]
		if d := t.deliveryFor(m.Origin); d != nil && (m.QoS == 0 || d.QoS == 0 || !t.x.durable) {
			p.deliver(t.x, d)
		}
	}
	for _, g := range r.groups {
		if kept < len(p.stored) && p.stored[kept].g == g {
			kept++
			continue
		}
		t, err := p.share(g)
		if err != nil {
			return 0, err
		}
		ticket = max(ticket, t)
	}
	if p.ns.b.relay != nil {
		if err := p.ns.b.relay.Forward(p.ns.name, m); err != nil {
			return 0, err
		}
	}
	return ticket, nil
}

// event keeps the message as an event, if it is to become one. It comes before the
// queues have it: a publisher that is refused and sends it again makes another event at
// worst, and events are delivered at least once.
func (p *publication) event() (store.Ticket, error) {
	if p.ns.router == nil || p.system {
		return 0, nil
	}
	t, err := p.ns.router.Route(p.m, p.by, p.span)
	p.routed = t != 0
	return t, err
}

// keepFor adds a queue that must have the message in the store.
func (p *publication) keepFor(x *mailbox, g *group, d *session.Delivery) {
	t := storedTarget{x: x, g: g, d: d, qos: min(p.m.QoS, d.QoS)}
	q := queue.Target{Flags: t.qos, Slots: d.Slots}
	if p.m.Retain && d.RetainAsPublished {
		q.Flags |= targetRetain
	}
	if x != nil {
		q.Queue = x.id
	} else {
		q.Queue = g.id
	}
	p.stored = append(p.stored, t)
	p.msg.Targets = append(p.msg.Targets, q)
}

// commit hands the message to the log: Enqueue runs under the order lock, so
// every queue sees its messages in log order.
func (p *publication) commit() (store.Ticket, error) {
	if len(p.stored) > 0 {
		p.record = mqtt.AppendMessage(p.record[:0], p.m)
		p.msg.Record = p.record
	}
	if p.retain != nil {
		p.ns.retained.writes.Lock()
		defer p.ns.retained.writes.Unlock()
		if p.removed != nil && !p.stillThere() {
			return 0, nil
		}
	}
	return p.ns.queues.Publish(&p.msg, p)
}

// Enqueue implements queue.Enqueuer.
func (p *publication) Enqueue(pos store.Position, ticket store.Ticket) {
	p.ns.noteTicket(ticket) // before anybody can look for the message
	if p.msg.Claim.Queue != 0 {
		p.c.claim(ticket)
	}
	for i := range p.stored {
		t := &p.stored[i]
		p.count++
		place := session.Place{Pos: uint64(pos), Ticket: uint64(ticket), Retained: t.retained}
		if t.g != nil {
			t.g.push(p.m, place)
			p.spread = append(p.spread, t.g)
			continue
		}
		p.hand(t.x, t.d, place)
	}
	if p.retain != nil {
		p.ns.retained.set(p.ns, p.m.Topic, p.retain, ticket)
	}
	p.dispatch()
}

// stillThere says whether the message that is to be removed is there, or a newer one.
// retained.writes is held.
func (p *publication) stillThere() bool {
	now, ok := p.ns.retained.names.Get(p.m.Topic)
	return ok && now == p.removed
}

// hand gives a message of QoS 1 or 2 to a session.
func (p *publication) hand(x *mailbox, d *session.Delivery, place session.Place) {
	x.mu.Lock()
	x.lend()
	x.deliver(p.m, d, place, p.now)
	if x.doc.Retired != nil && x.retired(d) { // the route is older than that
		x.s.WithdrawIf(x.retired)
	}
	online := x.conn != nil
	if online {
		p.toFlush(x)
	}
	x.mu.Unlock()
	if x.above.Load() && p.gate == nil {
		p.gate = x
	}
	if online && place.Ticket != 0 && min(p.m.QoS, d.QoS) == 2 {
		p.ns.b.store.Notify(store.Ticket(place.Ticket), x)
	}
}

// deliver gives the message to a session that does not need it stored.
func (p *publication) deliver(x *mailbox, d *session.Delivery) {
	p.count++
	if min(p.m.QoS, d.QoS) > 0 {
		p.hand(x, d, session.Place{})
		return
	}
	x.mu.Lock()
	if x.doc.Retired == nil || !x.retired(d) {
		x.lend()
		x.s.DeliverZero(p.m, d, false, p.now)
		p.toFlush(x)
	}
	x.mu.Unlock()
}

// share gives the message to one member of a group that was not durable when
// the targets were chosen. The ticket is not 0 when it has become so since.
func (p *publication) share(g *group) (store.Ticket, error) {
	p.count++
	if p.m.QoS == 0 {
		if x := g.deliverZero(p.m, p.now); x != nil {
			x.mu.Lock()
			p.toFlush(x)
			x.mu.Unlock()
		}
		return 0, nil
	}
	var ticket store.Ticket
	if !g.push(p.m, session.Place{}) {
		var q publication
		q.start(p.ns, p.m, p.now)
		q.keepFor(nil, g, g.delivery)
		var err error
		if ticket, err = q.commit(); err != nil {
			return 0, err
		}
	}
	p.spread = append(p.spread, g)
	p.dispatch()
	return ticket, nil
}

// dispatch remembers the groups that have something to hand out.
func (p *publication) dispatch() {
	if p.c != nil {
		p.c.groups = append(p.c.groups, p.spread...)
		p.spread = p.spread[:0]
	}
}

// toFlush remembers a mailbox to flush, under its lock.
func (p *publication) toFlush(x *mailbox) {
	if p.c != nil {
		p.c.touch(x)
	} else if x.conn != nil {
		p.woken = append(p.woken, x)
	}
}

// publishDetached publishes a message that no connection waits for: a will.
func (ns *namespace) publishDetached(m *mqtt.Message, by *Identity, ops []store.Op) (store.Ticket, error) {
	var p publication
	p.start(ns, m, m.Published)
	p.by = by
	p.msg.Ops = append(p.msg.Ops, ops...)
	t, err := p.run(ns.route([]byte(m.Topic)))
	p.wake()
	return t, err
}

// wake sends what a publication without a connection has caused.
func (p *publication) wake() {
	for _, x := range p.woken {
		p.ns.b.flushers.add(x)
	}
	for _, g := range p.spread {
		g.dispatch()
	}
}
