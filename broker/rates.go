package broker

import (
	"hash/maphash"
	"sync"
	"time"

	"gridmq/mqtt"
)

// A bucket holds a second's worth of tokens: what is left of it, and when that
// was counted. The zero value is full.
type bucket struct {
	left float64
	at   int64 // Unix milliseconds
}

// take takes n tokens, if there are any: what is larger than the bucket waits for
// a full one. rate is tokens per second; 0 or less is no limit.
func (b *bucket) take(now int64, rate, n int) bool {
	if rate <= 0 {
		return true
	}
	most := float64(rate)
	if b.at == 0 {
		b.left = most
	} else if now > b.at {
		b.left = min(most, b.left+most*float64(now-b.at)/1000)
	}
	b.at = max(b.at, now)
	if b.left < min(float64(n), most) {
		return false
	}
	b.left -= float64(n) // may go below zero: the next waits longer
	return true
}

// rates are a session's buckets while it is connected. They belong to the reader.
type rates struct {
	limited                     bool // there is a limit on PUBLISH
	messages, bytes, subscribes bucket
}

// namespaceRates are those of all its sessions together.
type namespaceRates struct {
	mu                                    sync.Mutex
	connects, subscribes, messages, bytes bucket
	sessions                              map[uint64]*bucket // CONNECTs, by a hash of the client identifier
	seed                                  maphash.Seed
	swept                                 int64
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
		return protocolError("connect", mqtt.ConnectionRateExceeded, "the namespace has more CONNECTs a second than its limit")
	}
	if l.SessionConnectRate <= 0 || client == "" {
		return nil
	}
	if !r.session(now, client).take(now, l.SessionConnectRate, 1) {
		return protocolError("connect", mqtt.ConnectionRateExceeded, "the session has more CONNECTs a second than its limit")
	}
	return nil
}

// session is the bucket of a client identifier. r.mu is held.
func (r *namespaceRates) session(now int64, client string) *bucket {
	if r.sessions == nil {
		r.seed = maphash.MakeSeed()
	}
	if r.sessions == nil || len(r.sessions) >= maxConnecting {
		r.sessions, r.swept = make(map[uint64]*bucket), now
	}
	if now-r.swept > 10_000 { // a bucket is full again after a second
		for id, b := range r.sessions {
			if now-b.at > 2000 {
				delete(r.sessions, id)
			}
		}
		r.swept = now
	}
	id := maphash.String(r.seed, client)
	b := r.sessions[id]
	if b == nil {
		b = new(bucket)
		r.sessions[id] = b
	}
	return b
}

// maySubscribe counts a SUBSCRIBE or UNSUBSCRIBE.
func (c *conn) maySubscribe() bool {
	l := c.limits
	if !c.rates.subscribes.take(c.now, l.SessionSubscribeRate, 1) {
		return false
	}
	if l.SubscribeRate <= 0 {
		return true
	}
	r := &c.ns.rates
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.subscribes.take(c.now, l.SubscribeRate, 1)
}

// limitRates says, once, whether PUBLISH is counted at all.
func (c *conn) limitRates() {
	l := c.limits
	c.rates.limited = l.PublishRate > 0 || l.PublishBytes > 0 || l.SessionPublishRate > 0 || l.SessionPublishBytes > 0
}

// inRate counts the PUBLISH in hand.
func (c *conn) inRate() bool {
	l, n := c.limits, len(c.in.Payload)
	if !c.rates.messages.take(c.now, l.SessionPublishRate, 1) || !c.rates.bytes.take(c.now, l.SessionPublishBytes, n) {
		return false
	}
	if l.PublishRate <= 0 && l.PublishBytes <= 0 {
		return true
	}
	r := &c.ns.rates
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages.take(c.now, l.PublishRate, 1) && r.bytes.take(c.now, l.PublishBytes, n)
}

// throttlePause is how long a 3.1.1 publisher is not read when it is too quick:
// its acknowledgement cannot say so, and to close is worse than to wait.
const throttlePause = 100 * time.Millisecond

// throttle answers a PUBLISH that is too much: QoS 0 is lost, version 5 is told,
// and 3.1.1 waits.
func (c *conn) throttle() error {
	const why = "more messages or bytes a second than the limit"
	if c.in.QoS == 0 || c.v5 {
		return c.refusePublish(mqtt.QuotaExceeded, why)
	}
	for range 100 {
		time.Sleep(throttlePause)
		if c.now = nowMillis(); c.ended.Load() {
			return errGone
		}
		if c.inRate() {
			return c.publishAdmitted()
		}
	}
	return c.refusePublish(mqtt.QuotaExceeded, why)
}
