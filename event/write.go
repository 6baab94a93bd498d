package event

import (
	"encoding/base64"

	"gridmq/event/rawjson"
)

// AppendJSON appends the event in the JSON format (structured mode). It allocates
// only to grow dst. The event should be valid; what it appends is JSON in any case
// where Data is what DataKind says.
//
// The order of members is that of the samples in routing.md, sections 3 and 4.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"specversion":"`+SpecVersion+`"`...)
	dst = appendMember(dst, "id", e.ID)
	dst = appendMember(dst, "time", string(e.Time))
	dst = appendMember(dst, "type", e.Type)
	dst = appendMember(dst, "source", e.Source)
	dst = appendMember(dst, "subject", e.Subject)
	for i := range e.Extensions {
		dst = appendName(dst, e.Extensions[i].Name)
		dst = e.Extensions[i].Value.appendJSON(dst)
	}
	dst = appendMember(dst, "dataschema", e.DataSchema)
	dst = appendMember(dst, "datacontenttype", e.DataContentType)
	dst = e.appendData(dst)
	return append(dst, '}')
}

func (e *Event) appendData(dst []byte) []byte {
	switch e.DataKind {
	case JSON:
		return append(appendName(dst, "data"), e.Data...)
	case Text:
		return rawjson.AppendQuoted(appendName(dst, "data"), e.Data)
	case Bytes:
		dst = append(appendName(dst, "data_base64"), '"')
		dst = base64.StdEncoding.AppendEncode(dst, e.Data)
		return append(dst, '"')
	}
	return dst
}

func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return rawjson.AppendQuoted(appendName(dst, name), value)
}

// appendName appends a comma, the name and a colon. Names need no escapes.
func appendName(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}
