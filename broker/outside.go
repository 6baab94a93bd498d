package broker

import (
	"context"
	"errors"
	"time"

	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/topic"
	"gridmq/tracing"
)

// Messages of callers that have no session: by HTTP. Source:
// spec/retain-and-http-publish.md, section 3.

// A Post is a message of a caller without a session.
type Post struct {
	Topic  string
	QoS    byte
	Retain bool
	// Properties are those that a PUBLISH of a client may have; others are left out.
	Properties mqtt.Properties
	Payload    []byte // at most the namespace's MaximumPacketSize, with everything else
}

// ErrDisabled says that a namespace does not serve MQTT at present, or is not there.
var ErrDisabled = errors.New("the namespace has no MQTT broker, or it is disabled: set topicSpacesConfiguration.state to Enabled")

// Publish publishes a message of somebody who has no session. The rules are those of a
// PUBLISH: topic, sizes, the authorizer, rates of namespace and caller, retained messages,
// routes. It returns when all that must survive is durable and no receiver is overloaded
// any more, the latter for HoldAcknowledgements or until ctx ends, at most. routed says
// that the message became an event. by must not be nil, unless the authorizer takes that;
// what p points to is the caller's again afterwards.
//
// Errors: a refusal is an *mqtt.Error with the code that a PUBACK would have; that of ctx
// when the store took too long: then the message is published nevertheless.
func (b *Broker) Publish(ctx context.Context, namespace string, by *Identity, p *Post) (routed bool, err error) {
	if !b.enter() {
		return false, protocolError("publish", mqtt.ServerShuttingDown, "the broker is shutting down")
	}
	defer b.serving.Done()
	ns := b.namespace(namespace)
	if ns == nil {
		return false, &mqtt.Error{Op: "publish", Code: mqtt.ServerUnavailable, Err: ErrDisabled}
	}
	out, err := ns.accept(by, p, tracing.From(ctx))
	if err != nil {
		var refusal *mqtt.Error
		if errors.As(err, &refusal) {
			b.metrics.publishRefused(refusal.Code)
			b.tellOutside(ns.name, by, p, refusal)
		}
		return false, err
	}
	if err := b.settled(ctx, out.ticket); err != nil {
		return false, err
	}
	if out.gate != nil {
		ns.holdOutside(ctx, out.gate)
	}
	return out.routed, nil
}

// enter counts a caller as one that Close waits for; false: the broker is closing.
func (b *Broker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing.Load() {
		return false
	}
	b.serving.Add(1)
	return true
}

// What became of a Post: what the answer to its caller depends on.
type posted struct {
	ticket store.Ticket
	gate   *mailbox // a receiver that is overloaded
	routed bool
}

// accept takes the message through the steps of a PUBLISH, or refuses it.
func (ns *namespace) accept(by *Identity, post *Post, span *tracing.Span) (o posted, err error) {
	ns.outside.RLock() // the namespace is not removed meanwhile
	defer ns.outside.RUnlock()
	if ns.disabled.Load() {
		return o, &mqtt.Error{Op: "publish", Code: mqtt.ServerUnavailable, Err: ErrDisabled}
	}
	now := nowMillis()
	m := mqtt.Message{Topic: post.Topic, QoS: post.QoS, Retain: post.Retain, Payload: post.Payload,
		Props: post.Properties.Forward(nil), Published: now}
	l := ns.limits.Load()
	if seconds := post.Properties.MessageExpiryInterval; post.Properties.Has(mqtt.PropMessageExpiryInterval) && (seconds > 0 || !l.ExpiryZeroNever) {
		m.Expires = now + int64(seconds)*1000
	}
	if err := l.refuse(&m, &post.Properties); err != nil {
		return o, err
	}
	if v := ns.mayPublish(by, m.Topic); v.Code != mqtt.Success {
		return o, protocolError("publish", v.Code, v.Reason)
	}
	if !ns.outsiderInRate(now, by, len(m.Payload)) {
		return o, protocolError("publish", mqtt.MessageRateTooHigh, "more messages or bytes a second than the limit")
	}
	ns.traffic.received[m.QoS].Add(1)
	describe(span, ns, m.Topic, m.QoS, m.Retain, len(m.Payload))
	var p publication
	p.start(ns, &m, now)
	p.by, p.span = by, span
	o.ticket, err = p.run(ns.route([]byte(m.Topic)))
	p.wake()
	if err != nil {
		if gone := storeGone("publish", err); gone != nil {
			return o, gone
		}
		return o, storeRefusal("publish", err)
	}
	o.gate, o.routed = p.gate, p.routed
	return o, nil
}

// refuse says what speaks against a message, whoever sends it.
func (l *Limits) refuse(m *mqtt.Message, p *mqtt.Properties) error {
	if err := m.Check(); err != nil {
		return protocolError("publish", mqtt.TopicNameInvalid, err.Error())
	}
	if topic.IsSystem(m.Topic) {
		return protocolError("publish", mqtt.NotAuthorized, onlyWeTell)
	}
	if m.QoS > l.MaximumQoS {
		return protocolError("publish", mqtt.QoSNotSupported, "QoS is above the Maximum QoS")
	}
	size := mqtt.PublishSize(m, &mqtt.Out{Version: mqtt.V5, QoS: m.QoS, HasExpiry: p.Has(mqtt.PropMessageExpiryInterval)})
	if l.MaximumPacketSize > 0 && size > int(l.MaximumPacketSize) || size > mqtt.MaxPacketSize {
		return protocolError("publish", mqtt.PacketTooLarge, "the message is larger than the Maximum Packet Size")
	}
	if err := l.refuseTopic(m.Topic); err != nil {
		return err
	}
	if m.Retain && l.RetainedBytes > 0 && len(m.Payload) > l.RetainedBytes {
		return protocolError("publish", mqtt.PacketTooLarge, "the message is too large to be retained")
	}
	if l.MaximumPropertyBytes > 0 && len(m.Props) > 0 {
		if code, why := l.judgeProperties(p); code != mqtt.Success {
			return protocolError("publish", code, why)
		}
	}
	return nil
}

// settled waits until a ticket is durable.
func (b *Broker) settled(ctx context.Context, t store.Ticket) error {
	if t == 0 {
		return nil
	}
	done := make(waiter, 1)
	b.store.Notify(t, done)
	select {
	case err := <-done:
		if err != nil {
			b.storeFailed(err)
			return &mqtt.Error{Op: "publish", Code: mqtt.ServerUnavailable, Err: discreet{"the server cannot go on", err}}
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// holdOutside holds a caller back while a receiver is overloaded, as an acknowledgement
// of a connection is. When the time is over the message stands, and the queue policy of
// the receiver applies.
func (ns *namespace) holdOutside(ctx context.Context, gate *mailbox) {
	limit := time.NewTimer(ns.limits.Load().HoldAcknowledgements)
	defer limit.Stop()
	select {
	case <-gate.opening():
	case <-limit.C:
	case <-ctx.Done():
	}
}

// opening is closed when the gate of x is open.
func (x *mailbox) opening() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.above.Load() {
		open := make(chan struct{})
		close(open)
		return open
	}
	if x.opened == nil {
		x.opened = make(chan struct{})
	}
	return x.opened
}

// outsiderInRate counts a message of a caller without a session: against what one
// session may, and the namespace. The buckets of a caller are among those that CONNECT
// has, and go like them.
func (ns *namespace) outsiderInRate(now int64, by *Identity, n int) bool {
	l, r := ns.limits.Load(), &ns.rates
	if l.PublishRate <= 0 && l.PublishBytes <= 0 && l.SessionPublishRate <= 0 && l.SessionPublishBytes <= 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if by != nil && (l.SessionPublishRate > 0 || l.SessionPublishBytes > 0) {
		if rate := l.SessionPublishBytes; rate > 0 { // a large message is a debt for longer
			r.full = max(r.full, int64(n)*1000/int64(rate))
		}
		if !r.session(now, "outside", "messages", by.Name).take(now, l.SessionPublishRate, 1) {
			return ns.b.metrics.throttled(throttleSessionPublishes)
		}
		if !r.session(now, "outside", "bytes", by.Name).take(now, l.SessionPublishBytes, n) {
			return ns.b.metrics.throttled(throttleSessionPublishBytes)
		}
	}
	return (r.messages.take(now, l.PublishRate, 1) || ns.b.metrics.throttled(throttlePublishes)) &&
		(r.bytes.take(now, l.PublishBytes, n) || ns.b.metrics.throttled(throttlePublishBytes))
}
