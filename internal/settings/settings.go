// Package settings fills a struct from YAML, environment variables and flags,
// strictly, and remembers where each value came from.
//
// A field is named by its `key` tag, or by its Go name in snake_case. Leaves
// are text, booleans, whole numbers, durations ("30s"), sizes (Size) and lists
// of text; inner nodes are structs and maps with text keys. A path names a
// field with dots: "listeners.mqtts.address".
//
// Errors: everything wrong is collected (Problems), each with its file, line
// and column, so that a user mends a file in one go.
package settings

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// A Place is where a value was written.
type Place struct {
	Source       string // a file, a variable or a flag
	Line, Column int    // in a file, from 1; 0 elsewhere
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.Source
	}
	return fmt.Sprintf("%s:%d:%d", p.Source, p.Line, p.Column)
}

// A Problem is one thing that is wrong, and where.
type Problem struct {
	Place Place
	Path  string // may be empty: the document itself
	Text  string
}

func (p Problem) Error() string {
	var b strings.Builder
	if p.Place.Source != "" {
		b.WriteString(p.Place.String() + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems is all that is wrong, in the order it was found.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// A Loader fills one struct from several sources, the later over the earlier.
type Loader struct {
	into     reflect.Value
	places   map[string]Place
	problems Problems
}

// New returns a loader for the struct that into points at; its values at that
// moment are the defaults.
func New(into any) *Loader {
	return &Loader{into: reflect.ValueOf(into).Elem(), places: map[string]Place{}}
}

// Problem adds a finding of the caller's own checks. It is placed where the
// path, or the nearest node above it, was set.
func (l *Loader) Problem(path, format string, args ...any) {
	l.add(l.PlaceOf(path), path, format, args...)
}

// PlaceOf says where path or the nearest node above it was set; the zero Place
// means that it has its default.
func (l *Loader) PlaceOf(path string) Place {
	for path != "" {
		if p, ok := l.places[path]; ok {
			return p
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return Place{}
}

// IsSet says whether a source named exactly this path.
func (l *Loader) IsSet(path string) bool {
	_, ok := l.places[path]
	return ok
}

// Err returns Problems, or nil when there are none.
func (l *Loader) Err() error {
	if len(l.problems) == 0 {
		return nil
	}
	return l.problems
}

func (l *Loader) add(at Place, path, format string, args ...any) {
	l.problems = append(l.problems, Problem{Place: at, Path: path, Text: fmt.Sprintf(format, args...)})
}

// Walk calls visit for every leaf of the struct that v points at, in the order
// of the fields and of the sorted keys of maps. Of Overrides only what is set.
func Walk(v any, visit func(path string, value reflect.Value, tag reflect.StructTag)) {
	walk(reflect.ValueOf(v).Elem(), "", "", visit)
}

func walk(v reflect.Value, path string, tag reflect.StructTag, visit func(string, reflect.Value, reflect.StructTag)) {
	if o, ok := overridesOf(v); ok {
		for _, key := range o.Keys() {
			visit(join(path, key), leaf(o.target(), key), tag)
		}
		return
	}
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			// What a struct's tag says holds for all beneath it.
			walk(v.Field(i), join(path, keyOf(f)), f.Tag+" "+tag, visit)
		}
	case v.Kind() == reflect.Map:
		for _, key := range sortedKeys(v) {
			elem := reflect.New(v.Type().Elem()).Elem()
			elem.Set(v.MapIndex(reflect.ValueOf(key)))
			walk(elem, join(path, key), tag, visit)
		}
	default:
		visit(path, v, tag)
	}
}

// Changed lists the paths whose values differ between two structs of one type,
// sorted, and whether the field's tag `reload:"yes"` allows it while running.
func Changed(a, b any) (paths []string, reload map[string]bool) {
	type leaf struct {
		text   string
		reload bool
	}
	read := func(v any) map[string]leaf {
		out := map[string]leaf{}
		Walk(v, func(path string, value reflect.Value, tag reflect.StructTag) {
			out[path] = leaf{Format(value), tag.Get("reload") == "yes"}
		})
		return out
	}
	old, now := read(a), read(b)
	reload = map[string]bool{}
	for _, side := range []map[string]leaf{old, now} {
		for path, l := range side {
			if _, seen := reload[path]; !seen && old[path] != now[path] {
				reload[path] = l.reload
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return paths, reload
}

// field finds the field of a struct by its key.
func field(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if keyOf(v.Type().Field(i)) == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// Keys lists the keys of a struct's fields, in their order.
func Keys(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = keyOf(t.Field(i))
	}
	return keys
}

func keyOf(f reflect.StructField) string {
	if key := f.Tag.Get("key"); key != "" {
		return key
	}
	return snake(f.Name)
}

// snake turns MaxSessionsPerName into max_sessions_per_name and TLSTimeout
// into tls_timeout.
func snake(name string) string {
	runes := []rune(strings.NewReplacer("QoS", "Qos", "IDs", "Ids").Replace(name))
	var b strings.Builder
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 {
			before := !unicode.IsUpper(runes[i-1])
			after := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if before || after {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func sortedKeys(m reflect.Value) []string {
	keys := make([]string, 0, m.Len())
	for _, k := range m.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}
