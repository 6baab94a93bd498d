package event

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// ReadHTTP reads the events of a publish request in the mode that its Content-Type
// selects. header is an http.Header; names are compared ignoring case. Data may
// alias body.
func ReadHTTP(header map[string][]string, body []byte, limits Limits) ([]Event, error) {
	contentType, err := contentTypeOf(header)
	if err != nil {
		return nil, err
	}
	mode, err := ModeOf(contentType)
	if err != nil {
		return nil, err
	}
	if mode == BatchMode {
		return ReadBatch(body, limits)
	}
	read := Read
	if mode == BinaryMode {
		read = func(body []byte, limits Limits) (Event, error) { return ReadBinary(header, body, limits) }
	}
	e, err := read(body, limits)
	if err != nil {
		return nil, err
	}
	return []Event{e}, nil
}

// ReadBinary reads one event in binary mode (section 5.4, and section 3.1 of the
// HTTP binding). header is an http.Header. The event is valid; extensions, all of
// them strings, are in the order of their names. Data may alias body.
func ReadBinary(header map[string][]string, body []byte, limits Limits) (Event, error) {
	limits = limits.withDefaults()
	if err := limits.checkRequest(len(body)); err != nil {
		return Event{}, err
	}
	var e Event
	size, err := e.readHeaders(header, limits)
	if err != nil {
		return Event{}, err
	}
	if err := limits.checkEvent(size + len(body)); err != nil {
		return Event{}, err
	}
	if err := e.setBody(body); err != nil {
		return Event{}, err
	}
	return e, e.checkAttributes()
}

// readHeaders reads the attributes, and says how many bytes of headers they are.
func (e *Event) readHeaders(header map[string][]string, limits Limits) (size int, err error) {
	if e.DataContentType, err = contentTypeOf(header); err != nil {
		return 0, err
	}
	size = len(e.DataContentType)
	version := false
	seen := map[string]bool{}
	for field, values := range header {
		name := strings.ToLower(field)
		if !strings.HasPrefix(name, "ce-") || len(values) == 0 {
			continue
		}
		name = name[len("ce-"):]
		if len(values) > 1 || seen[name] {
			return 0, invalid("ce-"+name, twice)
		}
		seen[name] = true
		size += len(field) + len(values[0])
		if err := e.setHeader(name, values[0], &version); err != nil {
			return 0, err
		}
		if len(e.Extensions) > limits.Extensions {
			return 0, tooMany(limits)
		}
	}
	slices.SortFunc(e.Extensions, func(a, b Extension) int { return strings.Compare(a.Name, b.Name) })
	return size, e.required(version)
}

// required tells the usual mistake, structured JSON sent as application/json.
func (e *Event) required(version bool) error {
	missing := ""
	switch {
	case e.ID == "":
		missing = "id"
	case e.Source == "":
		missing = "source"
	case e.Type == "":
		missing = "type"
	case !version:
		missing = "specversion"
	default:
		return nil
	}
	return invalid("ce-"+missing, "is a header that the binary mode requires; if the body is a whole event, send it as application/cloudevents+json")
}

func (e *Event) setHeader(name, value string, version *bool) error {
	header := "ce-" + name
	switch {
	case name == "datacontenttype":
		return invalid(header, "must not be sent: the Content-Type of the request says it")
	case name == "data" || name == "data_base64":
		return invalid(header, "must not be sent: the body of the request is the data")
	}
	text, bad := unescapeHeader(value)
	if bad != "" {
		return invalid(header, bad)
	}
	if name == "specversion" {
		if text != SpecVersion {
			return invalid(header, "must be 1.0")
		}
		*version = true
		return nil
	}
	attribute := e.standard(name)
	switch {
	case attribute == nil:
		e.Extensions = append(e.Extensions, Extension{name, String(text)})
		return checkName(name)
	case text == "":
		return invalid(header, "must not be empty: leave the header out")
	case name == "time":
		t, err := ParseTimestamp(text)
		e.Time = t
		return err
	}
	*attribute = text
	return nil
}

// setBody makes body the data as its content type says (section 5.4).
func (e *Event) setBody(body []byte) error {
	switch contentType := e.DataContentType; {
	case len(body) == 0:
	case isJSON(contentType):
		if err := checkJSON(body); err != nil {
			return invalid("", "the body is not JSON, as Content-Type says it is: "+err.(*Error).Reason)
		}
		if value := trimJSON(body); string(value) != "null" { // as in structured mode: null is no data
			e.DataKind, e.Data = JSON, value
		}
	case isText(contentType) && utf8.Valid(body):
		e.DataKind, e.Data = Text, body
	default:
		e.DataKind, e.Data = Bytes, body
	}
	return nil
}

// trimJSON takes the white space around a JSON value away: it is not part of it.
func trimJSON(data []byte) []byte { return bytes.Trim(data, " \t\r\n") }

func contentTypeOf(header map[string][]string) (string, error) {
	contentType, found := "", false
	for field, values := range header {
		if !strings.EqualFold(field, "Content-Type") || len(values) == 0 {
			continue
		}
		if len(values) > 1 || found {
			return "", invalid("Content-Type", twice)
		}
		contentType, found = strings.TrimSpace(values[0]), true
	}
	return contentType, nil
}
