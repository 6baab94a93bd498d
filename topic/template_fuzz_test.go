package topic

import (
	"errors"
	"strings"
	"testing"
)

// Whatever a template says and whatever a value holds: the filters are valid, have
// the levels and wildcards of the template, and leave system topics alone.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"a/${client.authenticationName|.x}/+/#", "${principal.attributes.k}", "press-${client.attributes.no}", "#", "a$${client.attributes.k}",
		"${client.authenticationName|client.attributes.k|client.attributes.k}/b", "${", "${}", "a/${x|}", "$SYS/#", "+${client.authenticationName}", "\xff", "é${|}",
	} {
		f.Add(s, "n", "v")
		f.Add(s, "#", "a/b")
		f.Add(s, "$", "+")
	}
	f.Fuzz(func(t *testing.T, s, name, value string) {
		tmpl, err := ParseTemplate(s)
		if err != nil {
			if e, ok := errors.AsType[*TemplateError](err); !ok || e.Column < 1 || e.Column > len(s)+1 || e.Reason == "" {
				t.Fatalf("ParseTemplate(%q) = %#v", s, err)
			}
			return
		}
		shape := tmpl.Shape()
		if ValidFilter(shape) != nil || shape[0] == '$' && !IsSystem(s) || tmpl.Levels() != Levels(shape) || len(tmpl.Variables()) > MaxTemplateVariables {
			t.Fatalf("%q has the shape %q, %d levels, variables %q", s, shape, tmpl.Levels(), tmpl.Variables())
		}
		values := func(v Variable) Alternatives {
			if v == AuthenticationName {
				return OneOf(name)
			}
			return OneOf(value, name+"2")
		}
		filters, err := tmpl.Expand(values)
		if err != nil && tmpl.Combinations(values) <= MaxCombinations {
			t.Fatalf("Expand(%q): %v", s, err)
		}
		for _, filter := range filters {
			if ValidFilter(filter) != nil || filter[0] == '$' && !IsSystem(s) || !Covers(shape, filter) {
				t.Fatalf("%q with %q and %q expands to %q", s, name, value, filter)
			}
		}
		harmless, _ := tmpl.Expand(func(Variable) Alternatives { return "x" })
		if len(harmless) != 1 || ValidFilter(harmless[0]) != nil || strings.Count(harmless[0], "+") != strings.Count(tmpl.Canonical(), "+") {
			t.Fatalf("%q with x expands to %q", s, harmless)
		}
	})
}

// What a set says is what its expanded filters say, and a covered filter matches no
// name that the set does not.
func FuzzCover(f *testing.F) {
	f.Add("a/${client.authenticationName}/#", "n", "k", "a/n/+", "a/n/b")
	f.Add("${client.attributes.k}/+", "n", "$SYS", "$SYS/#", "$SYS/x")
	f.Add("+/#", "n", "k", "#", "/")
	f.Add("${client.attributes.k|client.attributes.k|x}", "k", "kk", "kkx", "kkkkx")
	f.Fuzz(func(t *testing.T, s, authenticationName, value, filter, name string) {
		tmpl, err := ParseTemplate(s)
		if err != nil || ValidFilter(filter) != nil || ValidName(name) != nil {
			return
		}
		values := func(v Variable) Alternatives {
			if v == AuthenticationName {
				return OneOf(authenticationName)
			}
			return OneOf(value, authenticationName)
		}
		filters, err := tmpl.Expand(values)
		if err != nil {
			return
		}
		var inOrder []Alternatives
		for _, v := range tmpl.Variables() {
			inOrder = append(inOrder, values(v))
		}
		set := NewTemplateSet([]*Template{tmpl}, tmpl.Variables())
		matches, covers := false, false
		for _, f := range filters {
			matches, covers = matches || slowMatch(f, name), covers || Covers(f, filter)
		}
		if got := set.Match(name, inOrder) >= 0; got != matches {
			t.Errorf("%q matches %q: %v, its filters %q say %v", s, name, got, filters, matches)
		}
		if got := set.Cover(filter, inOrder) >= 0; got != covers {
			t.Errorf("%q covers %q: %v, its filters %q say %v", s, filter, got, filters, covers)
		}
		if covers && slowMatch(filter, name) && !matches {
			t.Errorf("%q covers %q, which matches %q; its filters %q do not", s, filter, name, filters)
		}
	})
}
