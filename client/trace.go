package client

import (
	"fmt"
	"strings"

	"gridmq/mqtt"
)

// trace describes a packet to Options.Trace. Payloads and credentials are not
// part of it.
func (c *Client) trace(sent bool, p any) {
	if c.o.Trace != nil {
		c.o.Trace(sent, describe(p))
	}
}

func (c *Client) traceText(sent bool, s string) {
	if c.o.Trace != nil {
		c.o.Trace(sent, s)
	}
}

func (c *Client) tracePublish(sent bool, m *Message, id uint16, dup bool) {
	if c.o.Trace == nil {
		return
	}
	s := fmt.Sprintf("PUBLISH (q%d", m.QoS)
	if m.Retain {
		s += ", retain"
	}
	if dup {
		s += ", again"
	}
	if id > 0 {
		s += fmt.Sprintf(", m%d", id)
	}
	c.o.Trace(sent, fmt.Sprintf("%s, %q, %d bytes)", s, m.Topic, len(m.Payload)))
}

func describe(p any) string {
	switch p := p.(type) {
	case *mqtt.Connect:
		return fmt.Sprintf("CONNECT (MQTT %v, client %q, clean %t, keep alive %d s, user %q, will %t)",
			p.Version, p.ClientID, p.CleanStart, p.KeepAlive, p.Username, p.Will != nil)
	case *mqtt.Connack:
		return fmt.Sprintf("CONNACK (%v, session present %t)%s", p.Code, p.SessionPresent, reason(&p.Properties))
	case *mqtt.Ack:
		s := fmt.Sprintf("%v (m%d, %v)", p.Type, p.PacketID, p.Code)
		if p.ReasonString != "" {
			s += ": " + p.ReasonString
		}
		return s
	case *mqtt.Subscribe:
		var fs []string
		for _, s := range p.Subscriptions {
			fs = append(fs, fmt.Sprintf("%q q%d", s.Filter, s.QoS))
		}
		return fmt.Sprintf("SUBSCRIBE (m%d, %s)", p.PacketID, strings.Join(fs, ", "))
	case *mqtt.Suback:
		return fmt.Sprintf("SUBACK (m%d, %v)%s", p.PacketID, p.Codes, reason(&p.Properties))
	case *mqtt.Unsubscribe:
		return fmt.Sprintf("UNSUBSCRIBE (m%d, %q)", p.PacketID, p.Filters)
	case *mqtt.Unsuback:
		return fmt.Sprintf("UNSUBACK (m%d, %v)%s", p.PacketID, p.Codes, reason(&p.Properties))
	case *mqtt.Disconnect:
		return fmt.Sprintf("DISCONNECT (%v)%s", p.Code, reason(&p.Properties))
	}
	return fmt.Sprintf("%T", p)
}

func reason(p *mqtt.Properties) string {
	if p.ReasonString == "" {
		return ""
	}
	return ": " + p.ReasonString
}
