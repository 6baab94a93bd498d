package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// An Event is a CloudEvent as it came, and what of it is shown.
type Event struct {
	Raw           json.RawMessage // JSON
	Type, Subject string
	Data          json.RawMessage // of data, or data_base64
}

// maxEvents of one delivery (section 10.3).
const maxEvents = 5000

// A problem is why a body is no delivery, and the status that says so.
type problem struct {
	status int
	why    string
}

func bad(format string, args ...any) *problem {
	return &problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// readEvents reads a body in the mode that its Content-Type selects. It is lenient:
// what the sender takes for an event is to be seen.
func readEvents(h http.Header, body []byte) ([]Event, *problem) {
	if h.Get("Content-Encoding") != "" {
		return nil, &problem{http.StatusUnsupportedMediaType, "compressed bodies are not taken"}
	}
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && h.Get("Content-Type") != "" {
		return nil, &problem{http.StatusUnsupportedMediaType, "the Content-Type is no media type"}
	}
	switch kind {
	case "application/cloudevents+json":
		e, err := readEvent(body)
		if err != nil {
			return nil, bad("%v", err)
		}
		return []Event{e}, nil
	case "application/cloudevents-batch+json":
		return readBatch(body)
	}
	if h.Get("ce-specversion") != "" {
		return readBinary(h, body)
	}
	return nil, &problem{http.StatusUnsupportedMediaType, "want application/cloudevents+json, application/cloudevents-batch+json, or headers ce-*"}
}

func readBatch(body []byte) (list []Event, _ *problem) {
	if !utf8.Valid(body) {
		return nil, bad("not UTF-8")
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(body, &parts); err != nil {
		return nil, bad("not an array in JSON: %v", err)
	}
	if len(parts) == 0 || len(parts) > maxEvents {
		return nil, bad("%d events: want 1 to %d", len(parts), maxEvents)
	}
	for i, part := range parts {
		e, err := readEvent(part)
		if err != nil {
			return nil, bad("event %d: %v", i, err)
		}
		list = append(list, e)
	}
	return list, nil
}

func readEvent(raw []byte) (Event, error) {
	var members map[string]json.RawMessage
	switch err := json.Unmarshal(raw, &members); {
	case !utf8.Valid(raw):
		return Event{}, errors.New("not UTF-8")
	case err != nil || members == nil:
		return Event{}, errors.New("not an object in JSON")
	}
	e := Event{Raw: bytes.Clone(raw), Data: members["data"]}
	if e.Data == nil {
		e.Data = members["data_base64"]
	}
	for name, to := range map[string]*string{"specversion": new(string), "id": new(string), "source": new(string), "type": &e.Type} {
		if json.Unmarshal(members[name], to) != nil || *to == "" {
			return Event{}, fmt.Errorf("`%s` must be a non-empty string", name)
		}
	}
	if json.Unmarshal(members["subject"], &e.Subject) != nil {
		e.Subject = "" // it is there to be shown, not to be judged
	}
	return e, nil
}

// readBinary makes the JSON form of an event in binary mode, whose values are percent
// encoded (HTTP binding, section 3.1.3.2).
func readBinary(h http.Header, body []byte) ([]Event, *problem) {
	members := map[string]any{}
	for name, values := range h {
		name = strings.ToLower(name)
		attribute, found := strings.CutPrefix(name, "ce-")
		if !found || len(values) == 0 {
			continue
		}
		value, err := url.PathUnescape(values[0])
		if err != nil || !utf8.ValidString(value) {
			return nil, bad("header %s is not percent-encoded UTF-8", name)
		}
		members[attribute] = value
	}
	delete(members, "data")
	kind := h.Get("Content-Type")
	if kind != "" {
		members["datacontenttype"] = kind
	}
	switch {
	case len(body) == 0:
	case strings.Contains(kind, "json") && json.Valid(body) && utf8.Valid(body):
		members["data"] = json.RawMessage(body)
	case strings.HasPrefix(kind, "text/") && utf8.Valid(body):
		members["data"] = string(body)
	default:
		members["data_base64"] = base64.StdEncoding.EncodeToString(body)
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, bad("not an event: %v", err)
	}
	e, err := readEvent(raw)
	if err != nil {
		return nil, bad("%v", err)
	}
	return []Event{e}, nil
}
