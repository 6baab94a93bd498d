package event

// SpecVersion is the version of CloudEvents of every event here (section 5.2).
const SpecVersion = "1.0"

// An Event is one CloudEvent. Optional attributes are absent when they are empty:
// CloudEvents allows none of them to be the empty string. Extensions may be.
type Event struct {
	ID     string // unique together with Source; the broker does not look
	Source string // URI reference
	Type   string

	Subject         string
	Time            Timestamp
	DataContentType string // media type; free text, as MQTT clients write it
	DataSchema      string // absolute URI
	Extensions      []Extension

	// Data is what DataKind says. Read from a request, it aliases the body if it
	// is JSON: copy it before the buffer is used again.
	Data     []byte
	DataKind DataKind
}

// An Extension is an attribute that CloudEvents does not define. Names are unique
// in one event.
type Extension struct {
	Name  string // lower-case letters and digits, at most MaxName
	Value Value
}

// DataKind says what the bytes of Data are.
type DataKind uint8

const (
	NoData DataKind = iota
	JSON            // a JSON value, spelled as its publisher did: `data`
	Text            // UTF-8 text, written as a JSON string: `data`
	Bytes           // written in base64: `data_base64`; may be empty
)

// Extension returns the extension of that name.
func (e *Event) Extension(name string) (Value, bool) {
	for i := range e.Extensions {
		if e.Extensions[i].Name == name {
			return e.Extensions[i].Value, true
		}
	}
	return Value{}, false
}

// SetExtension sets the extension of that name, in place if there is one: an
// enrichment wins over what the publisher sent (routing.md, section 3.2).
func (e *Event) SetExtension(name string, v Value) {
	for i := range e.Extensions {
		if e.Extensions[i].Name == name {
			e.Extensions[i].Value = v
			return
		}
	}
	e.Extensions = append(e.Extensions, Extension{name, v})
}

// Attribute returns an attribute of either sort; ok says whether it is present.
func (e *Event) Attribute(name string) (v Value, ok bool) {
	if name == "specversion" {
		return String(SpecVersion), true
	}
	if p := e.standard(name); p != nil {
		return String(*p), *p != ""
	}
	return e.Extension(name)
}

// standard is where the attribute of that name is kept, nil if it is an extension
// or specversion.
func (e *Event) standard(name string) *string {
	switch name {
	case "id":
		return &e.ID
	case "source":
		return &e.Source
	case "type":
		return &e.Type
	case "subject":
		return &e.Subject
	case "time":
		return (*string)(&e.Time)
	case "datacontenttype":
		return &e.DataContentType
	case "dataschema":
		return &e.DataSchema
	}
	return nil
}
