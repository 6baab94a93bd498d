package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Difference is one member of which the value changes. Old or New is nil where
// there is nothing.
type Difference struct {
	Path     string // as "properties.attributes.floor"; of an entry of a list "properties.topicTemplates[]"
	Old, New any
}

// String shows it as "path: old -> new".
func (d Difference) String() string {
	switch {
	case d.Old == nil:
		return fmt.Sprintf("%s: + %s", d.Path, brief(d.New))
	case d.New == nil:
		return fmt.Sprintf("%s: - %s", d.Path, brief(d.Old))
	}
	return fmt.Sprintf("%s: %s -> %s", d.Path, brief(d.Old), brief(d.New))
}

// shownValue is how many characters of a value are shown.
const shownValue = 120

func brief(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	text := []rune(string(b))
	if len(text) > shownValue {
		return string(text[:shownValue]) + "..."
	}
	return string(text)
}

// readOnly members of a resource differ without anybody having asked for it.
var readOnly = map[string]bool{"id": true, "name": true, "type": true, "systemData": true, "properties.provisioningState": true,
	"properties.privateEndpointConnections": true}

// Diff lists what changes from one state of a resource to another, by path. Both are
// as the server shows them.
func Diff(old, next map[string]any) []Difference { return diff("", old, next, nil) }

func diff(path string, old, next any, list []Difference) []Difference {
	if readOnly[path] || Equal(old, next) {
		return list
	}
	was, wasObject := old.(map[string]any)
	is, isObject := next.(map[string]any)
	if (wasObject || old == nil) && (isObject || next == nil) && (wasObject || isObject) {
		names := slices.Collect(maps.Keys(was))
		for name := range is {
			if _, both := was[name]; !both {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			list = diff(strings.TrimPrefix(path+"."+name, "."), was[name], is[name], list)
		}
		return list
	}
	a, wasList := old.([]any)
	b, isList := next.([]any)
	if wasList && isList {
		if entries := diffEntries(path, a, b); entries != nil {
			return append(list, entries...)
		}
	}
	return append(list, Difference{path, old, next})
}

// diffEntries compares lists as sets. Nil: only their order differs, or an entry is
// there several times.
func diffEntries(path string, old, next []any) (list []Difference) {
	key := func(v any) string {
		b, _ := json.Marshal(v) // objects come out in the order of their names
		return string(b)
	}
	had, has := map[string]bool{}, map[string]bool{}
	for _, v := range old {
		had[key(v)] = true
	}
	for _, v := range next {
		has[key(v)] = true
	}
	if len(had) != len(old) || len(has) != len(next) {
		return nil
	}
	for _, v := range old {
		if !has[key(v)] {
			list = append(list, Difference{path + "[]", v, nil})
		}
	}
	for _, v := range next {
		if !had[key(v)] {
			list = append(list, Difference{path + "[]", nil, v})
		}
	}
	return list
}

// Equal compares values of JSON; numbers by their value.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name := range a {
			other, there := b[name]
			if !there || !Equal(a[name], other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || sameNumber(a, b))
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

func sameNumber(a, b json.Number) bool {
	if !strings.ContainsAny(string(a+b), ".eE") {
		return strings.TrimPrefix(string(a), "-") == "0" && strings.TrimPrefix(string(b), "-") == "0" // else the texts tell
	}
	x, err := strconv.ParseFloat(string(a), 64)
	y, other := strconv.ParseFloat(string(b), 64)
	return err == nil && other == nil && x == y
}

// secrets are members that are taken and never shown.
var secrets = map[string]bool{"password": true, "passwordhash": true, "tokenhash": true, "secret": true, "endpointurl": true}

// Ignored lists what a document says and the server does not show after it has taken
// it: misspelt members, mostly. What is empty anyway is left out.
func Ignored(asked, shown map[string]any) []string { return ignored("", asked, shown, nil) }

func ignored(path string, asked, shown any, list []string) []string {
	want, isObject := asked.(map[string]any)
	have, _ := shown.(map[string]any)
	if !isObject {
		return list
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		v := want[name]
		if readOnly[at] || secrets[strings.ToLower(name)] || nothing(v) {
			continue
		}
		found := member(have, name)
		if found == nil {
			list = append(list, at)
			continue
		}
		list = ignored(at, v, found, list)
	}
	return list
}

// nothing says whether a value is what an absent one means too.
func nothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		return v == "0"
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, one := range v {
			if !nothing(one) {
				return false
			}
		}
		return true
	}
	return false
}
