package identity

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// MaxAttributes is the size in bytes that the attributes of a client stay below,
// measured as compact JSON.
const MaxAttributes = 4096

// ParseAttributes reads the JSON object doc. Errors: a joined *FieldError for
// everything wrong, or for attributes that are too large together.
//
// For the registry (fromToken false) integers have 64 bits and whatever is not a
// string, an integer, a list of strings or a boolean is an error; null is not
// given. Claims of a token and answers of a webhook (fromToken true) have integers
// of 32 bits, and what does not fit, booleans and strange keys are skipped.
// Source: spec/identity.md, sections 2 and 6.4.
func ParseAttributes(doc []byte, fromToken bool) (Attributes, error) {
	var found Attributes
	var errs []error
	fault := func(key, reason string) {
		if !fromToken && len(errs) < maxFaults {
			errs = append(errs, &FieldError{"attributes." + key, reason})
		}
	}
	err := eachMember(doc, func(key string, raw json.RawMessage) {
		v, reason := parseValue(raw, fromToken)
		_, twice := found[key]
		if twice {
			delete(found, key) // the last one counts, and it may be none
		}
		switch {
		case !validKey(key):
			fault(clip(key), "a key is of letters, digits and '_'")
		case twice && !fromToken:
			fault(key, "is given twice")
		case reason != "":
			fault(key, reason)
		case v != nil:
			if found == nil {
				found = Attributes{}
			}
			found[key] = *v
		}
	})
	if err != nil {
		return nil, &FieldError{"attributes", "want a JSON object: " + err.Error()}
	}
	if size := found.Size(); size >= MaxAttributes {
		errs = append(errs, &FieldError{"attributes", fmt.Sprintf("have %d bytes as compact JSON, want fewer than %d", size, MaxAttributes)})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return found, nil
}

// parseValue reads one value. It is nil for a null; reason says why there is none.
func parseValue(raw json.RawMessage, fromToken bool) (v *Value, reason string) {
	const want = "want a string, an integer or an array of strings"
	some := func(v Value) (*Value, string) { return &v, "" }
	switch raw[0] {
	case 'n':
		return nil, ""
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return nil, want
		}
		return some(Text(s))
	case 't', 'f':
		if fromToken {
			return nil, want
		}
		return some(Boolean(raw[0] == 't'))
	case '[':
		var list []*string // a null in it would read as ""
		if json.Unmarshal(raw, &list) != nil || slices.Contains(list, nil) {
			return nil, want
		}
		texts := make([]string, len(list))
		for i, s := range list {
			texts[i] = *s
		}
		return some(List(texts...))
	case '{':
		return nil, want
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return nil, "want an integer of 64 bits"
	case err != nil:
		return nil, want
	case fromToken && (n < math.MinInt32 || n > math.MaxInt32):
		return nil, "want an integer of 32 bits"
	}
	return some(Integer(n))
}

// validKey says whether key is one or more ASCII letters, digits and underscores.
func validKey(key string) bool {
	for i := range len(key) {
		if !isWord(key[i]) {
			return false
		}
	}
	return key != ""
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// Size is the length in bytes of the attributes as compact JSON; what they may
// have together is below [MaxAttributes].
func (a Attributes) Size() int {
	if len(a) == 0 {
		return len("{}")
	}
	return len(EncodeProperties(a))
}

// UnmarshalJSON reads what MarshalJSON has written.
func (v *Value) UnmarshalJSON(doc []byte) error {
	got, reason := parseValue(doc, false)
	if got == nil {
		return errors.New("attribute value: " + cmp.Or(reason, "null"))
	}
	*v = *got
	return nil
}

// MarshalJSON writes the value as it is given: "press", 4, ["a","b"], true.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case integerValue:
		return strconv.AppendInt(nil, v.n, 10), nil
	case booleanValue:
		return strconv.AppendBool(nil, v.n != 0), nil
	case listValue:
		if v.list == nil {
			return []byte("[]"), nil
		}
		return EncodeProperties(v.list), nil
	}
	return EncodeProperties(v.text), nil
}

// Equal says whether two sets of attributes are the same.
func (a Attributes) Equal(b Attributes) bool {
	return maps.EqualFunc(a, b, func(v, w Value) bool {
		return v.kind == w.kind && v.text == w.text && v.n == w.n && slices.Equal(v.list, w.list)
	})
}

// EncodeProperties writes v as compact JSON without the escapes for web pages,
// which would make '<' six bytes. v must be something that JSON can hold.
func EncodeProperties(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("identity: " + err.Error()) // only types of ours get here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
