package manifest

import (
	"cmp"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A function of templates gets its arguments worked out.
type function struct {
	least, most int // arguments
	do          func(e *environment, args []any) (any, error)
}

const anyNumber = 256

// functions are those that need nothing but the template, by their names in lower
// case. Filled by init, since some of them evaluate.
var functions map[string]function

func init() {
	functions = map[string]function{
		"parameters": {1, 1, (*environment).parameter}, "variables": {1, 1, (*environment).variable},
		"resourceid": {2, anyNumber, (*environment).resourceID}, "extensionresourceid": {3, anyNumber, extensionID},
		"subscription": {0, 0, (*environment).subscriptionObject}, "resourcegroup": {0, 0, (*environment).groupObject},
		"copyindex": {0, 2, (*environment).copyIndex},
		"concat":    {1, anyNumber, concat}, "format": {1, anyNumber, format}, "guid": {1, anyNumber, guid},
		"tolower": {1, 1, onText(strings.ToLower)}, "toupper": {1, 1, onText(strings.ToUpper)}, "trim": {1, 1, onText(strings.TrimSpace)},
		"base64":         {1, 1, onText(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })},
		"base64tostring": {1, 1, fromBase64}, "replace": {3, 3, replace}, "split": {2, 2, split}, "join": {2, 2, join},
		"string": {1, 1, toText}, "int": {1, 1, toInteger}, "bool": {1, 1, toBoolean}, "json": {1, 1, fromJSON},
		"true": {0, 0, constant(true)}, "false": {0, 0, constant(false)}, "null": {0, 0, constant(nil)},
		"if": {3, 3, choose}, "equals": {2, 2, equals}, "not": {1, 1, not}, "and": {1, anyNumber, every}, "or": {1, anyNumber, some},
		"empty": {1, 1, empty}, "coalesce": {1, anyNumber, coalesce}, "length": {1, 1, length}, "contains": {2, 2, contains},
		"first": {1, 1, first}, "last": {1, 1, last}, "createarray": {0, anyNumber, createArray}, "createobject": {0, anyNumber, createObject},
		"union": {1, anyNumber, union}, "range": {2, 2, numbers},
		"add": {2, 2, arithmetic(func(a, b int64) int64 { return a + b })}, "sub": {2, 2, arithmetic(func(a, b int64) int64 { return a - b })},
		"mul": {2, 2, arithmetic(func(a, b int64) int64 { return a * b })},
	}
}

// call works a function out.
func (e *environment) call(name string, args []any) (any, error) {
	low := strings.ToLower(name)
	f, known := functions[low]
	if !known {
		if low == "reference" || strings.HasPrefix(low, "list") || low == "environment" || low == "deployment" {
			return nil, errors.New("asks for what only Azure knows; write the value instead")
		}
		return nil, fmt.Errorf("is not a function that is known here%s; write the value instead", suggest(low, slices.Sorted(maps.Keys(functions))))
	}
	if len(args) < f.least || len(args) > f.most {
		return nil, fmt.Errorf("wants another number of arguments than %d", len(args))
	}
	v, err := f.do(e, args)
	if err == nil && e.grown(v) {
		return nil, errTooLong
	}
	return v, err
}

// grown counts what expressions make, in characters and entries, over a whole file.
func (e *environment) grown(v any) bool {
	switch v := v.(type) {
	case string:
		e.made += len(v)
	case []any:
		e.made += len(v) * 16
	case map[string]any:
		e.made += len(v) * 16
	}
	return e.made > maxMade
}

func constant(v any) func(*environment, []any) (any, error) {
	return func(*environment, []any) (any, error) { return v, nil }
}

var (
	errWantText = errors.New("wants text")
	errTooLong  = errors.New("makes too much")
)

func onText(f func(string) string) func(*environment, []any) (any, error) {
	return func(_ *environment, args []any) (any, error) {
		s, ok := args[0].(string)
		if !ok {
			return nil, errWantText
		}
		return f(s), nil
	}
}

// texts are all arguments as text, if they are.
func texts(args []any) (list []string, err error) {
	for _, a := range args {
		s, ok := a.(string)
		if !ok {
			return nil, errWantText
		}
		list = append(list, s)
	}
	return list, nil
}

// show is a value within a text.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool: // as Azure has it
		if v {
			return "True"
		}
		return "False"
	case nil:
		return ""
	}
	b, _ := json.Marshal(v) // what a document held
	return string(b)
}

func concat(_ *environment, args []any) (any, error) {
	if _, lists := args[0].([]any); lists {
		var all []any
		for _, a := range args {
			list, ok := a.([]any)
			if !ok {
				return nil, errors.New("wants texts, or lists")
			}
			all = append(all, list...)
		}
		return all, nil
	}
	var b strings.Builder
	for _, a := range args {
		if b.WriteString(show(a)); b.Len() > maxText {
			return nil, errTooLong
		}
	}
	return b.String(), nil
}

// format replaces {0}, {1} and so on; {{ and }} are braces.
func format(_ *environment, args []any) (any, error) {
	form, ok := args[0].(string)
	if !ok {
		return nil, errWantText
	}
	var b strings.Builder
	for i := 0; i < len(form); i++ {
		switch c := form[i]; {
		case (c == '{' || c == '}') && i+1 < len(form) && form[i+1] == c:
			b.WriteByte(c)
			i++
		case c == '{':
			end := strings.IndexByte(form[i:], '}')
			n, err := strconv.Atoi(form[i+1 : i+max(end, 1)])
			if end < 0 || err != nil || n < 0 || n+1 >= len(args) {
				return nil, fmt.Errorf("there is no value for %.20q", form[i:])
			}
			b.WriteString(show(args[n+1]))
			i += end
		default:
			b.WriteByte(c)
		}
		if b.Len() > maxText {
			return nil, errTooLong
		}
	}
	return b.String(), nil
}

// guid makes a UUID of version 5 (RFC 9562) of texts, always the same one.
func guid(_ *environment, args []any) (any, error) {
	list, err := texts(args)
	if err != nil {
		return nil, err
	}
	space := []byte{0x11, 0xfb, 0x06, 0xfb, 0x71, 0x2d, 0x4d, 0xdd, 0x98, 0xc7, 0xe7, 0x1b, 0xbd, 0x58, 0x88, 0x30}
	sum := sha1.Sum(append(space, strings.Join(list, "-")...))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]), nil
}

func fromBase64(_ *environment, args []any) (any, error) {
	s, _ := args[0].(string)
	b, err := base64.StdEncoding.DecodeString(s)
	return string(b), err
}

func replace(_ *environment, args []any) (any, error) {
	s, err := texts(args)
	switch {
	case err != nil:
		return nil, err
	case s[1] == "" || strings.Count(s[0], s[1])*len(s[2]) > maxText:
		return nil, errTooLong
	}
	return strings.ReplaceAll(s[0], s[1], s[2]), nil
}

func split(_ *environment, args []any) (any, error) {
	s, err := texts(args)
	if err != nil || s[1] == "" {
		return nil, cmp.Or(err, errWantText)
	}
	list := []any{}
	for part := range strings.SplitSeq(s[0], s[1]) {
		list = append(list, part)
	}
	return list, nil
}

func join(_ *environment, args []any) (any, error) {
	list, ok := args[0].([]any)
	by, isText := args[1].(string)
	if !ok || !isText {
		return nil, errors.New("wants a list and a text")
	}
	parts := make([]string, len(list))
	size := 0
	for i, v := range list {
		parts[i] = show(v)
		if size += len(parts[i]) + len(by); size > maxText {
			return nil, errTooLong
		}
	}
	return strings.Join(parts, by), nil
}

func toText(_ *environment, args []any) (any, error) { return show(args[0]), nil }

func toInteger(_ *environment, args []any) (any, error) {
	i, err := strconv.ParseInt(show(args[0]), 10, 64)
	if err != nil {
		return nil, errors.New("wants a whole number")
	}
	return json.Number(strconv.FormatInt(i, 10)), nil
}

func toBoolean(_ *environment, args []any) (any, error) {
	switch strings.ToLower(show(args[0])) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return nil, errors.New("wants true or false")
}

func fromJSON(_ *environment, args []any) (any, error) {
	s, _ := args[0].(string)
	docs, faults := jsonDocuments("", []byte(s))
	if len(faults) > 0 || len(docs) > 1 {
		return nil, errors.New("wants the JSON of one value")
	}
	if len(docs) == 0 {
		return nil, nil
	}
	var r reader
	v, err := r.value(docs[0].node, 0)
	if len(r.faults) > 0 {
		return nil, errors.New("wants the JSON of one value")
	}
	return v, err
}
