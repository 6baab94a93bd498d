package delivery

import (
	"strings"
	"unicode/utf8"

	"gridmq/event"
	"gridmq/event/rawjson"
)

// AppendProperties appends the custom headers that e is delivered with (section 10.5):
// static ones, and dynamic ones whose field is there and is a string, number or boolean
// that can be the value of a header. Secret ones come only if secrets says so.
func (d *Destination) AppendProperties(dst []Property, e *event.Event, secrets bool) []Property {
	for i := range d.Headers {
		h := &d.Headers[i]
		value := h.Value
		switch {
		case h.Secret && !secrets:
			continue
		case h.SourceField != "":
			var ok bool
			if value, ok = field(e, h.SourceField); !ok {
				continue
			}
		}
		if fitsHeader(value) {
			dst = append(dst, Property{h.Name, value})
		}
	}
	return dst
}

// Dynamic says whether the custom headers depend on the event.
func (d *Destination) Dynamic() bool {
	for i := range d.Headers {
		if d.Headers[i].SourceField != "" {
			return true
		}
	}
	return false
}

// fitsHeader says whether value can be sent as it is: whoever reads it must not see
// another header behind it, nor another value.
func fitsHeader(value string) bool {
	if len(value) > MaxHeaderValue || !utf8.ValidString(value) || strings.TrimSpace(value) != value {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// field is the text of what path leads to: an attribute, or a place in data.
func field(e *event.Event, path string) (text string, ok bool) {
	first, rest, dotted := strings.Cut(path, ".")
	if strings.EqualFold(first, "data") {
		return dataField(e, rest, dotted)
	}
	v, ok := e.Attribute(strings.ToLower(first))
	if !ok || dotted {
		return "", false
	}
	return string(v.AppendText(nil)), true
}

func dataField(e *event.Event, path string, dotted bool) (text string, ok bool) {
	switch {
	case e.DataKind == event.Text && !dotted:
		return string(e.Data), true
	case e.DataKind != event.JSON:
		return "", false
	}
	raw := e.Data
	for dotted {
		var name string
		name, path, dotted = strings.Cut(path, ".")
		if raw = member(raw, name); raw == nil {
			return "", false
		}
	}
	r := rawjson.NewReader(raw)
	raw, err := r.Value(rawjson.MaxDepth)
	if err != nil {
		return "", false
	}
	switch raw[0] {
	case '{', '[', 'n':
		return "", false
	case '"':
		return string(rawjson.AppendUnquoted(nil, raw)), true
	}
	return string(raw), true
}

// member is the value of a member of an object, nil if there is none. Of several with
// that name the last one counts, as for filters.
func member(raw []byte, name string) (value []byte) {
	r := rawjson.NewReader(raw)
	if r.Open('{') != nil {
		return nil
	}
	var unquoted []byte
	for first := true; ; first = false {
		if more, err := r.More('}', first); err != nil || !more {
			return value
		}
		quoted, err := r.Name()
		if err != nil {
			return nil
		}
		found, err := r.Value(rawjson.MaxDepth)
		if err != nil {
			return nil
		}
		if unquoted = rawjson.AppendUnquoted(unquoted[:0], quoted); string(unquoted) == name {
			value = found
		}
	}
}
