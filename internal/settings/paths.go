package settings

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gridmq/internal/spelling"
)

// Set sets the leaf at a path, as a flag does; source is what problems call it.
func (l *Loader) Set(source, path, text string) {
	at := Place{Source: source}
	if err := set(l.into, strings.Split(path, "."), "", text); err != nil {
		l.add(at, path, "%v", err)
		return
	}
	l.places[path] = at
}

// Environ lays variables over the struct: PREFIX_LISTENERS_MQTTS_ADDRESS sets
// listeners.mqtts.address. A hyphen in a name is written _. It returns the
// variables with the prefix that name no field; what to do about them is the
// caller's choice, since platforms (Kubernetes) invent some.
func (l *Loader) Environ(prefix string, environ []string) (unknown []string) {
	environ = slices.Sorted(slices.Values(environ)) // so that the outcome does not depend on their order
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		rest, ok := strings.CutPrefix(name, prefix+"_")
		if !ok {
			continue
		}
		path := resolve(l.into, strings.ToLower(rest))
		if path == nil {
			unknown = append(unknown, name)
			continue
		}
		l.Set("environment variable "+name, strings.Join(path, "."), text)
	}
	return unknown
}

// Variable is the name of the environment variable for a path.
func Variable(prefix, path string) string {
	return prefix + "_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(path))
}

// resolve finds the path that a variable's name (lower case, parts joined by _)
// stands for. Names already there win over new ones, short over long.
func resolve(v reflect.Value, name string) []string {
	if o, ok := overridesOf(v); ok {
		v = o.target()
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			key := keyOf(v.Type().Field(i))
			if path := descend(v.Field(i), key, key, name); path != nil {
				return path
			}
		}
	case reflect.Map:
		for _, key := range sortedKeys(v) {
			spelled := strings.ReplaceAll(key, "-", "_")
			if path := descend(element(v, key), key, spelled, name); path != nil {
				return path
			}
		}
		for i := 1; i < len(name); i++ {
			if key := strings.ReplaceAll(name[:i], "_", "-"); name[i] == '_' && ValidName(key) {
				if path := descend(element(v, key), key, name[:i], name); path != nil {
					return path
				}
			}
		}
	}
	return nil
}

func descend(child reflect.Value, key, spelled, name string) []string {
	if name == spelled && isLeaf(child) {
		return []string{key}
	}
	if rest, ok := strings.CutPrefix(name, spelled+"_"); ok {
		if path := resolve(child, rest); path != nil {
			return append([]string{key}, path...)
		}
	}
	return nil
}

func isLeaf(v reflect.Value) bool {
	_, over := overridesOf(v)
	return !over && v.Kind() != reflect.Struct && v.Kind() != reflect.Map
}

func set(v reflect.Value, path []string, done, text string) error {
	if len(path) == 0 {
		if !isLeaf(v) {
			return fmt.Errorf("is not a single value; it has keys of its own")
		}
		return parse(v, lastKey(done), text)
	}
	if o, ok := overridesOf(v); ok {
		if err := set(o.target(), path, done, text); err != nil {
			return err
		}
		o.mark(strings.Join(path, "."))
		return nil
	}
	key := path[0]
	switch v.Kind() {
	case reflect.Struct:
		f, found := field(v, key)
		if !found {
			return fmt.Errorf("unknown key %q%s", key, suggest(key, Keys(v.Type())))
		}
		return set(f, path[1:], join(done, key), text)
	case reflect.Map:
		if !ValidName(key) {
			return fmt.Errorf("name %q: want 1 to 50 lower-case letters, digits and hyphens", key)
		}
		elem := element(v, key)
		if err := set(elem, path[1:], join(done, key), text); err != nil {
			return err
		}
		setElement(v, key, elem)
		return nil
	}
	return fmt.Errorf("%s is a single value and has no key %q", done, key)
}

// A Defaulter gives a new element of a map its defaults.
type Defaulter interface{ SetDefaults() }

// element returns a changeable copy of m[key], or a new one with its defaults.
func element(m reflect.Value, key string) reflect.Value {
	elem := reflect.New(m.Type().Elem()).Elem()
	if old := m.MapIndex(reflect.ValueOf(key)); old.IsValid() {
		elem.Set(old)
	} else if d, ok := elem.Addr().Interface().(Defaulter); ok {
		d.SetDefaults()
	}
	return elem
}

func setElement(m reflect.Value, key string, elem reflect.Value) {
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	m.SetMapIndex(reflect.ValueOf(key), elem)
}

// ValidName says whether s may be the key of a map: a namespace, a listener.
func ValidName(s string) bool {
	if s == "" || len(s) > 50 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func lastKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// suggest names the key that was probably meant.
func suggest(key string, known []string) string {
	if best := spelling.Nearest(key, known, len(key)/3+2); best != "" {
		return fmt.Sprintf(" (did you mean %q?)", best)
	}
	return fmt.Sprintf(" (known: %s)", strings.Join(slices.Sorted(slices.Values(known)), ", "))
}
