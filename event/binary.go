package event

import (
	"mime"
	"strings"

	"gridmq/event/rawjson"
)

// Headers calls set for each header of the event in binary mode, Content-Type and
// ce-*, with values fit for a header. It is the other direction of ReadBinary, with
// AppendBody for the body.
func (e *Event) Headers(set func(name, value string)) {
	if t := e.BodyType(); t != "" {
		set("Content-Type", t)
	}
	set("ce-specversion", SpecVersion)
	var b []byte
	for _, name := range [...]string{"id", "source", "type", "subject", "time", "dataschema"} {
		if value := *e.standard(name); value != "" {
			b = appendHeader(b[:0], value)
			set("ce-"+name, string(b))
		}
	}
	var text []byte
	for i := range e.Extensions {
		text = e.Extensions[i].Value.AppendText(text[:0])
		b = appendHeader(b[:0], text)
		set("ce-"+e.Extensions[i].Name, string(b))
	}
}

// AppendBody appends the body of the event in binary mode.
func (e *Event) AppendBody(dst []byte) []byte {
	if s := trimJSON(e.Data); e.DataKind == JSON && e.isString(s) {
		return rawjson.AppendUnquoted(dst, s)
	}
	if e.DataKind == Text && isJSON(e.DataContentType) {
		return rawjson.AppendQuoted(dst, e.Data)
	}
	return append(dst, e.Data...)
}

// isString: the data is a JSON string and the content type says that it is not JSON,
// so the string's value is the data (JSON format, section 3.1.1).
func (e *Event) isString(data []byte) bool {
	return len(data) > 1 && data[0] == '"' && e.DataContentType != "" && !isJSON(e.DataContentType)
}

// BodyType is the content type that lets a receiver read what AppendBody writes as it is
// meant; empty: none is known.
func (e *Event) BodyType() string {
	t := e.DataContentType
	switch {
	case t == "" && e.DataKind == JSON:
		return "application/json" // JSON format, section 3.1: what absent means
	case t == "" && e.DataKind == Text:
		return "text/plain; charset=utf-8"
	case t == "":
		return ""
	case strings.HasPrefix(mediaType(t), "application/cloudevents"):
		// Clients of JavaScript give this to every event. As a Content-Type it would
		// select another mode, and the receiver would look for an event in the body.
		return "application/json"
	}
	if _, _, err := mime.ParseMediaType(t); err != nil {
		return "application/octet-stream" // MQTT's content type is free text
	}
	return t
}
