package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
)

// A packet is what the tests read and write without knowing its type.
type packet interface {
	Append(b []byte, v Version) []byte
}

// The packets whose Append has another shape.
type (
	connectPacket struct{ *Connect }
	pingPacket    Type
	// publishPacket is a PUBLISH with everything decoded, so that two of them
	// compare equal when they say the same in another order.
	publishPacket struct {
		Dup, Retain bool
		QoS         byte
		Topic       string
		PacketID    uint16
		Payload     []byte
		Properties  Properties
	}
)

func (c connectPacket) Append(b []byte, _ Version) []byte { return c.Connect.Append(b) }

func (p pingPacket) Append(b []byte, _ Version) []byte {
	if Type(p) == PINGREQ {
		return AppendPingreq(b)
	}
	return AppendPingresp(b)
}

func (p *publishPacket) Append(b []byte, v Version) []byte {
	m := Message{Topic: p.Topic, Payload: p.Payload, Props: p.Properties.Forward(nil)}
	o := Out{Version: v, Dup: p.Dup, QoS: p.QoS, Retain: p.Retain, PacketID: p.PacketID,
		Alias: p.Properties.TopicAlias, OmitTopic: p.Topic == "",
		HasExpiry: p.Properties.Has(PropMessageExpiryInterval), Expiry: p.Properties.MessageExpiryInterval,
		SubIDs: p.Properties.SubscriptionIdentifiers}
	start := len(b)
	b = AppendPublish(b, &m, &o)
	if n := PublishSize(&m, &o); n != len(b)-start {
		panic(fmt.Sprintf("PublishSize = %d, AppendPublish wrote %d", n, len(b)-start))
	}
	return b
}

// readPacket reads the packet that fills frame.
func readPacket(v Version, frame []byte) (packet, error) {
	h, err := ReadHeader(frame, 0)
	if err != nil {
		return nil, err
	}
	if h.Total() != len(frame) {
		return nil, io.ErrUnexpectedEOF
	}
	return readBody(v, h, frame[h.Size:])
}

func readBody(v Version, h Header, body []byte) (packet, error) {
	switch h.Type {
	case CONNECT:
		c, err := ReadConnect(body)
		return connectPacket{c}, err
	case CONNACK:
		return ReadConnack(v, body)
	case PUBLISH:
		return readPublish(v, h.Flags, body)
	case SUBSCRIBE:
		return ReadSubscribe(v, body)
	case SUBACK:
		return ReadSuback(v, body)
	case UNSUBSCRIBE:
		return ReadUnsubscribe(v, body)
	case UNSUBACK:
		return ReadUnsuback(v, body)
	case PINGREQ, PINGRESP:
		return pingPacket(h.Type), nil
	case DISCONNECT:
		return ReadDisconnect(v, body)
	case AUTH:
		return ReadAuth(v, body)
	}
	var a Ack
	err := a.Read(v, h.Type, body)
	return &a, err
}

func readPublish(v Version, flags byte, body []byte) (*publishPacket, error) {
	var p Publish
	if err := p.Read(v, flags, body); err != nil {
		return nil, err
	}
	props, err := p.Properties()
	if err != nil {
		return nil, fmt.Errorf("Read let through what Properties refuses: %v", err) // no code: it must not pass for a refusal
	}
	return &publishPacket{p.Dup, p.Retain, p.QoS, string(p.Topic), p.PacketID, append([]byte{}, p.Payload...), props}, nil
}

// codeOf is the reason code of err; -1 for nil or another kind of error.
func codeOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return int(e.Code)
	}
	return -1
}

// frame builds a packet: the first byte, the length, and parts that are bytes
// (int), raw bytes, or strings with their two-byte length.
func frame(first byte, parts ...any) []byte {
	body := join(parts...)
	return append(appendVarint([]byte{first}, uint32(len(body))), body...)
}

// raw is a string that is written without a length.
type raw string

func join(parts ...any) (b []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case []byte:
			b = append(b, p...)
		case raw:
			b = append(b, p...)
		case string:
			b = append(appendUint16(b, uint16(len(p))), p...)
		}
	}
	return b
}

// properties is join with a length before it.
func properties(parts ...any) []byte {
	b := join(parts...)
	return append(appendVarint(nil, uint32(len(b))), b...)
}

// A refusal is a packet and the code it must be refused with; ok means accepted.
type refusal struct {
	v     Version
	frame []byte
	want  int
}

const ok = -1

func checkRefusals(t *testing.T, tests map[string]refusal) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			before := bytes.Clone(test.frame)
			_, err := readPacket(test.v, test.frame)
			if got := codeOf(err); got != test.want {
				t.Errorf("%v packet %x: code %#x (%v), want %#x", test.v, test.frame, got, err, test.want)
			}
			if err != nil && test.want == ok {
				t.Errorf("%v packet %x: %v, want it accepted", test.v, test.frame, err)
			}
			if !bytes.Equal(before, test.frame) {
				t.Errorf("reading changed the packet to %x", test.frame)
			}
		})
	}
}

const (
	malformed    = int(MalformedPacket)
	protocol     = int(ProtocolError)
	badTopic     = int(TopicNameInvalid)
	badAlias     = int(TopicAliasInvalid)
	wrongVersion = int(UnsupportedProtocolVersion)
)
