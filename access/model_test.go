package access

import (
	"fmt"
	"regexp"
	"strings"

	"gridmq/identity"
	"gridmq/topic"
)

// The model reads spec/access-control.md, section 3, literally and knows nothing of
// the code: it writes the values into the text of a template, one text for each
// choice of elements, and compares topics one by one.
type model struct {
	spaces   map[string][]string // templates by topic space
	bindings [][4]string         // group, space, permission, name
}

var modelVariable = regexp.MustCompile(`\$\{([^}]*)\}`)

// modelFilters substitutes. Nil: the template grants nothing.
func modelFilters(template string, who *identity.Principal) (filters []string) {
	texts := []string{template}
	for _, name := range []string{"client.authenticationName", "client.attributes.k", "client.attributes.l", "principal.name", "principal.attributes.k"} {
		if !strings.Contains(template, name) {
			continue
		}
		var values []string
		switch {
		case strings.HasSuffix(name, "ame"):
			values = []string{who.Name}
		default:
			v := who.Attributes[name[len(name)-1:]]
			if s, ok := v.Text(); ok {
				values = append(values, s)
			}
			if n, ok := v.Integer(); ok {
				values = append(values, fmt.Sprint(n))
			}
			list, _ := v.List()
			values = append(values, list...)
		}
		var next []string
		for _, text := range texts {
			for _, v := range values {
				if v == "" || strings.ContainsAny(v, "/+#\x00") {
					continue
				}
				next = append(next, modelVariable.ReplaceAllStringFunc(text, func(braces string) string {
					pieces := strings.Split(braces[2:len(braces)-1], "|")
					for i, piece := range pieces {
						if piece == name {
							pieces[i] = "\x01" + v + "\x01" // done
						}
					}
					return "${" + strings.Join(pieces, "|") + "}"
				}))
			}
		}
		texts = next
	}
	for _, text := range texts {
		text = modelVariable.ReplaceAllStringFunc(text, func(braces string) string { return strings.ReplaceAll(braces[2:len(braces)-1], "|", "") })
		if text = strings.ReplaceAll(text, "\x01", ""); text[0] != '$' || topic.IsSystem(template) {
			filters = append(filters, text)
		}
	}
	return filters
}

// modelMatch is MQTT 5.0, section 4.7, level by level.
func modelMatch(filter, name string) bool {
	f, n := strings.Split(filter, "/"), strings.Split(name, "/")
	if name[0] == '$' && (f[0] == "+" || f[0] == "#") {
		return false
	}
	for i, level := range f {
		if level == "#" {
			return len(n) >= i
		}
		if i >= len(n) || level != "+" && level != n[i] {
			return false
		}
	}
	return len(f) == len(n)
}

// modelNames are names that a filter matches, so many that they tell the filter from
// any that is wider or narrower: every wildcard stands for each text that is in
// either of the two filters, for nothing, and for one that is in neither.
func modelNames(filter, other string) (all []string) {
	texts := []string{"", "z"}
	for _, level := range strings.Split(filter+"/"+other, "/") {
		if level != "+" && level != "#" {
			texts = append(texts, level)
		}
	}
	all = []string{"*"} // marks where the next level goes
	for i, level := range strings.Split(filter, "/") {
		var next []string
		for _, name := range all {
			with := func(level string) string { return strings.Replace(name, "*", level+"/*", 1) }
			switch level {
			case "+":
				for _, text := range texts {
					next = append(next, with(text))
				}
			case "#":
				if i > 0 {
					next = append(next, name)
				}
				for _, text := range texts {
					next = append(next, with(text), strings.Replace(with(text), "*", "z/*", 1), strings.Replace(with(text), "*", text+"/*", 1))
				}
			default:
				next = append(next, with(level))
			}
		}
		all = next
	}
	for i := range all {
		all[i] = strings.TrimSuffix(all[i], "/*")
	}
	return all
}

// filters are all that a client has with a permission.
func (m *model) filters(who *identity.Principal, groups []string, permission string) (all []string) {
	for _, b := range m.bindings {
		in := b[0] == "$all"
		for _, g := range groups {
			in = in || g == b[0]
		}
		if !in || b[2] != permission {
			continue
		}
		for _, template := range m.spaces[b[1]] {
			all = append(all, modelFilters(template, who)...)
		}
	}
	return all
}

func modelAllowed(filters []string, op Operation, asked string) bool {
	if op == Publish && topic.IsSystem(asked) {
		return false // the broker's own
	}
	for _, f := range filters {
		if op == Publish && modelMatch(f, asked) || op == Subscribe && modelCovers(f, asked) {
			return true
		}
	}
	return false
}

// modelCovers: all topics matched by the filter must be matched by the template.
func modelCovers(template, filter string) bool {
	if filter[0] == '$' && !(topic.IsSystem(filter) && topic.IsSystem(template)) {
		return false // system topics are in no other template
	}
	for _, n := range modelNames(filter, template) {
		if n != "" && modelMatch(filter, n) && !modelMatch(template, n) {
			return false
		}
	}
	return true
}
