package route

import (
	"encoding/binary"
	"errors"
	"fmt"

	"gridmq/event"
	"gridmq/mqtt"
	"gridmq/tracing"
)

// The record in which a message lies in the logs of topics: what mqtt.AppendMessage
// writes, and before it what the message does not say itself. docs/formats/routed-record.md
// draws it. Damage on disk is found by the store's checksum.

const recordVersion = 1

// ErrRecord is wrapped by every error of Render.
var ErrRecord = errors.New("routed record damaged")

// AppendRecord appends the record of a message to dst: what it needs to become the same
// event at any later time. It allocates only to grow dst, and keeps nothing.
func (t *Table) AppendRecord(dst []byte, m *mqtt.Message, by Publisher) []byte {
	return t.AppendTraced(dst, m, by, tracing.Context{})
}

// AppendTraced is AppendRecord with the span that the event comes from; zero: it is not
// traced.
func (t *Table) AppendTraced(dst []byte, m *mqtt.Message, by Publisher, trace tracing.Context) []byte {
	dst = binary.AppendUvarint(append(dst, t.head...), t.values+fieldsOf(trace))
	dst = appendTrace(dst, trace)
	for i := range t.parts {
		p := &t.parts[i]
		dst = append(dst, p.bytes...)
		if p.captured {
			dst = by.attribute(p.variable).append(dst, p.key)
		}
	}
	return mqtt.AppendMessage(dst, m)
}

// A record is what AppendRecord wrote. It aliases the bytes it was read from, but for
// strings.
type record struct {
	namespace   string
	enrichments []enrichment
	message     mqtt.Message
	properties  mqtt.Properties
}

// An enrichment is an attribute to be, with its value or where the message has it.
type enrichment struct {
	key    string
	source source
	text   string // the value, or the name of the user property
	n      int64
}

// maxRead is how many enrichments a record may have: more than Config has today.
const maxRead = 64

func readRecord(b []byte) (r record, err error) {
	if len(b) == 0 || b[0] != recordVersion {
		return r, fmt.Errorf("%w: it begins with an unknown version", ErrRecord)
	}
	in := recordReader{b: b[1:]}
	r.namespace = in.text()
	n := in.uvarint()
	if n > maxRead {
		in.bad = true
	}
	for i := uint64(0); i < n && !in.bad; i++ {
		r.enrichments = append(r.enrichments, in.enrichment())
	}
	if in.bad {
		return record{}, fmt.Errorf("%w: its head is not one", ErrRecord)
	}
	if checkSource(r.namespace) != nil {
		return record{}, fmt.Errorf("%w: its namespace cannot be the source of an event", ErrRecord)
	}
	if r.message, err = mqtt.ReadMessage(in.b); err == nil {
		r.properties, err = r.message.Properties()
	}
	if err != nil {
		return record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return r, nil
}

// A recordReader takes fields from b until one does not fit.
type recordReader struct {
	b   []byte
	bad bool
}

func (r *recordReader) enrichment() (e enrichment) {
	e.source = source(r.byte())
	e.key = r.text()
	switch e.source {
	case textValue, userProperty:
		e.text = r.text()
	case integerValue:
		v, n := binary.Varint(r.b)
		r.skip(n)
		e.n = v
	case booleanValue:
		e.n = int64(r.byte())
	case topicName, responseTopic, correlationData, payloadFormat:
	default:
		r.bad = true
	}
	if !event.ValidExtensionName(e.key) {
		r.bad = true
	}
	return e
}

func (r *recordReader) skip(n int) {
	if n <= 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}

func (r *recordReader) byte() (c byte) {
	if len(r.b) > 0 {
		c = r.b[0]
	}
	r.skip(1)
	return c
}

func (r *recordReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *recordReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
