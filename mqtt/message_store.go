package mqtt

import (
	"encoding/binary"
	"errors"
)

// The form in which a message lies in the store; docs/formats/message.md draws
// it. Damage is found by the store's checksum; what is checked here protects
// the peers, who would be sent the topic and the properties as they are.

const messageVersion = 1

// Bits of the flags byte; the lowest two are the QoS.
const (
	messageRetain  = 1 << 2
	messageExpires = 1 << 3
	messageOrigin  = 1 << 4
	messageUnknown = 0xff &^ (3 | messageRetain | messageExpires | messageOrigin)
)

// ErrMessage is wrapped by every error of ReadMessage.
var ErrMessage = errors.New("stored message damaged")

type messageError string

func (e messageError) Error() string { return ErrMessage.Error() + ": " + string(e) }
func (e messageError) Unwrap() error { return ErrMessage }

// AppendMessage writes m behind b in the form of the store.
func AppendMessage(b []byte, m *Message) []byte {
	flags := m.QoS & 3
	if m.Retain {
		flags |= messageRetain
	}
	if m.Expires != 0 {
		flags |= messageExpires
	}
	if m.Origin != 0 {
		flags |= messageOrigin
	}
	b = append(b, messageVersion, flags)
	b = binary.AppendVarint(b, m.Published)
	if m.Expires != 0 {
		b = binary.AppendVarint(b, m.Expires)
	}
	if m.Origin != 0 {
		b = binary.AppendUvarint(b, m.Origin)
	}
	b = append(binary.AppendUvarint(b, uint64(len(m.Topic))), m.Topic...)
	b = append(binary.AppendUvarint(b, uint64(len(m.Props))), m.Props...)
	return append(binary.AppendUvarint(b, uint64(len(m.Payload))), m.Payload...)
}

// ReadMessage reads what AppendMessage wrote, all of b. Payload and Props alias
// b; Topic is a copy. Every error is an ErrMessage.
func ReadMessage(b []byte) (Message, error) {
	var m Message
	if len(b) < 2 {
		return m, messageError("too short")
	}
	if b[0] != messageVersion {
		return m, messageError("unknown version")
	}
	flags := b[1]
	if flags&messageUnknown != 0 || flags&3 == 3 {
		return m, messageError("unknown flags")
	}
	r := messageReader{b: b[2:]}
	m.QoS, m.Retain = flags&3, flags&messageRetain != 0
	m.Published = r.varint()
	if flags&messageExpires != 0 {
		m.Expires = r.varint()
	}
	if flags&messageOrigin != 0 {
		m.Origin = r.uvarint()
	}
	topic := r.bytes()
	m.Props, m.Payload = r.bytes(), r.bytes()
	if r.bad || len(r.b) > 0 {
		return Message{}, messageError("lengths do not fit")
	}
	if why := checkSendable(topic, m.Props); why != "" {
		return Message{}, messageError(why)
	}
	m.Topic = string(topic)
	return m, nil
}

// A messageReader takes fields from b until one does not fit.
type messageReader struct {
	b   []byte
	bad bool
}

func (r *messageReader) skip(n int) {
	if n <= 0 {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}

func (r *messageReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *messageReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *messageReader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}
