package event

import "strings"

// Mode is a content mode of CloudEvents over HTTP (section 5.3).
type Mode uint8

const (
	BinaryMode     Mode = iota // attributes are headers, the body is the data
	StructuredMode             // the body is one event
	BatchMode                  // the body is an array of events
)

// What a request or a delivery says in Content-Type (section 10.2).
const (
	StructuredContentType = "application/cloudevents+json; charset=utf-8"
	BatchContentType      = "application/cloudevents-batch+json; charset=utf-8"
)

// ModeOf is the mode that a Content-Type selects. An *Error of Kind
// UnsupportedMedia if it asks for a format other than JSON or a charset other than
// UTF-8.
func ModeOf(contentType string) (Mode, error) {
	media := mediaType(contentType)
	var mode Mode
	switch {
	case strings.HasPrefix(media, "application/cloudevents-batch"): // the next one is a prefix of it
		mode = BatchMode
	case strings.HasPrefix(media, "application/cloudevents"):
		mode = StructuredMode
	default:
		return BinaryMode, nil
	}
	if media != "application/cloudevents+json" && media != "application/cloudevents-batch+json" {
		return mode, unsupported("only the JSON format of CloudEvents is supported: send application/cloudevents+json or application/cloudevents-batch+json")
	}
	if !isUTF8(contentType) {
		return mode, unsupported("only the charset UTF-8 is supported: send the body in UTF-8 and leave the charset out")
	}
	return mode, nil
}

func unsupported(reason string) error {
	return &Error{Kind: UnsupportedMedia, Index: -1, Reason: reason}
}

// mediaType is type/subtype of a Content-Type, in lower case, without parameters.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// isUTF8 says whether the charset of a Content-Type is absent, UTF-8 or its subset
// ASCII.
func isUTF8(contentType string) bool {
	_, rest, _ := strings.Cut(contentType, ";")
	for parameter := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "charset") {
			continue
		}
		switch strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`)) {
		case "utf-8", "utf8", "us-ascii", "ascii":
		default:
			return false
		}
	}
	return true
}

// isJSON says whether a body of that type is a JSON value (JSON format, 3.1).
func isJSON(contentType string) bool {
	_, sub, _ := strings.Cut(mediaType(contentType), "/")
	return sub == "json" || strings.HasSuffix(sub, "+json")
}

// isText says whether a body of that type is text to be kept as a JSON string
// (section 5.4).
func isText(contentType string) bool {
	media := mediaType(contentType)
	return (strings.HasPrefix(media, "text/") || media == "application/xml" || strings.HasSuffix(media, "+xml")) && isUTF8(contentType)
}
