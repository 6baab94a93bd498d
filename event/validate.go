package event

import (
	"unicode/utf8"

	"gridmq/event/rawjson"
)

const nonEmpty = "must be a non-empty string"

// Validate refuses what a consumer could not read (section 5.2). Events that were
// read have passed it; those that the broker makes must. The error is an *Error.
func (e *Event) Validate() error {
	if err := e.checkAttributes(); err != nil {
		return err
	}
	return e.checkData()
}

// checkAttributes is all of Validate but the data, which readers check themselves.
func (e *Event) checkAttributes() error {
	for _, name := range [...]string{"id", "source", "type"} {
		if *e.standard(name) == "" {
			return invalid(name, nonEmpty)
		}
	}
	for _, name := range [...]string{"id", "source", "type", "subject", "datacontenttype", "dataschema"} {
		if bad := badText(*e.standard(name)); bad != "" {
			return invalid(name, bad)
		}
	}
	if bad := badReference(e.Source); bad != "" {
		return invalid("source", bad)
	}
	if bad := badURI(e.DataSchema); bad != "" && e.DataSchema != "" {
		return invalid("dataschema", bad)
	}
	if _, normal := scanTime(string(e.Time)); !normal && e.Time != "" {
		return invalid("time", badTime)
	}
	return e.checkExtensions()
}

func (e *Event) checkExtensions() error {
	for i := range e.Extensions {
		x := &e.Extensions[i]
		if err := checkName(x.Name); err != nil {
			return err
		}
		if Reserved(x.Name) {
			return invalid(x.Name, "is an attribute of CloudEvents and cannot be an extension")
		}
		for k := range i {
			if e.Extensions[k].Name == x.Name {
				return invalid(x.Name, twice)
			}
		}
		if bad := badText(x.Value.text); bad != "" && x.Value.kind == StringValue {
			return invalid(x.Name, bad)
		}
	}
	return nil
}

func (e *Event) checkData() error {
	switch e.DataKind {
	case NoData:
		if len(e.Data) > 0 {
			return invalid("data", "is there, and DataKind says that it is not")
		}
	case JSON:
		return checkJSON(e.Data)
	case Text:
		if !utf8.Valid(e.Data) {
			return invalid("data", "must be valid UTF-8")
		}
	case Bytes:
	default:
		return invalid("data", "has an unknown DataKind")
	}
	return nil
}

func checkJSON(data []byte) error {
	if err := rawjson.Check(data, rawjson.MaxDepth); err != nil {
		return invalid("data", "must be a JSON value: "+err.Error())
	}
	return nil
}

// ValidJSON says whether b can be the Data of an event as JSON: one value, in UTF-8,
// not nested beyond 60 levels.
func ValidJSON(b []byte) bool { return rawjson.Check(b, rawjson.MaxDepth) == nil }
