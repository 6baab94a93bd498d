package behaviour

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

// everything are all properties that pass through.
func everything() *paho.PublishProperties {
	return &paho.PublishProperties{
		PayloadFormat: paho.Byte(1), ContentType: "application/json; charset=ü", ResponseTopic: "reply/to/me",
		CorrelationData: []byte{0, 255, 1}, User: paho.UserProperties{
			{Key: "b", Value: "2"}, {Key: "a", Value: "1"}, {Key: "b", Value: ""}, {Key: "", Value: "€"}},
	}
}

// TestPropertiesPassThrough: unchanged and in order, live, from a queue,
// retained, and shared.
func TestPropertiesPassThrough(t *testing.T) {
	five(t, func(e *env) {
		check := func(where string, m message) {
			e.Helper()
			if want := everything(); !reflect.DeepEqual(m.props, want) {
				e.Errorf("%s at QoS %d: properties %+v, want %+v", where, m.qos, m.props, want)
			}
		}
		live := e.connect(login{id: e.id("live")})
		live.subscribe(2, e.topic("a"))
		shared := e.connect(login{id: e.id("shared"), durable: true})
		shared.subscribe(2, e.group("g", "a"))
		away := e.connect(login{id: e.id("away"), durable: true})
		away.subscribe(2, e.topic("a"))
		away.leave()
		pub := e.connect(login{id: e.id("pub")})
		for qos := range byte(3) {
			pub.send(message{topic: e.topic("a"), payload: `{}`, qos: qos, props: everything()})
			check("live", live.want(`{}`)[0])
			check("shared", shared.want(`{}`)[0])
		}
		away = e.connect(login{id: e.id("away"), durable: true})
		for _, m := range away.want(`{}`, `{}`) {
			check("from a queue", m)
		}
		pub.keep(e.topic("r"), `{}`, everything())
		e.clear(e.topic("r"))
		live.subscribe(1, e.topic("r"))
		check("retained", live.want(`{}`)[0])
	})
}

// TestRequestResponse as the standard describes it (section 4.10).
func TestRequestResponse(t *testing.T) {
	five(t, func(e *env) {
		asks := e.connect(login{id: e.id("asks")})
		asks.subscribe(1, e.topic("answers"))
		knows := e.connect(login{id: e.id("knows")})
		knows.subscribe(1, e.topic("questions"))
		for i := range 3 {
			id := []byte(fmt.Sprint("correlation ", i))
			asks.send(message{topic: e.topic("questions"), payload: "?", qos: 1,
				props: &paho.PublishProperties{ResponseTopic: e.topic("answers"), CorrelationData: id}})
			q := knows.want("?")[0].props
			knows.send(message{topic: q.ResponseTopic, payload: "!", qos: 1,
				props: &paho.PublishProperties{CorrelationData: q.CorrelationData}})
			if got := asks.want("!")[0].props.CorrelationData; string(got) != string(id) {
				e.Errorf("correlation data %q, want %q", got, id)
			}
		}
	})
}

// TestMessageExpiry: those too old are not delivered, the others say what is left.
func TestMessageExpiry(t *testing.T) {
	five(t, func(e *env) {
		sub := e.connect(login{id: e.id("sub"), durable: true, flare: true})
		sub.subscribe(2, e.topic("a"))
		pub := e.connect(login{id: e.id("pub")})
		send := func(seconds uint32) {
			for qos := byte(1); qos <= 2; qos++ {
				pub.send(message{topic: e.topic("a"), payload: fmt.Sprint(seconds), qos: qos, props: &paho.PublishProperties{MessageExpiry: &seconds}})
			}
		}
		send(500)
		for _, m := range sub.want("500", "500") {
			if left := m.props.MessageExpiry; left == nil || *left > 500 || *left < 480 {
				e.Errorf("live: remaining interval %v, want 500", left)
			}
		}
		sub.settle()
		sub.vanish()
		send(1)
		send(500)
		pub.publish(1, e.topic("a"), "for ever")
		e.clock(2)
		sub = e.connect(login{id: e.id("sub"), durable: true})
		for _, m := range sub.want("500", "500", "for ever") {
			left := m.props.MessageExpiry
			if m.payload == "500" && (left == nil || *left > 498 || *left < 400) || m.payload != "500" && left != nil {
				e.Errorf("from the queue: %v with remaining interval %v, want 2 s less than at first", m, left)
			}
		}
		sub.silent()
	})
}

// TestMessageExpiresBehindAnother: while one is not acknowledged, the next
// waits, and expires; one that was sent is sent again all the same.
func TestMessageExpiresBehindAnother(t *testing.T) {
	five(t, func(e *env) {
		one := func(p *paho.Connect) { p.Properties.ReceiveMaximum = paho.Uint16(1) }
		sub := e.connect(login{id: e.id("sub"), durable: true, byHand: true, more: one})
		sub.subscribe(1, e.topic("a"))
		pub := e.connect(login{id: e.id("pub")})
		for _, p := range []string{"first", "second"} {
			pub.send(message{topic: e.topic("a"), payload: p, qos: 1, props: &paho.PublishProperties{MessageExpiry: paho.Uint32(2)}})
		}
		pub.publish(1, e.topic("a"), "third")
		held := sub.want("first")[0]
		e.clock(3)
		held.ack()
		sub.want("third")
		sub.silent()
	})
}

// TestAcrossVersions: what 3.1.1 cannot say is left out, everything else arrives.
func TestAcrossVersions(t *testing.T) {
	both(t, func(e *env) {
		other := e.as(v3 + v5 - e.version)
		live := other.connect(login{id: e.id("live")})
		live.subscribe(2, e.topic("a"))
		away := other.connect(login{id: e.id("away"), durable: true})
		away.subscribe(2, e.topic("a"))
		away.leave()
		pub := e.connect(login{id: e.id("pub")})
		check := func(m message, qos byte) {
			e.Helper()
			if m.qos != qos || m.topic != e.topic("a") {
				e.Errorf("got %v, want QoS %d", m, qos)
			}
			if none := fmt.Sprint(paho.PublishProperties{}); m.props != nil && fmt.Sprint(*m.props) != none {
				e.Errorf("properties out of nothing: %+v", m.props)
			}
		}
		for qos := range byte(3) {
			m := message{topic: e.topic("a"), payload: "m", qos: qos}
			if e.version == v5 {
				m.props = everything()
				m.props.MessageExpiry = paho.Uint32(500)
			}
			pub.send(m)
			check(live.want("m")[0], qos)
		}
		away = other.connect(login{id: e.id("away"), durable: true})
		for i, m := range away.want("m", "m") {
			check(m, byte(i+1))
		}
		pub.keep(e.topic("r"), "retained")
		e.clear(e.topic("r"))
		live.subscribe(1, e.topic("r"))
		if m := live.want("retained")[0]; !m.retain {
			e.Errorf("got %v, want retain", m)
		}
	})
}

// TestVersionChangesBetweenConnections of one session: the queue is the same.
func TestVersionChangesBetweenConnections(t *testing.T) {
	both(t, func(e *env) {
		other := e.as(v3 + v5 - e.version)
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.subscribe(1, e.topic("a"))
		sub.leave()
		pub := e.as(v5).connect(login{id: e.id("pub")})
		pub.send(message{topic: e.topic("a"), payload: "1", qos: 1, props: everything()})
		pub.send(message{topic: e.topic("a"), payload: "2", qos: 1, props: everything()})
		sub = other.connect(login{id: e.id("sub"), durable: true, byHand: true})
		if !sub.present {
			e.Error("the session is not present with another version")
		}
		sub.want("1", "2")
		sub.drop()
		sub = e.connect(login{id: e.id("sub"), durable: true})
		for _, m := range sub.want("1", "2") {
			if !m.dup || e.version == v5 && !reflect.DeepEqual(m.props, everything()) {
				e.Errorf("resent as %v with %+v", m, m.props)
			}
		}
	})
}

// TestRefusedTopics: wildcards in a topic name, in either version.
func TestRefusedTopics(t *testing.T) {
	both(t, func(e *env) {
		sub := e.connect(login{id: e.id("sub")})
		sub.subscribe(1, e.topic("#"))
		for _, topic := range []string{"a/+", "#"} {
			r := e.raw(e.id("r"))
			r.publish(1, 1, false, e.topic(topic), "m")
			r.wantEnd(mqtt.TopicNameInvalid)
		}
		sub.silent()
	})
}
