package conformance

import (
	"bytes"
	"testing"
)

// property is one identifier with its value; strings lose their length, a
// user property is name, NUL, value.
type property struct {
	id  byte
	val string
}

type properties []property

func (p properties) get(id byte) (string, bool) {
	for _, q := range p {
		if q.id == id {
			return q.val, true
		}
	}
	return "", false
}

func (p properties) all(id byte) []string {
	var vals []string
	for _, q := range p {
		if q.id == id {
			vals = append(vals, q.val)
		}
	}
	return vals
}

// num is a numeric property, or what it means to leave it out.
func (p properties) num(id byte, absent int) int {
	v, ok := p.get(id)
	if !ok {
		return absent
	}
	n := 0
	for _, b := range []byte(v) {
		n = n<<8 | int(b)
	}
	return n
}

// properties is the property list of a CONNACK, a SUBACK and so on, skip bytes
// after the fixed header.
func (c *conn) properties(p reply, skip int) properties {
	c.t.Helper()
	if c.v == v3 || len(p.body) <= skip {
		return nil
	}
	list, _ := readProperties(c.t, p.body[skip:])
	return list
}

// limits are the properties of the CONNACK.
func (c *conn) limits() properties {
	c.t.Helper()
	return c.properties(c.connack, 2)
}

// readProperties takes a property list from the front of b.
func readProperties(t *testing.T, b []byte) (properties, []byte) {
	t.Helper()
	r := bytes.NewReader(b)
	n, length, err := readVarint(r)
	if err != nil || n > len(b)-length {
		t.Fatalf("property length of % x: %v", clip(b), err)
	}
	rest := b[length+n:]
	b = b[length : length+n]
	var list properties
	take := func(n int) string {
		if n > len(b) {
			t.Fatalf("property list is cut short; so far %v", list)
		}
		part := b[:n]
		b = b[n:]
		return string(part)
	}
	field := func() string { two := take(2); return take(int(two[0])<<8 | int(two[1])) }
	for len(b) > 0 {
		p := property{id: take(1)[0]}
		switch p.id {
		case propPayloadFormat, propRequestProblemInfo, propRequestResponseInfo, propMaximumQoS,
			propRetainAvailable, 0x28, 0x29, 0x2A:
			p.val = take(1)
		case propServerKeepAlive, propReceiveMaximum, propTopicAliasMaximum, propTopicAlias:
			p.val = take(2)
		case propMessageExpiry, propSessionExpiry, propWillDelay, propMaximumPacketSize:
			p.val = take(4)
		case propSubscriptionID:
			_, length, err := readVarint(bytes.NewReader(b))
			if err != nil {
				t.Fatalf("subscription identifier: %v", err)
			}
			p.val = take(length)
		case propUserProperty:
			p.val = field() + "\x00" + field()
		case propContentType, propResponseTopic, propCorrelationData, propAssignedClientID,
			propAuthMethod, propAuthData, propResponseInfo, 0x1C, propReasonString:
			p.val = field()
		default:
			t.Fatalf("property %02x does not exist", p.id)
		}
		list = append(list, p)
	}
	return list, rest
}
