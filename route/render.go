package route

import (
	"encoding/hex"
	"time"

	"gridmq/event"
)

// EventType is the type of events made of ordinary messages (section 3).
const EventType = "MQTT.EventPublished"

// A Renderer makes events of records for those who keep them: Render as a method.
type Renderer struct{}

// Render is the function Render.
func (Renderer) Render(record []byte, id [16]byte) (event.Event, error) { return Render(record, id) }

// Render makes the event of a record (section 3). The event is valid, and its Data may
// alias record. id becomes the event's id, unless the message was a CloudEvent itself: it
// should be the record's alone, and the same each time. Every error is an ErrRecord.
func Render(record []byte, id [16]byte) (event.Event, error) { return render(record, uuid(id)) }

func render(b []byte, id string) (event.Event, error) {
	r, err := readRecord(b)
	if err != nil {
		return event.Event{}, err
	}
	e, unwrapped := r.cloudEvent()
	if !unwrapped {
		e = event.Event{
			ID:              id,
			Source:          r.namespace,
			Type:            EventType,
			Subject:         event.CleanText(r.message.Topic),
			Time:            event.TimestampOf(time.UnixMilli(r.message.Published)),
			DataContentType: event.CleanText(r.properties.ContentType),
		}
		if len(r.enrichments) > 0 {
			e.Extensions = make([]event.Extension, 0, len(r.enrichments))
		}
		e.Data, e.DataKind = r.data(plainJSON(r.properties.ContentType))
	}
	for i := range r.enrichments { // one that the publisher has set as well is the operator's (3.2)
		if unwrapped && isTrace(r.enrichments[i].key) && hasTrace(&e) {
			continue
		}
		e.SetExtension(r.enrichments[i].key, r.value(&r.enrichments[i]))
	}
	if !unwrapped && !hasTrace(&e) {
		r.carryTrace(&e)
	}
	return e, nil
}

// uuid is id in the customary spelling. All its bits are kept, so it need not be of any
// version that RFC 9562 knows.
func uuid(id [16]byte) string {
	var b [36]byte
	hex.Encode(b[:], id[:4])
	hex.Encode(b[9:], id[4:6])
	hex.Encode(b[14:], id[6:8])
	hex.Encode(b[19:], id[8:10])
	hex.Encode(b[24:], id[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}
