package broker

import (
	"gridmq/mqtt"
	"gridmq/session"
)

// A Witness is told what clients were refused that are connected, by goroutines that have
// something else to do: it must be quick. reason is for the operator.
type Witness interface {
	// PublishRefused is also told of callers without a session; their Transport is [ByHTTP].
	PublishRefused(v Visit, topic string, qos byte, code mqtt.Code, reason string)
	// SubscribeRefused tells of the filters of one packet that had the same code. of is
	// SUBSCRIBE or UNSUBSCRIBE.
	SubscribeRefused(v Visit, of mqtt.Type, filters []string, code mqtt.Code)
	// DeliveryFailed is told, with a lock held, of messages that a session was to get and
	// does not, but for those that end with it. topic is empty where it is not known any
	// more. A client that is away has no Transport.
	DeliveryFailed(v Visit, topic string, qos byte, why session.Reason)
}

// tellLost tells the Witness of a message that the client does not get. it is nil for one
// of QoS 0, of which the session has told nothing else. x.mu is held.
func (x *mailbox) tellLost(it *session.Item, why session.Reason) {
	if x.ns.b.witness == nil || why == session.Ended {
		return
	}
	topic, qos := "", byte(0)
	if it != nil {
		if qos = it.QoS; it.Msg != nil {
			topic = it.Msg.Topic
		}
	}
	v := Visit{Namespace: x.ns.name, ClientID: x.clientID, Identity: &Identity{Name: x.owner}, Version: x.doc.Version}
	if c := x.conn; c != nil {
		v = c.visit()
	}
	x.ns.b.witness.DeliveryFailed(v, topic, qos, why)
}

// ByHTTP is the Transport of callers who have no session.
const ByHTTP = "http"

// tellSubscribe tells the Witness of the filters of a packet that were refused.
func (c *conn) tellSubscribe(of mqtt.Type, codes []mqtt.Code, filter func(i int) string) {
	if c.b.witness == nil {
		return
	}
	refused := map[mqtt.Code][]string{}
	for i, code := range codes {
		if code.IsError() {
			refused[code] = append(refused[code], filter(i))
		}
	}
	for code, filters := range refused {
		c.b.witness.SubscribeRefused(c.visit(), of, filters, code)
	}
}

// tellOutside tells the Witness of a caller without a session.
func (b *Broker) tellOutside(namespace string, by *Identity, p *Post, e *mqtt.Error) {
	if b.witness == nil {
		return
	}
	v := Visit{Namespace: namespace, Identity: by, Version: mqtt.V5, Transport: ByHTTP}
	if by != nil {
		v.ClientID = by.Name
	}
	b.witness.PublishRefused(v, p.Topic, p.QoS, e.Code, reasonText(e))
}
