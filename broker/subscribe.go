package broker

import (
	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/topic"
)

// subscribe handles SUBSCRIBE: one code for each filter [MQTT-3.8.4-6], after
// whatever must survive is durable, then the retained messages.
func (c *conn) subscribe(body []byte) error {
	p, err := mqtt.ReadSubscribe(c.v, body)
	if err != nil {
		return err
	}
	c.b.metrics.subPackets.WithLabelValues("subscribe").Inc()
	var id uint32
	if ids := p.Properties.SubscriptionIdentifiers; len(ids) > 0 {
		id = ids[0]
	}
	c.x.changes.Lock()
	defer c.x.changes.Unlock()
	if err := c.own(func(*mailbox) {}); err != nil {
		return err
	}
	ack := mqtt.Suback{PacketID: p.PacketID, Codes: make([]mqtt.Code, len(p.Subscriptions))}
	todo := subscribing{id: id}
	tooMany := c.limits.FiltersPerSubscribe > 0 && len(p.Subscriptions) > c.limits.FiltersPerSubscribe ||
		!c.maySubscribe()
	for i := range p.Subscriptions {
		code := mqtt.QuotaExceeded
		if !tooMany {
			if code, err = c.subscribeOne(&p.Subscriptions[i], &todo); err != nil {
				return c.undoSubscribe(p, ack, &todo, err)
			}
		}
		ack.Codes[i] = code
		if code.IsError() {
			c.b.metrics.subscribeRefused(code)
			todo.old = append(todo.old, nil)
		}
	}
	var ticket store.Ticket
	if len(todo.batch.Ops) > 0 {
		todo.batch.Frees = !todo.more // a client that is back says again what it wants
		if _, ticket, err = c.b.store.Submit(&todo.batch); err != nil {
			return c.undoSubscribe(p, ack, &todo, storeGone("subscribe", err))
		}
		c.notify(ticket)
	}
	c.tellSubscribe(mqtt.SUBSCRIBE, ack.Codes, func(i int) string { return p.Subscriptions[i].Filter })
	return c.own(func(x *mailbox) { x.s.AnswerRaw(c.explainSuback(&ack), uint64(ticket)) })
}

// subscribing is the work of one SUBSCRIBE.
type subscribing struct {
	id    uint32 // subscription identifier
	batch store.Batch
	old   []*subscription // what each filter so far has replaced, or nil
	more  bool            // some filter is new
}

// undoSubscribe takes back what could not be stored: all of the packet. why,
// when not nil, ends the connection.
func (c *conn) undoSubscribe(p *mqtt.Subscribe, ack mqtt.Suback, todo *subscribing, why error) error {
	for i := len(todo.old) - 1; i >= 0; i-- {
		if ack.Codes[i].IsError() {
			continue
		}
		ack.Codes[i] = mqtt.QuotaExceeded
		old := todo.old[i]
		if old == nil {
			c.ns.unsubscribe(c.x, p.Subscriptions[i].Filter)
			continue
		}
		again := *old
		if again.g != nil {
			again.g.announce(c.x, 0)
		}
		if _, code := c.ns.addSubscription(&again); code != mqtt.Success {
			c.ns.abandon(again.g, c.x)
		}
	}
	c.tellSubscribe(mqtt.SUBSCRIBE, ack.Codes, func(i int) string { return p.Subscriptions[i].Filter })
	if why != nil {
		return why
	}
	return c.own(func(x *mailbox) { x.s.AnswerRaw(c.explainSuback(&ack), 0) })
}

// subscribeOne adds or replaces one subscription [MQTT-3.8.4-3]. The error
// ends the connection.
func (c *conn) subscribeOne(s *mqtt.Subscription, todo *subscribing) (mqtt.Code, error) {
	l := c.limits
	name, filter, shared, err := topic.ParseShare(s.Filter)
	if err != nil || topic.ValidFilter(filter) != nil {
		return mqtt.TopicFilterInvalid, nil
	}
	if shared && !c.v5 && !l.SharedV311 {
		return 0, protocolError("subscribe", mqtt.SharedSubscriptionsNotSupported, "shared subscriptions need MQTT 5")
	}
	if shared && s.NoLocal { // [MQTT-3.8.3-4]
		return 0, protocolError("subscribe", mqtt.ProtocolError, "No Local on a shared subscription")
	}
	if c.limits.refuseTopic(filter) != nil {
		return mqtt.TopicFilterInvalid, nil
	}
	v := c.ns.maySubscribe(c.id.Load(), filter)
	if c.taps != nil {
		c.taps.Note(c.access("subscribe", filter, v.Code, v.Reason))
	}
	if v.Code != mqtt.Success {
		return v.Code, nil
	}
	sub := &subscription{
		x: c.x, filter: filter, full: s.Filter, id: todo.id,
		qos: min(s.QoS, l.MaximumQoS), noLocal: s.NoLocal || c.bridge && !shared, asPub: s.RetainAsPublished || c.bridge,
	}
	if l.NamespaceSubscriptions > 0 && c.ns.index.Len() >= l.NamespaceSubscriptions {
		return mqtt.QuotaExceeded, nil
	}
	if shared {
		if sub.g, err = c.ns.joinGroup(name, filter, c.x); err != nil {
			c.ns.abandon(sub.g, c.x)
			return mqtt.QuotaExceeded, nil
		}
	}
	old, code := c.ns.addSubscription(sub)
	if code != mqtt.Success {
		c.ns.abandon(sub.g, c.x)
		return code, nil
	}
	todo.old = append(todo.old, old)
	todo.more = todo.more || old == nil
	if shared { // something may wait there
		c.groups = append(c.groups, sub.g)
	}
	if c.x.durable {
		todo.batch.Put(c.ns.keys.subscription(c.x.id, sub.slot), encode(&subscriptionDoc{
			Filter: sub.full, QoS: sub.qos, NoLocal: sub.noLocal, RetainAsPublished: sub.asPub, ID: sub.id,
		}))
	}
	c.ns.b.metrics.subscribed()
	if topic.IsSystem(filter) {
		c.ns.system.hurry()
	}
	if !shared && (s.RetainHandling == 0 || s.RetainHandling == 1 && old == nil) { // [MQTT-3.3.1-9] to -11
		c.replay(sub)
	}
	return mqtt.GrantedQoS0 + mqtt.Code(sub.qos), nil
}

// addSubscription puts a subscription into its session and the index, in the
// place of one with the same filter, which it returns. x.changes is held.
func (ns *namespace) addSubscription(sub *subscription) (old *subscription, code mqtt.Code) {
	x := sub.x
	x.mu.Lock()
	l := x.limits()
	if x.ended {
		x.mu.Unlock()
		return nil, mqtt.UnspecifiedError
	}
	old = x.subs[sub.full]
	if old == nil {
		if l.Subscriptions > 0 && len(x.subs) >= l.Subscriptions ||
			sub.g != nil && l.SharedPerSession > 0 && x.spread >= l.SharedPerSession {
			x.mu.Unlock()
			return nil, mqtt.QuotaExceeded
		}
		sub.slot = x.slot
		x.slot++
		if sub.g != nil {
			x.spread++
		}
	} else {
		sub.slot = old.slot
	}
	sub.newDelivery()
	if x.subs == nil {
		x.subs = make(map[string]*subscription)
		x.slots = make(map[uint32]*subscription)
	}
	x.subs[sub.full] = sub
	x.slots[sub.slot] = sub
	x.mu.Unlock()
	if sub.g != nil {
		sub.g.join(sub)
	} else {
		ns.index.Add(sub.filter, sub)
	}
	if old != nil && old.g == nil {
		ns.index.Remove(old.filter, old)
	}
	return old, mqtt.Success
}

// unsubscribe handles UNSUBSCRIBE.
func (c *conn) unsubscribe(body []byte) error {
	p, err := mqtt.ReadUnsubscribe(c.v, body)
	if err != nil {
		return err
	}
	c.b.metrics.subPackets.WithLabelValues("unsubscribe").Inc()
	if may, err := c.mayUnsubscribe(); err != nil {
		return err
	} else if !may {
		return c.refuseUnsubscribe(p)
	}
	c.x.changes.Lock()
	defer c.x.changes.Unlock()
	if err := c.own(func(*mailbox) {}); err != nil {
		return err
	}
	ticket, err := c.storeUnsubscribe(p.Filters)
	if gone := storeGone("unsubscribe", err); gone != nil {
		return gone
	}
	if err != nil && !c.v5 { // UNSUBACK cannot say no
		return storeRefusal("unsubscribe", err)
	}
	ack := mqtt.Unsuback{PacketID: p.PacketID, Codes: make([]mqtt.Code, len(p.Filters))}
	for i, f := range p.Filters {
		_, filter, _, invalid := topic.ParseShare(f)
		switch {
		case invalid != nil || topic.ValidFilter(filter) != nil:
			ack.Codes[i] = mqtt.TopicFilterInvalid
		case err != nil:
			ack.Codes[i] = mqtt.ImplementationSpecificError
		case c.ns.unsubscribe(c.x, f) == nil: // [MQTT-3.11.3-2] of 5.0: one code each
			ack.Codes[i] = mqtt.NoSubscriptionExisted
		default:
			c.ns.b.metrics.unsubscribed()
		}
	}
	c.tellSubscribe(mqtt.UNSUBSCRIBE, ack.Codes, func(i int) string { return p.Filters[i] })
	return c.own(func(x *mailbox) { x.s.AnswerRaw(ack.Append(nil, c.v), uint64(ticket)) })
}

// storeUnsubscribe takes subscriptions out of the store, before they are
// forgotten: what UNSUBACK has ended must stay ended. x.changes is held.
func (c *conn) storeUnsubscribe(filters []string) (ticket store.Ticket, err error) {
	var batch store.Batch
	x := c.x
	x.mu.Lock()
	for _, f := range filters {
		if sub := x.subs[f]; sub != nil && x.durable {
			batch.Delete(c.ns.keys.subscription(x.id, sub.slot))
		}
	}
	x.mu.Unlock()
	if len(batch.Ops) == 0 {
		return 0, nil
	}
	if _, ticket, err = c.b.store.Submit(&batch); err == nil {
		c.notify(ticket)
	}
	return ticket, err
}

// unsubscribe removes a subscription and returns it; nil if there was none.
// Messages that are queued stay [MQTT-3.10.4-3]. x.changes is held.
func (ns *namespace) unsubscribe(x *mailbox, full string) *subscription {
	x.mu.Lock()
	sub := x.subs[full]
	if sub == nil {
		x.mu.Unlock()
		return nil
	}
	delete(x.subs, full)
	delete(x.slots, sub.slot)
	if sub.g != nil {
		x.spread--
	}
	for i, r := range x.replays {
		if r.sub == sub {
			x.replays = append(x.replays[:i:i], x.replays[i+1:]...)
			break
		}
	}
	x.mu.Unlock()
	ns.unindex(sub)
	return sub
}

// unindex takes a subscription out of the index or its group.
func (ns *namespace) unindex(sub *subscription) {
	if sub.g != nil {
		ns.leaveGroup(sub)
		return
	}
	ns.index.Remove(sub.filter, sub)
}
