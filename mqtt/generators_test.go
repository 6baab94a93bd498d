package mqtt

import (
	"pgregory.net/rapid"
)

// Generators of what may stand in a packet.
var (
	plain      = rapid.StringMatching(`[a-z/äß€🌡\x01]{0,20}`)
	topicNames = rapid.StringMatching(`[a-z0-9/$ ä€]{1,40}`)
	blobs      = rapid.Custom(func(t *rapid.T) []byte {
		return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "blob")...)
	})
	subIDs = rapid.Uint32Range(1, MaxRemaining)
)

// drawProperties makes properties that packet t may carry.
func drawProperties(t *rapid.T, typ Type) Properties {
	var p Properties
	for id := range lastProp + 1 {
		if !id.allowedIn(typ) || !rapid.Bool().Draw(t, id.String()) {
			continue
		}
		drawValue(t, &p, typ, id)
		p.Mark(id)
	}
	return p
}

func drawValue(t *rapid.T, p *Properties, typ Type, id PropID) {
	switch props[id].kind {
	case typeByte:
		*p.byteField(id) = rapid.ByteMax(1).Draw(t, "byte")
	case typeUint16:
		*p.uint16Field(id) = rapid.Uint16().Draw(t, "uint16")
	case typeNatural:
		*p.uint16Field(id) = rapid.Uint16Min(1).Draw(t, "natural")
	case typeUint32:
		*p.uint32Field(id) = rapid.Uint32().Draw(t, "uint32")
	case typeSize:
		*p.uint32Field(id) = rapid.Uint32Min(1).Draw(t, "size")
	case typeString:
		*p.stringField(id) = plain.Draw(t, "string")
	case typeTopic:
		*p.stringField(id) = topicNames.Draw(t, "topic")
	case typeBinary:
		*p.binaryField(id) = blobs.Draw(t, "binary")
	case typeIDs:
		n := 3
		if typ == SUBSCRIBE {
			n = 1
		}
		p.SubscriptionIdentifiers = rapid.SliceOfN(subIDs, 1, n).Draw(t, "ids")
	case typePairs:
		p.UserProperties = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) UserProperty {
			return UserProperty{plain.Draw(t, "name"), plain.Draw(t, "value")}
		}), 1, 4).Draw(t, "pairs")
	}
}

// drawCode makes a code that packet t may carry in version v.
func drawCode(t *rapid.T, v Version, typ Type) Code {
	var all []Code
	for c := range 256 {
		if Code(c).AllowedIn(typ) && (v == V5 || c <= 2 || c == codeFailureV3 && typ == SUBACK) {
			all = append(all, Code(c))
		}
	}
	return rapid.SampledFrom(all).Draw(t, "code")
}

// drawPacket makes a packet of type typ that version v can say in full.
func drawPacket(t *rapid.T, v Version, typ Type) packet {
	var p Properties
	if v == V5 {
		p = drawProperties(t, typ)
	}
	id := rapid.Uint16Min(1).Draw(t, "id")
	switch typ {
	case CONNECT:
		return connectPacket{drawConnect(t, v, p)}
	case CONNACK:
		return drawConnack(t, v, p)
	case PUBLISH:
		return drawPublish(t, p, id)
	case SUBSCRIBE:
		return &Subscribe{id, p, rapid.SliceOfN(subscriptions(v), 1, 4).Draw(t, "subscriptions")}
	case UNSUBSCRIBE:
		return &Unsubscribe{id, p, rapid.SliceOfN(plain, 1, 4).Draw(t, "filters")}
	case SUBACK, UNSUBACK:
		codes := make([]Code, rapid.IntRange(1, 5).Draw(t, "n"))
		for i := range codes {
			codes[i] = drawCode(t, v, typ)
		}
		if typ == SUBACK {
			return &Suback{id, p, codes}
		} else if v != V5 {
			codes = nil
		}
		return &Unsuback{id, p, codes}
	case PINGREQ, PINGRESP:
		return pingPacket(typ)
	case DISCONNECT:
		return &Disconnect{drawCodeV5(t, v, typ), p}
	case AUTH:
		p.AuthenticationMethod = plain.Draw(t, "method")
		p.Mark(PropAuthenticationMethod)
		return &Auth{drawCode(t, v, typ), p}
	}
	return &Ack{typ, id, drawCodeV5(t, v, typ), p.ReasonString, p.UserProperties}
}

func drawCodeV5(t *rapid.T, v Version, typ Type) Code {
	if v != V5 {
		return Success
	}
	return drawCode(t, v, typ)
}

func drawConnect(t *rapid.T, v Version, p Properties) *Connect {
	c := &Connect{Version: v, CleanStart: rapid.Bool().Draw(t, "clean"), KeepAlive: rapid.Uint16().Draw(t, "keepalive"),
		ClientID: plain.Draw(t, "client"), Properties: p}
	if v == V311 {
		c.BridgeMode = rapid.Bool().Draw(t, "bridge")
		c.CleanStart = c.CleanStart || c.ClientID == ""
	}
	if p.Has(PropAuthenticationData) {
		c.Properties.Mark(PropAuthenticationMethod)
	}
	if rapid.Bool().Draw(t, "will") {
		c.Will = &Will{Topic: topicNames.Draw(t, "topic"), Payload: blobs.Draw(t, "payload"), QoS: rapid.ByteMax(2).Draw(t, "qos"), Retain: rapid.Bool().Draw(t, "retain")}
		if v == V5 {
			c.Will.Properties = drawProperties(t, willProps)
		}
	}
	if c.HasUsername = rapid.Bool().Draw(t, "has user"); c.HasUsername {
		c.Username = plain.Draw(t, "user")
	}
	if c.HasPassword = (c.HasUsername || v == V5) && rapid.Bool().Draw(t, "has password"); c.HasPassword {
		c.Password = blobs.Draw(t, "password")
	}
	return c
}

func drawConnack(t *rapid.T, v Version, p Properties) *Connack {
	c := &Connack{Code: rapid.SampledFrom(fromConnackV3[:]).Draw(t, "code"), Properties: p}
	if v == V5 {
		c.Code = drawCode(t, v, CONNACK)
	}
	c.SessionPresent = c.Code == Success && rapid.Bool().Draw(t, "session")
	return c
}

func drawPublish(t *rapid.T, p Properties, id uint16) *publishPacket {
	m := &publishPacket{Retain: rapid.Bool().Draw(t, "retain"), QoS: rapid.ByteMax(2).Draw(t, "qos"), Topic: topicNames.Draw(t, "topic"),
		Payload: blobs.Draw(t, "payload"), Properties: p}
	if m.QoS > 0 {
		m.PacketID, m.Dup = id, rapid.Bool().Draw(t, "dup")
	}
	if p.Has(PropTopicAlias) && rapid.Bool().Draw(t, "omit") {
		m.Topic = ""
	}
	return m
}

func subscriptions(v Version) *rapid.Generator[Subscription] {
	return rapid.Custom(func(t *rapid.T) Subscription {
		s := Subscription{Filter: plain.Draw(t, "filter"), QoS: rapid.ByteMax(2).Draw(t, "qos")}
		if v == V5 {
			s.NoLocal, s.RetainAsPublished = rapid.Bool().Draw(t, "nl"), rapid.Bool().Draw(t, "rap")
			s.RetainHandling = rapid.ByteMax(2).Draw(t, "rh")
		}
		return s
	})
}
