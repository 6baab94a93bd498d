package event

import (
	"strings"

	"gridmq/event/rawjson"
)

// DataVersion is the extension that keeps what dataVersion says of an event in the
// schema of Event Grid.
const DataVersion = "dataversion"

// ReadEventGrid reads an array of events in the schema of Event Grid, as CloudEvents:
// eventType becomes type, eventTime time, topic source (where there is none, source is
// the one given), dataVersion the extension dataversion. It is all or nothing, as
// ReadBatch. header is an http.Header.
// Source: spec/namespace-topics.md, section 16; Azure's "Event Grid event schema".
func ReadEventGrid(header map[string][]string, body []byte, source string, limits Limits) ([]Event, error) {
	contentType, err := contentTypeOf(header)
	if err != nil {
		return nil, err
	}
	if media := mediaType(contentType); media != "application/json" {
		return nil, &Error{Kind: UnsupportedMedia, Index: -1,
			Reason: "the topic takes events in the schema of Event Grid: send them as application/json, or make a topic whose inputSchema is CloudEventSchemaV1_0"}
	}
	return readArray(body, limits, "the body is one object: events in the schema of Event Grid come in an array",
		func(r *reading) (Event, error) { return r.eventGrid(source) })
}

// eventGrid reads the object that begins at the position.
func (r *reading) eventGrid(source string) (e Event, err error) {
	if r.Peek() != '{' {
		return e, invalid("", "an event must be a JSON object")
	}
	start := r.Offset()
	_ = r.Open('{') // it is there
	texts := map[string]string{}
	members := map[string]bool{}
	for first := true; ; first = false {
		more, err := r.More('}', first)
		if err != nil {
			return e, malformed(err)
		}
		if !more {
			break
		}
		quoted, err := r.Name()
		if err != nil {
			return e, malformed(err)
		}
		name := strings.ToLower(string(rawjson.AppendUnquoted(nil, quoted)))
		if members[name] {
			return e, invalid(name, twice)
		}
		if members[name] = true; len(members) > r.limits.Extensions {
			return e, tooMany(r.limits)
		}
		value, err := r.Value(rawjson.MaxDepth)
		if err != nil {
			return e, invalid(name, "is not valid JSON: "+err.Error())
		}
		switch name {
		case "data":
			if value[0] != 'n' {
				e.DataKind, e.Data = JSON, value
			}
		case "id", "topic", "subject", "eventtype", "eventtime", "dataversion", "metadataversion":
			if value[0] == 'n' {
				continue
			}
			if value[0] != '"' {
				return e, invalid(name, "must be a string")
			}
			texts[name] = string(rawjson.AppendUnquoted(nil, value))
		}
	}
	if err := r.limits.checkEvent(r.Offset() - start); err != nil {
		return e, err
	}
	return e, e.setEventGrid(texts, source)
}

// setEventGrid sets the attributes from the members, whose names are in lower case.
func (e *Event) setEventGrid(texts map[string]string, source string) error {
	for low, name := range map[string]string{"id": "id", "subject": "subject", "eventtype": "eventType", "eventtime": "eventTime"} {
		if texts[low] == "" {
			return invalid(name, nonEmpty)
		}
	}
	if v := texts["metadataversion"]; v != "" && v != "1" {
		return invalid("metadataVersion", `must be "1" or left out`)
	}
	e.ID, e.Type, e.Subject, e.Source = texts["id"], texts["eventtype"], texts["subject"], source
	if topic := texts["topic"]; topic != "" {
		e.Source = topic
	}
	t, err := ParseTimestamp(texts["eventtime"])
	if err != nil {
		return invalid("eventTime", badTime)
	}
	e.Time = t
	if e.DataKind == JSON {
		e.DataContentType = "application/json"
	}
	if v := texts["dataversion"]; v != "" {
		e.Extensions = append(e.Extensions, Extension{DataVersion, String(v)})
	}
	return e.checkAttributes()
}
