package manifest

import (
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"
)

var errWantBoolean = errors.New("wants true or false")

func choose(_ *environment, args []any) (any, error) {
	b, ok := args[0].(bool)
	switch {
	case !ok:
		return nil, errWantBoolean
	case b:
		return args[1], nil
	}
	return args[2], nil
}

func equals(_ *environment, args []any) (any, error) { return Equal(args[0], args[1]), nil }

func not(_ *environment, args []any) (any, error) {
	b, ok := args[0].(bool)
	if !ok {
		return nil, errWantBoolean
	}
	return !b, nil
}

func every(_ *environment, args []any) (any, error) { return count(args, len(args)) }

func some(_ *environment, args []any) (any, error) { return count(args, 1) }

// count says whether so many are true at least.
func count(args []any, least int) (any, error) {
	for _, a := range args {
		b, ok := a.(bool)
		if !ok {
			return nil, errWantBoolean
		}
		if b {
			least--
		}
	}
	return least <= 0, nil
}

func size(v any) (int, bool) {
	switch v := v.(type) {
	case nil:
		return 0, true
	case string:
		return len([]rune(v)), true
	case []any:
		return len(v), true
	case map[string]any:
		return len(v), true
	}
	return 0, false
}

func empty(_ *environment, args []any) (any, error) {
	n, ok := size(args[0])
	return ok && n == 0, nil
}

func length(_ *environment, args []any) (any, error) {
	n, ok := size(args[0])
	if !ok {
		return nil, errors.New("wants a text, a list or an object")
	}
	return json.Number(strconv.Itoa(n)), nil
}

func coalesce(_ *environment, args []any) (any, error) {
	for _, a := range args {
		if a != nil {
			return a, nil
		}
	}
	return nil, nil
}

func contains(_ *environment, args []any) (any, error) {
	switch in := args[0].(type) {
	case string:
		return strings.Contains(in, show(args[1])), nil
	case []any:
		for _, v := range in {
			if Equal(v, args[1]) {
				return true, nil
			}
		}
		return false, nil
	case map[string]any:
		_, err := property(in, show(args[1]))
		return err == nil, nil
	}
	return nil, errors.New("wants a text, a list or an object")
}

func first(_ *environment, args []any) (any, error) { return end(args[0], false) }

func last(_ *environment, args []any) (any, error) { return end(args[0], true) }

func end(v any, back bool) (any, error) {
	list, isList := v.([]any)
	if s, isText := v.(string); isText {
		for _, r := range s {
			list = append(list, string(r))
		}
	} else if !isList {
		return nil, errors.New("wants a text or a list")
	}
	switch {
	case len(list) == 0:
		return nil, nil
	case back:
		return list[len(list)-1], nil
	}
	return list[0], nil
}

func createArray(_ *environment, args []any) (any, error) { return append([]any{}, args...), nil }

func createObject(_ *environment, args []any) (any, error) {
	o := map[string]any{}
	for i := 0; i < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok || i+1 == len(args) {
			return nil, errors.New("wants names and values in turn")
		}
		o[name] = args[i+1]
	}
	return o, nil
}

func union(_ *environment, args []any) (any, error) {
	all := map[string]any{}
	var list []any
	for _, a := range args {
		switch a := a.(type) {
		case map[string]any:
			maps.Copy(all, a)
		case []any:
			list = append(list, a...)
		default:
			return nil, errors.New("wants lists, or objects")
		}
	}
	switch {
	case list == nil:
		return all, nil
	case len(all) > 0:
		return nil, errors.New("wants lists, or objects")
	}
	return list, nil
}

func numbers(_ *environment, args []any) (any, error) {
	from, ok := integer(args[0])
	n, also := integer(args[1])
	if !ok || !also || n < 0 || n > maxCopies {
		return nil, errors.New("wants a first number and how many")
	}
	list := []any{}
	for i := range n {
		list = append(list, json.Number(strconv.FormatInt(from+i, 10)))
	}
	return list, nil
}

func arithmetic(f func(a, b int64) int64) func(*environment, []any) (any, error) {
	return func(_ *environment, args []any) (any, error) {
		a, ok := integer(args[0])
		b, also := integer(args[1])
		if !ok || !also {
			return nil, errors.New("wants whole numbers")
		}
		return json.Number(strconv.FormatInt(f(a, b), 10)), nil
	}
}
