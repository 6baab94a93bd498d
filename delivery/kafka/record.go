package kafka

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/tracing"
)

const (
	contentType    = "content-type"
	structuredType = "application/cloudevents+json"
	partitionKey   = "PartitionKey" // the delivery property (section 10.4)
)

// Headers that all records have; nobody changes them.
var (
	structured = kgo.RecordHeader{Key: contentType, Value: []byte(structuredType)}
	fixed      = []kgo.RecordHeader{
		{Key: "aeg-event-type", Value: []byte("Notification")},
		{Key: "aeg-metadata-version", Value: []byte(event.SpecVersion)},
		{Key: "aeg-data-version", Value: []byte{}},
		{Key: "aeg-compatibility-mode-enabled", Value: []byte("false")},
	}
)

// newRecord is the record of an event, as of the Kafka protocol binding: structured
// (section 3.3) or binary (3.2), with what Event Grid adds and the custom headers.
func (d *Destination) newRecord(s *delivery.Destination, subscription string, a *delivery.Attempt) *kgo.Record {
	r := &kgo.Record{Topic: d.Topic, Headers: make([]kgo.RecordHeader, 0, 8+len(s.Headers))}
	header := func(name, value string) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	if d.Binary {
		r.Value = binary(&a.Event, header)
	} else {
		r.Headers = append(r.Headers, structured)
		r.Value = a.Event.AppendJSON(make([]byte, 0, len(a.Event.Data)+256))
	}
	header("aeg-subscription-name", subscription)
	header("aeg-delivery-count", strconv.Itoa(max(0, a.Count-1))) // those before this one
	r.Headers = append(r.Headers, fixed...)
	header("aeg-output-event-id", idText(a.ID))
	key, chosen := keyOf(&a.Event), false
	for _, p := range s.AppendProperties(nil, &a.Event, true) {
		switch {
		case strings.EqualFold(p.Name, partitionKey):
			key, chosen = p.Value, true
		case !reserved(p.Name):
			header(p.Name, p.Value)
		}
	}
	if key != "" || chosen {
		r.Key = []byte(key)
	}
	return r
}

// addTrace adds the headers of a trace context, which have no prefix in either mode. One
// that the subscription sets is its own.
func addTrace(r *kgo.Record, c tracing.Context) {
	has := func(h kgo.RecordHeader) bool { return strings.EqualFold(h.Key, tracing.ParentField) }
	if !c.Valid() || slices.ContainsFunc(r.Headers, has) {
		return
	}
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: tracing.ParentField, Value: []byte(c.Parent())})
	if c.State != "" {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: tracing.StateField, Value: []byte(c.State)})
	}
}

// binary sets the attributes of e as headers and returns its data; nil: it has none.
// Unlike in HTTP values are UTF-8 as they are (section 3.2.3).
func binary(e *event.Event, header func(name, value string)) []byte {
	if t := e.BodyType(); t != "" {
		header(contentType, t)
	}
	for _, name := range [...]string{"specversion", "id", "source", "type", "subject", "time", "dataschema"} {
		if v, ok := e.Attribute(name); ok {
			header("ce_"+name, string(v.AppendText(nil)))
		}
	}
	for i := range e.Extensions {
		header("ce_"+e.Extensions[i].Name, string(e.Extensions[i].Value.AppendText(nil)))
	}
	if e.DataKind == event.NoData {
		return nil
	}
	return e.AppendBody([]byte{})
}

// keyOf is what decides the partition where no delivery property does: the extension
// partitionkey, which CloudEvents has for it, else source and subject, so that what one
// thing tells stays in order. No source has a space.
func keyOf(e *event.Event) string {
	if v, ok := e.Extension("partitionkey"); ok {
		if text := v.AppendText(nil); len(text) > 0 {
			return string(text)
		}
	}
	if e.Subject == "" {
		return e.Source
	}
	return e.Source + " " + e.Subject
}

// reserved says whether a custom header would be one that says what the record is.
// Others that HTTP reserves mean nothing here.
func reserved(name string) bool {
	low := strings.ToLower(name)
	return low == contentType || strings.HasPrefix(low, "ce_") || strings.HasPrefix(low, "aeg-")
}

// idText is an event id in the form of a GUID.
func idText(id delivery.EventID) string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
