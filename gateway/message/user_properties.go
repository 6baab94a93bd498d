package message

import (
	"errors"

	"gridmq/event/rawjson"
	"gridmq/mqtt"
)

// maxUserProperties bounds them; namespaces bound their bytes.
const maxUserProperties = 1000

var errProperties = errors.New("not an array of objects with one pair of strings each")

// readUserProperties reads base64 of JSON or, as one sample of the documentation has
// it, the JSON itself. Order and repetition are kept, so it is no map.
func readUserProperties(text string) ([]mqtt.UserProperty, error) {
	doc, err := readBase64(text)
	if err != nil {
		doc = []byte(text)
	}
	if err := rawjson.Check(doc, 3); err != nil {
		return nil, err
	}
	r := rawjson.NewReader(doc)
	if r.Peek() != '[' {
		return nil, errProperties
	}
	if err := r.Open('['); err != nil {
		return nil, err
	}
	var list []mqtt.UserProperty
	for first := true; ; first = false {
		more, err := r.More(']', first)
		if err != nil {
			return nil, err
		}
		if !more {
			return list, r.End()
		}
		one, err := readPair(&r)
		if err != nil || len(list) == maxUserProperties {
			return nil, errProperties
		}
		list = append(list, one)
	}
}

// readPair reads an object with one member, which is a string.
func readPair(r *rawjson.Reader) (mqtt.UserProperty, error) {
	var u mqtt.UserProperty
	if r.Peek() != '{' {
		return u, errProperties
	}
	if err := r.Open('{'); err != nil {
		return u, err
	}
	if more, err := r.More('}', true); err != nil || !more {
		return u, errProperties
	}
	name, err := r.Name()
	if err != nil || r.Peek() != '"' {
		return u, errProperties
	}
	u.Name = string(rawjson.AppendUnquoted(nil, name))
	value, err := r.Value(1)
	if err != nil {
		return u, err
	}
	u.Value = string(rawjson.AppendUnquoted(nil, value))
	if more, err := r.More('}', false); err != nil || more {
		return u, errProperties
	}
	if !mqtt.ValidString(u.Name) || !mqtt.ValidString(u.Value) || len(u.Name) > maxText || len(u.Value) > maxText {
		return u, errProperties
	}
	return u, nil
}
