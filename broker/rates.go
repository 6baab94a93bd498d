package broker

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"gridmq/identity"
	"gridmq/mqtt"
)

// A bucket holds tokens, a second's worth unless something else is said: what is left
// of them, and when that was counted. The zero value is full.
type bucket struct {
	left float64
	at   int64 // Unix milliseconds
}

// take takes n tokens, if there are any: what is larger than the bucket waits for
// a full one. rate is tokens per second; 0 or less is no limit.
func (b *bucket) take(now int64, rate, n int) bool { return b.takeOf(now, rate, rate, n) }

// takeOf is take from a bucket that holds more or fewer tokens, size of them.
func (b *bucket) takeOf(now int64, rate, size, n int) bool {
	if rate <= 0 {
		return true
	}
	most := float64(size)
	if b.at == 0 {
		b.left = most
	} else if now > b.at {
		b.left = min(most, b.left+float64(rate)*float64(now-b.at)/1000)
	}
	b.at = max(b.at, now)
	if b.left < min(float64(n), most) {
		return false
	}
	b.left -= float64(n) // may go below zero: the next waits longer
	return true
}

// untake gives back what was taken for something that another limit refused.
func (b *bucket) untake(n int) { b.left += float64(n) }

// rates are a session's buckets while it is connected. They belong to the reader.
type rates struct {
	limited                     bool // there is a limit on PUBLISH
	messages, bytes, subscribes bucket
}

// namespaceRates are those of all its sessions together.
type namespaceRates struct {
	mu                                    sync.Mutex
	connects, subscribes, messages, bytes bucket
	deliveries, deliveredBytes            bucket
	sessions                              map[uint64]*bucket // CONNECTs, by a hash of whose they are
	seed                                  maphash.Seed
	swept                                 int64
	full                                  int64 // ms after which any of sessions is full again, and can go
}

// maxConnecting bounds the sessions whose CONNECTs are counted: it happens before
// anybody knows who is there. Beyond, all begin anew.
const maxConnecting = 1 << 16

// mayConnect counts a CONNECT. spec/mqtt-protocol.md, section 10.
func (ns *namespace) mayConnect(client string) error {
	l := ns.limits.Load()
	if l.ConnectRate <= 0 && l.SessionConnectRate <= 0 {
		return nil
	}
	now := nowMillis()
	r := &ns.rates
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.connects.take(now, l.ConnectRate, 1) {
		ns.b.metrics.throttled(throttleConnects)
		return protocolError("connect", mqtt.ConnectionRateExceeded, "the namespace has more CONNECTs a second than its limit")
	}
	if l.SessionConnectRate <= 0 || client == "" {
		return nil
	}
	if !r.session(now, client).take(now, l.SessionConnectRate, 1) {
		ns.b.metrics.throttled(throttleSessionConnects)
		return protocolError("connect", mqtt.ConnectionRateExceeded, "the session has more CONNECTs a second than its limit")
	}
	return nil
}

// mayReconnect counts a CONNECT of a client that has proved who it is, so that nobody
// can use up what belongs to another. Clients that share a name are told apart by their
// identifiers; who has neither cannot be recognised. Source: design.md, section 6.
func (ns *namespace) mayReconnect(name, client string) error {
	l := ns.limits.Load()
	rate, burst := l.ReconnectRate, max(l.ReconnectBurst, l.ReconnectRate)
	if rate <= 0 || name == "" && client == "" {
		return nil
	}
	now := nowMillis()
	r := &ns.rates
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = max(r.full, int64(burst)*1000/int64(rate))
	if !r.session(now, identity.Fold(name), client).takeOf(now, rate, burst, 1) {
		ns.b.metrics.throttled(throttleReconnects)
		return protocolError("connect", mqtt.ConnectionRateExceeded, fmt.Sprintf(
			"the client connects again and again, more than %d times and then %d a second: is it in a loop, or is there another with its client identifier?", burst, rate))
	}
	return nil
}

// session is the bucket of a session: of its client identifier, or of its name and
// that. r.mu is held.
func (r *namespaceRates) session(now int64, whose ...string) *bucket {
	if r.sessions == nil {
		r.seed = maphash.MakeSeed()
	}
	if r.sessions == nil || len(r.sessions) >= maxConnecting {
		r.sessions, r.swept = make(map[uint64]*bucket), now
	}
	if now-r.swept > 10_000 {
		r.sweep(now)
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	for _, text := range whose { // no text of MQTT has a NUL [MQTT-1.5.4-2]
		_, _ = h.WriteString(text)
		_ = h.WriteByte(0)
	}
	id := h.Sum64()
	b := r.sessions[id]
	if b == nil {
		b = new(bucket)
		r.sessions[id] = b
	}
	return b
}

// sweep forgets the buckets that are full again. r.mu is held.
func (r *namespaceRates) sweep(now int64) {
	keep := max(r.full, 1000) + 1000
	for id, b := range r.sessions {
		if now-b.at > keep {
			delete(r.sessions, id)
		}
	}
	r.swept = now
}

// tidy gives back the memory of a crowd that has come: nobody else looks when nobody
// comes any more.
func (r *namespaceRates) tidy(now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sweep(now); len(r.sessions) == 0 {
		r.sessions = nil // a map never becomes smaller
	}
}

// maySubscribe counts a SUBSCRIBE or UNSUBSCRIBE.
func (c *conn) maySubscribe() bool {
	l := c.limits
	if !c.rates.subscribes.take(c.now, l.SessionSubscribeRate, 1) {
		return c.b.metrics.throttled(throttleSessionSubscribes)
	}
	if l.SubscribeRate <= 0 {
		return true
	}
	r := &c.ns.rates
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.subscribes.take(c.now, l.SubscribeRate, 1) || c.b.metrics.throttled(throttleSubscribes)
}

// mayUnsubscribe is maySubscribe for an UNSUBSCRIBE. 3.1.1 cannot be told no: it waits,
// as with a PUBLISH. The error ends the connection.
func (c *conn) mayUnsubscribe() (bool, error) {
	if may := c.maySubscribe(); may || c.v5 {
		return may, nil
	}
	if err := c.pause(c.maySubscribe); err != errTooMuch {
		return err == nil, err
	}
	return false, protocolError("unsubscribe", mqtt.QuotaExceeded, tooManySubscribes)
}

// limitRates says, once, whether PUBLISH is counted at all.
func (c *conn) limitRates() {
	l := c.limits
	c.rates.limited = l.PublishRate > 0 || l.PublishBytes > 0 || l.SessionPublishRate > 0 || l.SessionPublishBytes > 0
}

// inRate counts the PUBLISH in hand.
func (c *conn) inRate() bool {
	l, n := c.limits, len(c.in.Payload)
	m := c.b.metrics
	if !c.rates.messages.take(c.now, l.SessionPublishRate, 1) {
		return m.throttled(throttleSessionPublishes)
	}
	if !c.rates.bytes.take(c.now, l.SessionPublishBytes, n) {
		return m.throttled(throttleSessionPublishBytes)
	}
	if l.PublishRate <= 0 && l.PublishBytes <= 0 {
		return true
	}
	r := &c.ns.rates
	r.mu.Lock()
	defer r.mu.Unlock()
	return (r.messages.take(c.now, l.PublishRate, 1) || m.throttled(throttlePublishes)) &&
		(r.bytes.take(c.now, l.PublishBytes, n) || m.throttled(throttlePublishBytes))
}

// throttlePause is how long a 3.1.1 publisher is not read when it is too quick:
// its acknowledgement cannot say so, and to close is worse than to wait.
const throttlePause = 100 * time.Millisecond

// throttlePauses is after how many of them the connection ends.
const throttlePauses = 100

// throttle answers a PUBLISH that is too much: QoS 0 is lost, version 5 is told,
// and 3.1.1 waits.
func (c *conn) throttle() error {
	const why = "more messages or bytes a second than the limit"
	if c.in.QoS == 0 || c.v5 {
		return c.refusePublish(mqtt.QuotaExceeded, why)
	}
	switch err := c.pause(c.inRate); err {
	case nil:
		return c.publishAdmitted()
	case errTooMuch:
		return c.refusePublish(mqtt.QuotaExceeded, why)
	default:
		return err
	}
}

// errTooMuch says that pauses did not help.
var errTooMuch = errors.New("too much for too long")

// pause reads nothing until a packet of 3.1.1 is within its rate. Errors: errTooMuch,
// errGone.
func (c *conn) pause(may func() bool) error {
	for range throttlePauses {
		time.Sleep(throttlePause)
		if c.now = nowMillis(); c.ended.Load() {
			return errGone
		}
		if may() {
			return nil
		}
	}
	return errTooMuch
}
