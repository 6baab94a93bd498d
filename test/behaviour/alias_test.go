package behaviour

import (
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"gridmq/mqtt"
)

func alias(n uint16) *paho.PublishProperties { return &paho.PublishProperties{TopicAlias: &n} }

// TestAliasesOfTheClient: set, used, set anew; the subscriber sees topics.
func TestAliasesOfTheClient(t *testing.T) {
	five(t, func(e *env) {
		sub := e.connect(login{id: e.id("sub"), durable: true})
		sub.subscribe(1, e.topic("#"))
		pub := e.connect(login{id: e.id("pub")})
		if most := pub.connack.Properties.TopicAliasMaximum; most == nil || *most != 64 {
			e.Fatalf("Topic Alias Maximum %v, want 64", most)
		}
		steps := []struct {
			topic string
			alias uint16
			want  string
		}{{"a", 1, "a"}, {"b", 64, "b"}, {"", 1, "a"}, {"", 64, "b"}, {"c", 1, "c"}, {"", 1, "c"}, {"", 64, "b"}}
		for qos := range byte(3) {
			for i, s := range steps {
				m := message{payload: "m", qos: qos, props: alias(s.alias)}
				if s.topic != "" {
					m.topic = e.topic(s.topic)
				}
				pub.send(m)
				if got := sub.want("m")[0]; got.topic != e.topic(s.want) || got.props.TopicAlias != nil {
					e.Errorf("step %d at QoS %d: %v, want topic %q and no alias", i, qos, got, e.topic(s.want))
				}
			}
		}
		// An alias is the publisher's own, and does not outlive its connection.
		pub.leave()
		r := e.raw(e.id("pub"))
		r.write(aliased("", 1))
		r.wantEnd(mqtt.ProtocolError)
	})
}

// aliased is a PUBLISH at QoS 0 with an alias.
func aliased(topic string, alias uint16) []byte {
	m := mqtt.Message{Topic: topic, Payload: []byte("m")}
	return mqtt.AppendPublish(nil, &m, &mqtt.Out{Version: mqtt.V5, Alias: alias, OmitTopic: topic == ""})
}

func TestAliasesOutOfRange(t *testing.T) {
	five(t, func(e *env) {
		r := e.raw(e.id("above"))
		r.write(aliased(e.topic("a"), 65))
		r.wantEnd(mqtt.TopicAliasInvalid)
		r = e.raw(e.id("zero"))
		p := aliased(e.topic("a"), 1)
		p[len(p)-len("m")-1] = 0 // the alias
		r.write(p)
		r.wantEnd(mqtt.TopicAliasInvalid)
	})
}

// TestAliasesOfTheBroker: as many as the client allows, topics in full the
// first time; none without leave.
func TestAliasesOfTheBroker(t *testing.T) {
	five(t, func(e *env) {
		plain := e.connect(login{id: e.id("plain")})
		plain.subscribe(1, e.topic("#"))
		few := func(p *paho.Connect) { p.Properties.TopicAliasMaximum = paho.Uint16(2) }
		sub := e.connect(login{id: e.id("sub"), durable: true, byHand: true, more: few})
		sub.subscribe(1, e.topic("#"))
		pub := e.connect(login{id: e.id("pub")})
		check := func(sub *client, known map[uint16]string) map[uint16]string {
			for _, name := range []string{"a", "b", "c", "a", "b", "c"} {
				pub.publish(1, e.topic(name), name)
				m := sub.want(name)[0]
				topic := m.topic
				if n := m.props.TopicAlias; n != nil {
					if *n == 0 || *n > 2 {
						e.Errorf("alias %d, want 1 or 2", *n)
					}
					if topic == "" {
						topic = known[*n]
					}
					known[*n] = topic
				}
				if topic != e.topic(name) {
					e.Errorf("%v is for topic %q, want %q", m, topic, e.topic(name))
				}
				if m := plain.want(name)[0]; m.props.TopicAlias != nil || m.topic != e.topic(name) {
					e.Errorf("without leave: %v", m)
				}
			}
			return known
		}
		if known := check(sub, map[uint16]string{}); len(known) != 2 {
			e.Errorf("aliases in use: %v, want 2", known)
		}
		sub.drop()
		// What comes again must not rely on aliases of the connection before.
		sub = e.connect(login{id: e.id("sub"), durable: true, more: few})
		known := map[uint16]string{}
		for _, m := range sub.want("a", "b", "c", "a", "b", "c") {
			topic := m.topic
			if n := m.props.TopicAlias; n != nil && topic == "" {
				topic = known[*n]
			} else if n != nil {
				known[*n] = topic
			}
			if topic != e.topic(m.payload) {
				e.Errorf("resent %v is for topic %q", m, topic)
			}
		}
		check(sub, known)
	})
}
