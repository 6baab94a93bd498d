package tree

import (
	"maps"
	"slices"
	"strings"
)

// Merge applies a merge patch (RFC 7396): objects merge, null removes, everything
// else replaces. Names are compared exactly; bring both to one spelling before.
func Merge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	old, _ := target.(map[string]any)
	merged := make(map[string]any, len(old)+len(p))
	maps.Copy(merged, old)
	for name, v := range p {
		if v == nil {
			delete(merged, name)
			continue
		}
		merged[name] = Merge(old[name], v)
	}
	return merged
}

// MergeFold is Merge with the names of members compared ignoring case; target's
// spelling stays. TwoSpellings of the patch have to be refused before.
func MergeFold(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	old, _ := target.(map[string]any)
	respelled := make(map[string]any, len(p))
	for name, v := range p {
		before, spelled, there := Member(old, name)
		if there {
			name = spelled
		}
		if _, isObject := v.(map[string]any); isObject {
			v = MergeFold(before, v)
		}
		respelled[name] = v
	}
	merged := make(map[string]any, len(old)+len(p))
	maps.Copy(merged, old)
	for name, v := range respelled {
		if v == nil {
			delete(merged, name)
		} else {
			merged[name] = v
		}
	}
	return merged
}

// Get follows a path of member names separated by dots, ignoring case.
func Get(v any, path string) (any, bool) {
	for name := range strings.SplitSeq(path, ".") {
		o, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, _, ok = Member(o, name); !ok {
			return nil, false
		}
	}
	return v, true
}

// With returns a tree in which path has a value; objects on the way are made.
func With(v any, path string, to any) any {
	name, rest, deeper := strings.Cut(path, ".")
	old, _ := v.(map[string]any)
	o := make(map[string]any, len(old)+1)
	maps.Copy(o, old)
	before, spelled, there := Member(o, name)
	if there {
		name = spelled
	}
	if deeper {
		to = With(before, rest, to)
	}
	o[name] = to
	return o
}

// Without returns a tree in which path does not exist, in any spelling. Objects
// that become empty stay.
func Without(v any, path string) any {
	old, ok := v.(map[string]any)
	if !ok {
		return v
	}
	name, rest, deeper := strings.Cut(path, ".")
	o := maps.Clone(old)
	for spelled, inner := range old {
		switch {
		case !strings.EqualFold(spelled, name):
		case deeper:
			o[spelled] = Without(inner, rest)
		default:
			delete(o, spelled)
		}
	}
	return o
}

// TwoSpellings finds a member that is given twice in different letter case, in
// objects up to depth deep.
func TwoSpellings(v any, depth int) (name string, found bool) {
	switch v := v.(type) {
	case map[string]any:
		seen := make(map[string]bool, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if low := strings.ToLower(name); seen[low] {
				return name, true
			} else {
				seen[low] = true
			}
			if depth > 1 {
				if name, found := TwoSpellings(v[name], depth-1); found {
					return name, true
				}
			}
		}
	case []any:
		for _, one := range v {
			if name, found := TwoSpellings(one, depth); found {
				return name, true
			}
		}
	}
	return "", false
}

// Equal says whether two trees are the same. Numbers are compared as written.
func Equal(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, Equal)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, Equal)
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

// Changed lists the paths of members whose values differ, sorted, at most limit
// of them. Lists are compared whole. Only names are told, never values.
func Changed(a, b any, limit int) []string {
	var paths []string
	changed(a, b, "", &paths, limit)
	slices.Sort(paths)
	return paths
}

func changed(a, b any, path string, paths *[]string, limit int) {
	x, isX := a.(map[string]any)
	y, isY := b.(map[string]any)
	if !isX && !isY || path != "" && (!isX && a != nil || !isY && b != nil) {
		if !Equal(a, b) && len(*paths) < limit {
			*paths = append(*paths, path)
		}
		return
	}
	names := map[string]bool{}
	for name := range x {
		names[name] = true
	}
	for name := range y {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		below := name
		if path != "" {
			below = path + "." + name
		}
		changed(x[name], y[name], below, paths, limit)
	}
}

// Member finds a member ignoring case.
func Member(o map[string]any, name string) (v any, spelled string, ok bool) {
	if v, ok := o[name]; ok {
		return v, name, true
	}
	for spelled, v := range o {
		if strings.EqualFold(spelled, name) {
			return v, spelled, true
		}
	}
	return nil, "", false
}
