package broker

import (
	"slices"

	"gridmq/mqtt"
)

// What a client of MQTT 5 is told besides the code when it may not do something: in
// the same words whoever it is and whatever it asked for. Source:
// spec/mqtt-protocol.md, sections 9 and 10.
const (
	mayNotPublish   = "no permission binding or role assignment lets this client publish to this topic; gridmq explain tells which is missing"
	mayNotSubscribe = "no permission binding or role assignment lets this client subscribe to a filter with code 0x87; gridmq explain tells which is missing"

	tooManySubscribes = "more SUBSCRIBE and UNSUBSCRIBE packets a second than the limit"
)

// explainSuback gives a SUBACK its one reason, if something was not authorized
// [MQTT-3.9.2-1].
func (c *conn) explainSuback(ack *mqtt.Suback) (packet []byte) {
	for _, code := range ack.Codes {
		if code == mqtt.NotAuthorized && c.v5 && c.problems {
			ack.Properties.ReasonString = mayNotSubscribe
			ack.Properties.Mark(mqtt.PropReasonString)
			if packet = mqtt.AppendFit(nil, c.v, c.clientMax, ack); len(packet) > 0 {
				return packet
			}
			ack.Properties.Clear(mqtt.PropReasonString)
			break
		}
	}
	return ack.Append(nil, c.v)
}

// refuseUnsubscribe answers an UNSUBSCRIBE that is one too many: MQTT has no code for a
// quota there (section 3.11.3), so the reason says it.
func (c *conn) refuseUnsubscribe(p *mqtt.Unsubscribe) error {
	ack := mqtt.Unsuback{PacketID: p.PacketID, Codes: make([]mqtt.Code, len(p.Filters))}
	for i := range ack.Codes {
		ack.Codes[i] = mqtt.ImplementationSpecificError
	}
	if c.problems {
		ack.Properties.ReasonString = tooManySubscribes
		ack.Properties.Mark(mqtt.PropReasonString)
	}
	why := slices.Repeat([]mqtt.Code{mqtt.QuotaExceeded}, len(p.Filters)) // the operator is told as it is
	c.tellSubscribe(mqtt.UNSUBSCRIBE, why, func(i int) string { return p.Filters[i] })
	return c.own(func(x *mailbox) { x.s.AnswerRaw(mqtt.AppendFit(nil, c.v, c.clientMax, &ack), 0) })
}
