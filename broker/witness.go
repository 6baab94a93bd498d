package broker

import (
	"gridmq/mqtt"
)

// A Witness is told what clients were refused that are connected, by goroutines that have
// something else to do: it must be quick. reason is for the operator.
type Witness interface {
	// PublishRefused is also told of callers without a session; their Transport is [ByHTTP].
	PublishRefused(v Visit, topic string, qos byte, code mqtt.Code, reason string)
	// SubscribeRefused tells of the filters of one packet that had the same code. of is
	// SUBSCRIBE or UNSUBSCRIBE.
	SubscribeRefused(v Visit, of mqtt.Type, filters []string, code mqtt.Code)
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
