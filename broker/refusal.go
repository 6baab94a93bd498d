package broker

import "gridmq/mqtt"

// What a client of MQTT 5 is told besides the code when it may not do something: in
// the same words whoever it is and whatever it asked for. Source:
// spec/mqtt-protocol.md, sections 9 and 10.
const (
	mayNotPublish   = "no permission binding or role assignment lets this client publish to this topic; gridmq explain tells which is missing"
	mayNotSubscribe = "no permission binding or role assignment lets this client subscribe to a filter with code 0x87; gridmq explain tells which is missing"
)

// explainWithin bounds, in bytes that wait to be written, for how long reasons are
// added to acknowledgements: a client that is refused all the time is told a few
// times in each batch, and cannot make us write much for little.
const explainWithin = 4 << 10

// answerRefusal answers the PUBLISH in hand with a code, and with the reason if the
// client wants reasons (section 3.1.2.11.7) and it fits [MQTT-3.4.2-2] [MQTT-3.5.2-2].
// An acknowledgement that has to wait for earlier ones goes without.
func (c *conn) answerRefusal(x *mailbox, t mqtt.Type, code mqtt.Code, reason string) {
	before := x.s.Outgoing()
	x.s.Answer(t, c.in.PacketID, code, 0)
	if !c.problems || reason == "" || before > explainWithin || x.s.Outgoing() == before {
		return
	}
	ack := mqtt.Ack{Type: t, PacketID: c.in.PacketID, Code: code, ReasonString: reason}
	out := mqtt.AppendFit(x.s.TakeOut(nil)[:before], c.v, c.clientMax, &ack) // again, with the reason
	if len(out) == before {                                                  // even without it is too long for this client
		ack.ReasonString = ""
		out = ack.Append(out, c.v)
	}
	x.s.Lend(out)
	x.s.Write(out)
}

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
