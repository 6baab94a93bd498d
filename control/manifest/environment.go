package manifest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	maxCopies = 100_000  // of one loop
	maxMade   = 64 << 20 // characters that the expressions of one file make
)

// An environment is what the expressions of one template may ask for.
type environment struct {
	options    *Options
	parameters map[string]any // definitions
	variables  map[string]any

	working map[string]bool  // parameters and variables that are being worked out
	known   map[string]any   // those that have been
	loops   map[string]int64 // indices of copy loops by name
	loop    string           // the innermost
	made    int
}

func newEnvironment(o *Options, template map[string]any) *environment {
	e := &environment{options: o, working: map[string]bool{}, known: map[string]any{}, loops: map[string]int64{}}
	e.parameters, _ = member(template, "parameters").(map[string]any)
	e.variables, _ = member(template, "variables").(map[string]any)
	return e
}

// once works out a parameter or a variable, and sees that none asks for itself.
func (e *environment) once(key string, v any) (any, error) {
	if known, ok := e.known[key]; ok {
		return known, nil
	}
	if e.working[key] {
		return nil, errors.New("asks for itself")
	}
	e.working[key] = true
	defer delete(e.working, key)
	v, err := e.resolve(v)
	if err == nil {
		e.known[key] = v
	}
	return v, err
}

func (e *environment) parameter(args []any) (any, error) {
	name, _ := args[0].(string)
	definition, found := property(e.parameters, name)
	if found != nil {
		return nil, fmt.Errorf("the template has no parameter %q%s", name, suggest(name, slices.Sorted(maps.Keys(e.parameters))))
	}
	key := "parameter " + strings.ToLower(name)
	if given, ok := e.options.parameter(name); ok {
		return e.once(key, typed(definition, given))
	}
	d, _ := definition.(map[string]any)
	fallback, err := property(d, "defaultValue")
	if err != nil {
		return nil, fmt.Errorf("parameter %q has no default value: give it with --parameter %s=VALUE", name, name)
	}
	return e.once(key, fallback)
}

// typed reads what was given for a parameter as its type says. What is given is not
// an expression, whatever it looks like.
func typed(definition, given any) any {
	s, isText := given.(string)
	d, _ := definition.(map[string]any)
	switch strings.ToLower(text(d, "type")) {
	case "int", "bool", "array", "object":
		if v, err := fromJSON(nil, []any{s}); isText && err == nil {
			return literal(v)
		}
	}
	return literal(given)
}

func (e *environment) variable(args []any) (any, error) {
	name, _ := args[0].(string)
	v, err := property(e.variables, name)
	if err != nil {
		return nil, fmt.Errorf("the template has no variable %q", name)
	}
	return e.once("variable "+strings.ToLower(name), v)
}

// resolve works out all expressions within a value.
func (e *environment) resolve(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return e.evaluate(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = e.resolve(v[i]); err != nil {
				return nil, in(err, "["+strconv.Itoa(i)+"]")
			}
		}
		return list, nil
	case map[string]any:
		o := make(map[string]any, len(v))
		for name := range v {
			var err error
			if o[name], err = e.resolve(v[name]); err != nil {
				return nil, in(err, name)
			}
		}
		return o, nil
	}
	return v, nil
}

// A fieldError says in which field of a resource an expression is.
type fieldError struct {
	field string
	err   error
}

func (f *fieldError) Error() string { return f.field + ": " + f.err.Error() }
func (f *fieldError) Unwrap() error { return f.err }

// in puts a step before the field of err.
func in(err error, step string) error {
	f, ok := err.(*fieldError)
	switch {
	case !ok:
		return &fieldError{step, err}
	case strings.HasPrefix(f.field, "["):
		return &fieldError{step + f.field, f.err}
	}
	return &fieldError{step + "." + f.field, f.err}
}

// resourceID(subscription?, group?, type, names...)
func (e *environment) resourceID(args []any) (any, error) {
	list, err := texts(args)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(list, func(s string) bool { return strings.Contains(s, "/") })
	if at < 0 || at > 2 {
		return nil, errors.New("wants a type such as Microsoft.EventGrid/namespaces and its names")
	}
	sub, group := e.subscription(), e.group()
	if at > 0 {
		group = list[at-1]
	}
	if at > 1 {
		sub = list[0]
	}
	tail, err := idTail(list[at], list[at+1:])
	return "/subscriptions/" + sub + "/resourceGroups/" + group + tail, err
}

// extensionID is extensionResourceId(scope, type, names...).
func extensionID(_ *environment, args []any) (any, error) {
	list, err := texts(args)
	if err != nil {
		return nil, err
	}
	tail, err := idTail(list[1], list[2:])
	return strings.TrimSuffix(list[0], "/") + tail, err
}

// idTail is /providers/Provider/type/name/type/name.
func idTail(kind string, names []string) (string, error) {
	types := strings.Split(kind, "/")
	if len(types)-1 != len(names) || len(names) == 0 {
		return "", fmt.Errorf("%s wants %d names", kind, len(types)-1)
	}
	var b strings.Builder
	b.WriteString("/providers/" + types[0])
	for i, name := range names {
		b.WriteString("/" + types[i+1] + "/" + name)
	}
	return b.String(), nil
}

func (e *environment) subscription() string {
	return cmp.Or(e.options.Subscription, DefaultSubscription)
}

func (e *environment) group() string { return cmp.Or(e.options.Group, DefaultGroup) }

func (e *environment) subscriptionObject([]any) (any, error) {
	return map[string]any{"subscriptionId": e.subscription(), "id": "/subscriptions/" + e.subscription(), "tenantId": DefaultSubscription}, nil
}

func (e *environment) groupObject([]any) (any, error) {
	return map[string]any{"name": e.group(), "location": cmp.Or(e.options.Location, "local"),
		"id": "/subscriptions/" + e.subscription() + "/resourceGroups/" + e.group()}, nil
}

// copyIndex(loop?, offset?)
func (e *environment) copyIndex(args []any) (any, error) {
	name, offset := e.loop, int64(0)
	for _, a := range args {
		if s, ok := a.(string); ok {
			name = strings.ToLower(s)
		} else if i, ok := integer(a); ok {
			offset = i
		}
	}
	i, ok := e.loops[name]
	if !ok {
		return nil, errors.New("there is no such loop here")
	}
	return json.Number(strconv.FormatInt(i+offset, 10)), nil
}
