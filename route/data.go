package route

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"gridmq/event"
)

// data is what becomes of the payload (section 3.1). isJSON is what the content type
// says. A message of MQTT 3.1.1 has no properties, and its payload is bytes for sure.
func (r *record) data(isJSON bool) ([]byte, event.DataKind) {
	p := r.message.Payload
	switch {
	case len(p) == 0:
		return nil, event.NoData
	case !isJSON && r.properties.PayloadFormatIndicator == 0:
		return p, event.Bytes
	case event.ValidJSON(p):
		return bytes.Trim(p, " \t\r\n"), event.JSON
	case utf8.Valid(p):
		return p, event.Text
	}
	return p, event.Bytes // indicator 1 is a promise that was not kept
}

// plainJSON says whether a content type is application/json, in UTF-8 or without a
// charset.
func plainJSON(contentType string) bool {
	media, charset := mediaType(contentType)
	return media == "application/json" && charset
}

// mediaType is type/subtype of a content type in lower case, and whether its charset is
// absent, UTF-8 or ASCII.
func mediaType(contentType string) (media string, utf8Charset bool) {
	media, rest, _ := strings.Cut(contentType, ";")
	for parameter := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "charset") {
			continue
		}
		switch strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`)) {
		case "utf-8", "utf8", "us-ascii", "ascii":
		default:
			return strings.ToLower(strings.TrimSpace(media)), false
		}
	}
	return strings.ToLower(strings.TrimSpace(media)), true
}
