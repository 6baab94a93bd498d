package mqtt

import "encoding/binary"

// A cursor walks through the body of a packet. The first thing that goes wrong
// stays in err and makes all further reads return zero values, so that readers
// look at err once, at the end (or where they would act on what they read).
type cursor struct {
	b   []byte
	t   Type // for messages
	err *Error
}

func (r *cursor) fail(c Code, field, why string) {
	if r.err == nil {
		r.err = refuse(r.t, c, field+": "+why)
	}
	r.b = nil
}

// end is the outcome of reading: bytes left over are malformed too.
func (r *cursor) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail(MalformedPacket, "end", "bytes left over")
	}
	if r.err != nil {
		return r.err
	}
	return nil
}

func (r *cursor) take(n int, field string) []byte {
	if n > len(r.b) {
		r.fail(MalformedPacket, field, "too short")
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *cursor) byte(field string) byte {
	if b := r.take(1, field); b != nil {
		return b[0]
	}
	return 0
}

func (r *cursor) uint16(field string) uint16 {
	if b := r.take(2, field); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *cursor) uint32(field string) uint32 {
	if b := r.take(4, field); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *cursor) varint(field string) uint32 {
	if r.err != nil {
		return 0
	}
	v, n, err := readVarint(r.b)
	if err != nil {
		r.fail(MalformedPacket, field, err.Error())
		return 0
	}
	r.b = r.b[n:]
	return v
}

// view reads Binary Data (section 1.5.6) that aliases the body.
func (r *cursor) view(field string) []byte { return r.take(int(r.uint16(field)), field) }

// bytes reads Binary Data and copies it. Empty data is not nil.
func (r *cursor) bytes(field string) []byte {
	b := r.view(field)
	if r.err != nil {
		return nil
	}
	return append([]byte{}, b...)
}

// string reads a UTF-8 Encoded String (section 1.5.4) and copies it.
func (r *cursor) string(field string) string {
	b := r.view(field)
	if !validString(b) {
		r.fail(MalformedPacket, field, "not UTF-8")
		return ""
	}
	return string(b)
}

// topic reads a topic name, which needs at least one character [MQTT-4.7.3-1].
func (r *cursor) topic(field string) string {
	b := r.view(field)
	if r.err != nil {
		return ""
	}
	if len(b) == 0 {
		r.fail(TopicNameInvalid, field, "empty")
	}
	if c, why := checkTopic(b); why != "" {
		r.fail(c, field, why)
	}
	return string(b)
}

// packetID reads a packet identifier, which is never 0 [MQTT-2.2.1-3] [MQTT-2.2.1-4].
func (r *cursor) packetID() uint16 {
	id := r.uint16("packet identifier")
	if id == 0 {
		r.fail(ProtocolError, "packet identifier", "0")
	}
	return id
}

// code reads a reason code that packet r.t may carry.
func (r *cursor) code() Code {
	c := Code(r.byte("reason code"))
	if r.err == nil && !c.AllowedIn(r.t) {
		r.fail(ProtocolError, "reason code", "not one of "+r.t.String())
	}
	return c
}
