package session

import (
	"errors"

	"gridmq/mqtt"
)

var (
	errReceiveMaximum = errors.New("more unacknowledged messages than the Receive Maximum allows")
	errAliasRange     = errors.New("topic alias is zero or above the Topic Alias Maximum")
	errAliasUnknown   = errors.New("topic alias has not been set on this connection")
)

// Admit takes account of an inbound PUBLISH of QoS 1 or 2. again is true for a
// QoS 2 message that has been accepted before and must not be published a
// second time [MQTT-4.3.3-10]; ticket then tells when the first copy is durable.
// It is the caller's to Claim the identifier once the message is published: one
// that was refused must be published when the client sends it again.
// The error, 0x93, ends the connection [MQTT-3.3.4-9].
func (s *Session) Admit(qos byte, id uint16) (again bool, ticket uint64, err error) {
	if qos == 2 {
		if ticket, again = s.inbound[id]; again {
			return true, ticket, nil
		}
	}
	if s.opt.ReceiveMaximum > 0 && s.owed >= int(s.opt.ReceiveMaximum) {
		return false, 0, &mqtt.Error{Op: "receive PUBLISH", Code: mqtt.ReceiveMaximumExceeded, Err: errReceiveMaximum}
	}
	s.owed++
	return false, 0, nil
}

// Owed is how many inbound messages are not answered for good.
func (s *Session) Owed() int { return s.owed }

// Claim remembers the identifier of an inbound QoS 2 message, durable with ticket.
func (s *Session) Claim(id uint16, ticket uint64) {
	if s.inbound == nil {
		s.inbound = make(map[uint16]uint64)
	}
	s.inbound[id] = ticket
}

// Release takes the client's PUBREL. known is false for an identifier that is
// not in use: PUBCOMP then says so (0x92).
func (s *Session) Release(id uint16) (known bool) {
	_, known = s.inbound[id]
	delete(s.inbound, id)
	if !known {
		s.owed++ // PUBCOMP will take it back
	}
	return known
}

// Unclaim forgets an identifier: recovery.
func (s *Session) Unclaim(id uint16) { delete(s.inbound, id) }

// Claims calls visit for each inbound QoS 2 identifier in use.
func (s *Session) Claims(visit func(id uint16)) {
	for id := range s.inbound {
		visit(id)
	}
}

// ResolveAlias returns the topic of a PUBLISH that carries a topic alias, and
// remembers it. topic is empty when the packet has the alias alone.
func (s *Session) ResolveAlias(alias uint16, topic string) (string, error) {
	if alias == 0 || alias > s.opt.AliasIn { // [MQTT-3.3.2-8], -9
		return "", &mqtt.Error{Op: "receive PUBLISH", Code: mqtt.TopicAliasInvalid, Err: errAliasRange}
	}
	if s.aliases == nil {
		s.aliases = make([]string, s.opt.AliasIn)
	}
	if topic == "" {
		if topic = s.aliases[alias-1]; topic == "" {
			return "", &mqtt.Error{Op: "receive PUBLISH", Code: mqtt.ProtocolError, Err: errAliasUnknown}
		}
		return topic, nil
	}
	s.aliases[alias-1] = topic
	return topic, nil
}

// TheirAlias is the topic that the client's alias stands for; empty: none.
func (s *Session) TheirAlias(alias uint16) string {
	if alias == 0 || int(alias) > len(s.aliases) {
		return ""
	}
	return s.aliases[alias-1]
}
