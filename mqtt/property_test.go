package mqtt

import (
	"bytes"
	"testing"
)

// samples holds one good value of each property, encoded.
var samples = map[PropID][]byte{
	PropPayloadFormatIndicator: {1}, PropMessageExpiryInterval: {0, 0, 0, 9}, PropContentType: join("text/plain"),
	PropResponseTopic: join("reply/here"), PropCorrelationData: join("\x00\xff"), PropSubscriptionIdentifier: {0x80, 1},
	PropSessionExpiryInterval: {0xff, 0xff, 0xff, 0xff}, PropAssignedClientIdentifier: join("id"), PropServerKeepAlive: {0, 30},
	PropAuthenticationMethod: join("CUSTOM-JWT"), PropAuthenticationData: join("token"), PropRequestProblemInformation: {0},
	PropWillDelayInterval: {0, 0, 0, 5}, PropRequestResponseInformation: {1}, PropResponseInformation: join("r/"),
	PropServerReference: join("other:8883"), PropReasonString: join("because"), PropReceiveMaximum: {0, 1},
	PropTopicAliasMaximum: {0, 0}, PropTopicAlias: {0, 7}, PropMaximumQoS: {1}, PropRetainAvailable: {0},
	PropUserProperty: join("name", "value"), PropMaximumPacketSize: {0, 1, 0, 0}, PropWildcardSubscriptionAvailable: {0},
	PropSubscriptionIdentifierAvailable: {1}, PropSharedSubscriptionAvailable: {0},
}

// within puts encoded properties into a packet of type t that is fine otherwise.
func within(t Type, props ...any) []byte {
	p := properties(props...)
	switch t {
	case willProps:
		return frame(0x10, connectHead(5, 6), 0, "id", p, "topic", "payload")
	case CONNECT:
		return frame(0x10, connectHead(5, 2), p, "id")
	case CONNACK:
		return frame(0x20, 0, 0, p)
	case PUBLISH:
		return frame(0x30, "topic", p, raw("payload"))
	case SUBSCRIBE:
		return frame(0x82, 0, 1, p, "filter", 0)
	case SUBACK, UNSUBACK:
		return frame(t.first(), 0, 1, p, 0)
	case UNSUBSCRIBE:
		return frame(0xa2, 0, 1, p, "filter")
	case DISCONNECT:
		return frame(0xe0, 0, p)
	case AUTH:
		return frame(0xf0, 0x18, p)
	}
	return frame(t.first(), 0, 1, 0, p)
}

// table24 is table 2-4, written down a second time in another shape.
var table24 = map[Type][]PropID{
	willProps: {0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26},
	CONNECT:   {0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27},
	CONNACK:   {0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a},
	PUBLISH:   {0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26},
	PUBACK:    {0x1f, 0x26}, PUBREC: {0x1f, 0x26}, PUBREL: {0x1f, 0x26}, PUBCOMP: {0x1f, 0x26},
	SUBSCRIBE: {0x0b, 0x26}, SUBACK: {0x1f, 0x26}, UNSUBSCRIBE: {0x26}, UNSUBACK: {0x1f, 0x26},
	DISCONNECT: {0x11, 0x1c, 0x1f, 0x26}, AUTH: {0x15, 0x16, 0x1f, 0x26},
}

// needs is what a packet must have beside a property so that it is accepted.
func needs(t Type, id PropID) []byte {
	if t == AUTH && id != PropAuthenticationMethod || t == CONNECT && id == PropAuthenticationData {
		return join(int(PropAuthenticationMethod), "m")
	}
	return nil
}

// Every identifier in every packet: allowed as in table 2-4, refused when it
// comes twice, refused when it is cut off anywhere.
func TestEveryPropertyInEveryPacket(t *testing.T) {
	for typ, allowed := range table24 {
		for id := range PropID(0x40) {
			value, known := samples[id]
			if !known {
				value = []byte{0, 0, 0, 0}
			}
			one := join(int(id), value)
			_, err := readPacket(V5, within(typ, one, needs(typ, id)))
			want := malformed // section 2.2.2.2
			if bytes.Contains(toBytes(allowed), []byte{byte(id)}) {
				want = ok
			}
			if got := codeOf(err); got != want {
				t.Errorf("%v in %v: %v, want %#x", id, typ, err, want)
			}
			if want != ok {
				continue
			}
			want = protocol
			if id == PropUserProperty || id == PropSubscriptionIdentifier && typ == PUBLISH {
				want = ok
			}
			if _, err := readPacket(V5, within(typ, one, one, needs(typ, id))); codeOf(err) != want {
				t.Errorf("%v twice in %v: %v, want %#x", id, typ, err, want)
			}
			for n := 1; n < len(one); n++ {
				if _, err := readPacket(V5, within(typ, needs(typ, id), one[:n])); codeOf(err) != malformed {
					t.Errorf("%v in %v cut to %d bytes: %v, want it malformed", id, typ, n, err)
				}
			}
		}
	}
}

func toBytes(ids []PropID) (b []byte) {
	for _, id := range ids {
		b = append(b, byte(id))
	}
	return b
}

func TestPropertyRefusals(t *testing.T) {
	checkRefusals(t, map[string]refusal{
		"identifier of two bytes":       {V5, within(CONNECT, 0x91, 0x00, 0, 0, 0, 1), malformed}, // [MQTT-1.5.5-1]
		"length above the body":         {V5, frame(0x20, 0, 0, 9), malformed},
		"length of five bytes":          {V5, frame(0x20, 0, 0, 0x80, 0x80, 0x80, 0x80, 1), malformed},
		"length in too many bytes":      {V5, frame(0x20, 0, 0, 0x80, 0), malformed},
		"receive maximum 0":             {V5, within(CONNECT, 0x21, 0, 0), protocol},
		"receive maximum 0 in CONNACK":  {V5, within(CONNACK, 0x21, 0, 0), protocol},
		"maximum packet size 0":         {V5, within(CONNECT, 0x27, 0, 0, 0, 0), protocol},
		"topic alias maximum 0":         {V5, within(CONNECT, 0x22, 0, 0), ok},
		"request problem 2":             {V5, within(CONNECT, 0x17, 2), protocol},
		"request response 2":            {V5, within(CONNECT, 0x19, 2), protocol},
		"payload format 2":              {V5, within(PUBLISH, 0x01, 2), protocol},
		"payload format 2 in will":      {V5, within(willProps, 0x01, 2), protocol},
		"topic alias 0":                 {V5, within(PUBLISH, 0x23, 0, 0), badAlias}, // [MQTT-3.3.2-8]
		"subscription id 0":             {V5, within(SUBSCRIBE, 0x0b, 0), protocol},
		"subscription id 0 in PUBLISH":  {V5, within(PUBLISH, 0x0b, 0), protocol},
		"subscription id longest":       {V5, within(SUBSCRIBE, 0x0b, 0xff, 0xff, 0xff, 0x7f), ok},
		"subscription id too long":      {V5, within(SUBSCRIBE, 0x0b, 0xff, 0xff, 0xff, 0xff, 1), malformed},
		"subscription id padded":        {V5, within(PUBLISH, 0x0b, 0x81, 0), malformed}, // [MQTT-1.5.5-1]
		"reason not UTF-8":              {V5, within(PUBACK, 0x1f, "\xff"), malformed},
		"method not UTF-8":              {V5, within(AUTH, 0x15, "\x00"), malformed},
		"user property name not UTF-8":  {V5, within(DISCONNECT, 0x26, "\xff", "x"), malformed}, // [MQTT-1.5.7-1]
		"user property value not UTF-8": {V5, within(DISCONNECT, 0x26, "x", "\x00"), malformed}, // [MQTT-1.5.7-1]
		"user property empty":           {V5, within(DISCONNECT, 0x26, "", ""), ok},
		"content type not UTF-8":        {V5, within(PUBLISH, 0x03, "\xff"), malformed}, // [MQTT-3.3.2-19]
		"content type empty":            {V5, within(PUBLISH, 0x03, ""), ok},
		"response topic not UTF-8":      {V5, within(PUBLISH, 0x08, "\xff"), malformed}, // [MQTT-3.3.2-13]
		"response topic with wildcard":  {V5, within(PUBLISH, 0x08, "a/#"), protocol},   // [MQTT-3.3.2-14]
		"response topic empty":          {V5, within(PUBLISH, 0x08, ""), protocol},      // [MQTT-4.7.3-1]
		"will's response topic":         {V5, within(willProps, 0x08, "+"), protocol},   // [MQTT-3.3.2-14]
		"will's response topic empty":   {V5, within(willProps, 0x08, ""), protocol},    // [MQTT-4.7.3-1]
		"correlation data of any bytes": {V5, within(PUBLISH, 0x09, "\x00\xff"), ok},
	})
}

func TestMarkAndClear(t *testing.T) {
	p := Properties{ReceiveMaximum: 5, UserProperties: []UserProperty{{"a", "b"}}, SubscriptionIdentifiers: []uint32{1}}
	if p.Has(PropReceiveMaximum) || !p.Has(PropUserProperty) || !p.Has(PropSubscriptionIdentifier) {
		t.Error("want fields absent until marked, lists present when not empty")
	}
	p.Mark(PropReceiveMaximum, PropUserProperty)
	if !p.Has(PropReceiveMaximum) {
		t.Error("marked, but absent")
	}
	p.Clear(PropReceiveMaximum, PropUserProperty, PropSubscriptionIdentifier)
	if p.Has(PropReceiveMaximum) || p.Has(PropUserProperty) || p.Has(PropSubscriptionIdentifier) {
		t.Error("cleared, but present")
	}
}

// One Properties can be offered to any packet: what is not allowed is left out.
func TestOnlyAllowedIsWritten(t *testing.T) {
	var p Properties
	for id, value := range samples {
		r := cursor{b: join(int(id), value)}
		for typ := range AUTH + 1 {
			if id.allowedIn(typ) {
				p.readOne(&r, typ)
				break
			}
		}
		if err := r.end(); err != nil {
			t.Fatalf("sample of %v: %v", id, err)
		}
	}
	for typ, allowed := range table24 {
		b := p.block(typ).append(nil)
		if len(b) != p.block(typ).total() {
			t.Errorf("%v: %d bytes written, %d announced", typ, len(b), p.block(typ).total())
		}
		r := cursor{b: b}
		got := r.properties(typ)
		if err := r.end(); err != nil {
			t.Errorf("%v: %v", typ, err)
		}
		for id := range samples {
			if want := bytes.Contains(toBytes(allowed), []byte{byte(id)}); got.Has(id) != want {
				t.Errorf("%v in %v: written %v, want %v", id, typ, got.Has(id), want)
			}
		}
	}
}
