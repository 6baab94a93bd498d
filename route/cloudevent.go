package route

import (
	"math"
	"strings"
	"unicode/utf8"

	"gridmq/event"
)

// limits of an event in a payload. Its size has been the broker's matter.
var limits = event.Limits{EventBytes: math.MaxInt, RequestBytes: math.MaxInt, Extensions: maxExtensions}

// maxExtensions bounds an event in binary mode as event.Limits does one in JSON: names
// are compared with each other.
const maxExtensions = 128

// cloudEvent is the event that a message is already, in a content mode of the MQTT
// binding of CloudEvents (section 3.2). What only looks like one, and is not valid, is
// an ordinary message: ok is false. MQTT 3.1.1 has no properties and therefore none.
func (r *record) cloudEvent() (e event.Event, ok bool) {
	if len(r.message.Props) == 0 {
		return e, false
	}
	mode, err := event.ModeOf(r.properties.ContentType)
	switch {
	case err != nil || mode == event.BatchMode: // the binding has no batches
		return e, false
	case mode == event.StructuredMode:
		e, err = event.Read(r.message.Payload, limits)
		return e, err == nil
	}
	return r.binaryEvent()
}

// binaryEvent reads attributes from user properties.
func (r *record) binaryEvent() (e event.Event, ok bool) {
	const version, id, source, kind, all = 1, 2, 4, 8, 15
	found := 0
	for _, p := range r.properties.UserProperties { // most messages end here
		switch p.Name {
		case "specversion":
			found |= version
		case "id":
			found |= id
		case "source":
			found |= source
		case "type":
			found |= kind
		}
	}
	if found != all {
		return e, false
	}
	a := attributes{}
	for _, p := range r.properties.UserProperties {
		if !a.set(p.Name, p.Value) {
			return e, false
		}
	}
	if e, ok = a.event(); !ok {
		return e, false
	}
	e.DataContentType = r.properties.ContentType
	if e.Validate() != nil {
		return e, false
	}
	e.Data, e.DataKind = r.eventData()
	return e, true
}

// attributes are those of an event in binary mode, as they are told.
type attributes struct {
	version, time string
	e             event.Event
	empty         map[string]bool // optional ones that were told as empty, last
}

// set takes an attribute; of the same name the last one counts. It is false when there
// are too many.
func (a *attributes) set(name, value string) bool {
	switch name {
	case "specversion":
		a.version = value
	case "id":
		a.e.ID = value
	case "source":
		a.e.Source = value
	case "type":
		a.e.Type = value
	case "subject":
		a.e.Subject = value
	case "dataschema":
		a.e.DataSchema = value
	case "time":
		a.time = value
	default:
		// The content type of the message is datacontenttype, its payload the data; a
		// name that no attribute can have is some other property.
		if event.ValidExtensionName(name) {
			a.e.SetExtension(name, event.String(value))
		}
		return len(a.e.Extensions) <= maxExtensions
	}
	if a.empty == nil {
		a.empty = map[string]bool{}
	}
	a.empty[name] = value == ""
	return true
}

// event is what was told, ok if it can be an event: no attribute of CloudEvents is empty.
func (a *attributes) event() (e event.Event, ok bool) {
	for _, empty := range a.empty {
		if empty {
			return e, false
		}
	}
	if a.time != "" {
		t, err := event.ParseTimestamp(a.time)
		if err != nil {
			return e, false
		}
		a.e.Time = t
	}
	return a.e, a.version == event.SpecVersion
}

// eventData is the data of an event in binary mode: its content type says what it is, as
// on HTTP; where that says nothing, the payload format indicator does.
func (r *record) eventData() ([]byte, event.DataKind) {
	media, utf8Charset := mediaType(r.properties.ContentType)
	_, sub, _ := strings.Cut(media, "/")
	switch {
	case !utf8Charset:
		return r.data(false)
	case sub == "json" || strings.HasSuffix(sub, "+json"):
		return r.data(true)
	case len(r.message.Payload) > 0 && isText(media) && utf8.Valid(r.message.Payload):
		return r.message.Payload, event.Text
	}
	return r.data(false)
}

func isText(media string) bool {
	return strings.HasPrefix(media, "text/") || media == "application/xml" || strings.HasSuffix(media, "+xml")
}
