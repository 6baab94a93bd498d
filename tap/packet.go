package tap

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gridmq/mqtt"
)

// Directions of packets.
const (
	In  = "in"
	Out = "out"
)

// A Wire is what a packet needs to be understood.
type Wire struct {
	Direction string
	Version   mqtt.Version
	// Alias is the topic that an alias of this direction stands for; empty: none.
	Alias func(alias uint16) string
}

// Packets tells of what is written to the client, or read from it: whole packets, one
// behind another. Nothing of b is kept.
func (s *Taps) Packets(w Wire, b []byte) {
	for _, t := range s.all() {
		for rest := b; len(rest) > 0; {
			h, err := mqtt.ReadHeader(rest, 0)
			if err != nil || h.Total() > len(rest) {
				break
			}
			t.packet(w, h, rest[h.Size:h.Total()])
			rest = rest[h.Total():]
		}
	}
}

// packet tells of one.
func (t *Tap) packet(w Wire, h mqtt.Header, body []byte) {
	t.mu.Lock()
	ended := t.ended != ""
	t.mu.Unlock()
	if ended {
		return
	}
	e := Event{Kind: Packet, Direction: w.Direction, Packet: h.Type.String(), Bytes: h.Total()}
	if h.Type == mqtt.PUBLISH {
		t.publish(w, h, body, e)
		return
	}
	id := identifierOf(h.Type, body)
	if t.ids[0] != nil && !t.follows(w.Direction, h.Type, id) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.full() {
		return
	}
	e.PacketID = id
	e.describe(w.Version, h.Type, body)
	t.add(e)
}

// identifierOf is the packet identifier of all packets that begin with one.
func identifierOf(t mqtt.Type, body []byte) uint16 {
	switch t {
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP, mqtt.SUBSCRIBE, mqtt.SUBACK, mqtt.UNSUBSCRIBE, mqtt.UNSUBACK:
		if len(body) >= 2 {
			return uint16(body[0])<<8 | uint16(body[1])
		}
	}
	return 0
}

// follows says whether a packet belongs to a message that was let through, or to none.
func (t *Tap) follows(direction string, kind mqtt.Type, id uint16) bool {
	switch kind {
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP: // of a message that went the other way
		return t.ids[side(direction)^1].has(id)
	case mqtt.PUBREL:
		return t.ids[side(direction)].has(id)
	case mqtt.PINGREQ, mqtt.PINGRESP:
		return false
	}
	return true
}

func side(direction string) int {
	if direction == In {
		return 0
	}
	return 1
}

func (t *Tap) publish(w Wire, h mqtt.Header, body []byte, e Event) {
	var p mqtt.Publish
	err := p.Read(w.Version, h.Flags, body)
	name := string(p.Topic)
	if err == nil && name == "" && p.HasAlias && w.Alias != nil {
		name = w.Alias(p.Alias) // before the lock: it has one of its own
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids[0] != nil && err == nil {
		wanted := t.wants(name)
		if p.QoS > 0 {
			t.ids[side(w.Direction)].set(p.PacketID, wanted)
		}
		if !wanted {
			return
		}
	}
	if t.full() {
		return
	}
	e.Topic, e.QoS, e.Dup, e.Retain, e.PacketID = name, &p.QoS, p.Dup, p.Retain, p.PacketID
	if err != nil {
		e.Reason = "malformed: " + err.Error()
		t.add(e)
		return
	}
	n := len(p.Payload)
	e.PayloadBytes = &n
	if t.o.Payload {
		e.show(p.Payload)
	}
	if w.Version == mqtt.V5 {
		if props, err := p.Properties(); err == nil {
			e.Properties, e.UserProperties = properties(&props, t.o.Payload), pairs(props.UserProperties, true)
		}
	}
	t.add(e)
}

// show puts in a payload, as text if it is some.
func (e *Event) show(b []byte) {
	if len(b) > shownBytes {
		b, e.Truncated = b[:shownBytes], true
		for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b); i++ { // half a letter
			b = b[:len(b)-1]
		}
	}
	if utf8.Valid(b) {
		e.Payload = string(b)
	} else {
		e.PayloadBase64 = slices.Clone(b)
	}
}

// describe reads what is in a packet, of any type but CONNECT and PUBLISH.
func (e *Event) describe(v mqtt.Version, kind mqtt.Type, body []byte) {
	var err error
	var props mqtt.Properties
	switch kind {
	case mqtt.CONNACK:
		var p *mqtt.Connack
		if p, err = mqtt.ReadConnack(v, body); err == nil {
			e.Code, e.SessionPresent, props = code(p.Code), &p.SessionPresent, p.Properties
		}
	case mqtt.SUBSCRIBE:
		var p *mqtt.Subscribe
		if p, err = mqtt.ReadSubscribe(v, body); err == nil {
			props = p.Properties
			for _, s := range p.Subscriptions {
				e.Subscriptions = append(e.Subscriptions, Filter{short(s.Filter), s.QoS, s.NoLocal, s.RetainAsPublished, s.RetainHandling})
			}
		}
	case mqtt.SUBACK:
		var p *mqtt.Suback
		if p, err = mqtt.ReadSuback(v, body); err == nil {
			e.Codes, props = codes(p.Codes), p.Properties
		}
	case mqtt.UNSUBSCRIBE:
		var p *mqtt.Unsubscribe
		if p, err = mqtt.ReadUnsubscribe(v, body); err == nil {
			props = p.Properties
			for _, f := range p.Filters {
				e.Subscriptions = append(e.Subscriptions, Filter{Filter: short(f)})
			}
		}
	case mqtt.UNSUBACK:
		var p *mqtt.Unsuback
		if p, err = mqtt.ReadUnsuback(v, body); err == nil {
			e.Codes, props = codes(p.Codes), p.Properties
		}
	case mqtt.DISCONNECT:
		var p *mqtt.Disconnect
		if p, err = mqtt.ReadDisconnect(v, body); err == nil {
			e.Code, props = code(p.Code), p.Properties
		}
	case mqtt.AUTH:
		var p *mqtt.Auth
		if p, err = mqtt.ReadAuth(v, body); err == nil {
			e.Code, props = code(p.Code), p.Properties
		}
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP:
		var p mqtt.Ack
		if err = p.Read(v, kind, body); err == nil {
			e.Code, e.Reason, props.UserProperties = code(p.Code), p.ReasonString, p.UserProperties
		}
	}
	if err != nil {
		e.Reason = "malformed: " + err.Error()
		return
	}
	if props.ReasonString != "" {
		e.Reason = props.ReasonString
	}
	e.Properties, e.UserProperties = properties(&props, false), pairs(props.UserProperties, kind != mqtt.AUTH)
}

// Connect tells of a CONNECT.
func (s *Taps) Connect(p *mqtt.Connect, address, transport string) {
	e := Event{Kind: Packet, Direction: In, Packet: mqtt.CONNECT.String(), Address: address, Transport: transport,
		Connect: &Hello{Version: p.Version.String(), ClientID: short(p.ClientID), Username: short(p.Username), HasPassword: p.HasPassword,
			CleanStart: p.CleanStart, KeepAlive: p.KeepAlive},
		Properties: properties(&p.Properties, false), UserProperties: pairs(p.Properties.UserProperties, false)}
	if w := p.Will; w != nil {
		e.Connect.Will = &Will{short(w.Topic), w.QoS, w.Retain, len(w.Payload), w.Properties.WillDelayInterval}
	}
	s.Note(e)
}

func code(c mqtt.Code) string { return fmt.Sprintf("0x%02x", byte(c)) }

// Code is how a reason code is written here.
func Code(c mqtt.Code) string { return code(c) }

func codes(list []mqtt.Code) (out []string) {
	for _, c := range list {
		out = append(out, code(c))
	}
	return out
}

// properties are those that are there but user properties and the Reason String, under
// the names of the standard. private shows Correlation Data.
func properties(p *mqtt.Properties, private bool) map[string]any {
	m := map[string]any{}
	put := func(id mqtt.PropID, value any) {
		if p.Has(id) {
			m[id.String()] = value
		}
	}
	put(mqtt.PropPayloadFormatIndicator, p.PayloadFormatIndicator)
	put(mqtt.PropMessageExpiryInterval, p.MessageExpiryInterval)
	put(mqtt.PropContentType, short(p.ContentType))
	put(mqtt.PropResponseTopic, short(p.ResponseTopic))
	put(mqtt.PropSubscriptionIdentifier, p.SubscriptionIdentifiers)
	put(mqtt.PropSessionExpiryInterval, p.SessionExpiryInterval)
	put(mqtt.PropAssignedClientIdentifier, short(p.AssignedClientIdentifier))
	put(mqtt.PropServerKeepAlive, p.ServerKeepAlive)
	put(mqtt.PropAuthenticationMethod, short(p.AuthenticationMethod))
	put(mqtt.PropAuthenticationData, hidden)
	put(mqtt.PropRequestProblemInformation, p.RequestProblemInformation)
	put(mqtt.PropRequestResponseInformation, p.RequestResponseInformation)
	put(mqtt.PropResponseInformation, short(p.ResponseInformation))
	put(mqtt.PropServerReference, short(p.ServerReference))
	put(mqtt.PropReceiveMaximum, p.ReceiveMaximum)
	put(mqtt.PropTopicAliasMaximum, p.TopicAliasMaximum)
	put(mqtt.PropTopicAlias, p.TopicAlias)
	put(mqtt.PropMaximumQoS, p.MaximumQoS)
	put(mqtt.PropRetainAvailable, p.RetainAvailable)
	put(mqtt.PropMaximumPacketSize, p.MaximumPacketSize)
	put(mqtt.PropWildcardSubscriptionAvailable, p.WildcardSubscriptionAvailable)
	put(mqtt.PropSubscriptionIdentifierAvailable, p.SubscriptionIdentifierAvailable)
	put(mqtt.PropSharedSubscriptionAvailable, p.SharedSubscriptionAvailable)
	if private {
		put(mqtt.PropCorrelationData, slices.Clone(p.CorrelationData[:min(len(p.CorrelationData), shownText)]))
	} else {
		put(mqtt.PropCorrelationData, fmt.Sprintf("[%d bytes]", len(p.CorrelationData)))
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

const hidden = "[hidden]"

// telling are parts of names under which people send what is secret.
var telling = []string{"auth", "token", "passw", "secret", "key", "cookie", "credential", "signature", "sas"}

// pairs are user properties; without values, or without those that look secret.
func pairs(list []mqtt.UserProperty, values bool) (out []Pair) {
	for i, p := range list {
		if i == shownPairs {
			return append(out, Pair{Name: "...", Value: fmt.Sprintf("%d more", len(list)-i)})
		}
		value := hidden
		name := strings.ToLower(p.Name)
		if values && !slices.ContainsFunc(telling, func(s string) bool { return strings.Contains(name, s) }) {
			value = short(p.Value)
		}
		out = append(out, Pair{short(p.Name), value})
	}
	return out
}

// short cuts a text that is too long to be shown.
func short(s string) string {
	if len(s) <= shownText {
		return s
	}
	return strings.ToValidUTF8(s[:shownText], "") + "..."
}
