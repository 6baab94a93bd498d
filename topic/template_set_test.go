package topic

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pieces of templates, values and levels that meet often.
var (
	templateLevels = []string{
		"a", "b", "", "a", "+", "+", "#", "$b", "ab",
		"${client.authenticationName}", "${client.attributes.k}", "${client.attributes.l}", "${principal.name}",
		"a${client.attributes.k}", "${client.attributes.k|b}", "${client.attributes.k|client.attributes.l}",
		"${client.authenticationName|client.attributes.k|client.attributes.k}",
	}
	someTemplates = rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(templateLevels), 1, 4).Draw(t, "levels"), "/")
	}).Filter(func(s string) bool { _, err := ParseTemplate(s); return err == nil })
	someValues = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "aa", "$b", "$", "", "#", "+", "a/b", "b\x00"}), 0, 3)
	testVars   = []Variable{AuthenticationName, "k", "l"}
)

// drawSet draws templates and values, as a set and as expanded filters.
func drawSet(t *rapid.T) (set *TemplateSet, values []Alternatives, filters [][]string) {
	texts := rapid.SliceOfN(someTemplates, 1, 12).Draw(t, "templates")
	byVariable := map[Variable]Alternatives{}
	for _, v := range testVars {
		one := OneOf(someValues.Draw(t, "values of "+v.String())...)
		byVariable[v] = one
		values = append(values, one)
	}
	var templates []*Template
	for _, text := range texts {
		tmpl, err := ParseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		all, err := tmpl.Expand(given(byVariable))
		if err != nil {
			t.Fatal(err)
		}
		templates, filters = append(templates, tmpl), append(filters, all)
	}
	return NewTemplateSet(templates, testVars), values, filters
}

var (
	grantedNames   = levelsOf("", "a", "b", "ab", "aa", "ba", "$b", "aab", "z").Filter(func(s string) bool { return s != "" })
	grantedFilters = levelsOf("", "a", "b", "ab", "aa", "$b", "+", "+", "#", "aab").Filter(func(s string) bool { return ValidFilter(s) == nil })
)

// A set finds what trying each expanded filter finds, for names and for filters.
func TestTemplateSetAgreesWithExpanding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, values, filters := drawSet(t)
		try := func(fits func(f string) bool) (ids []int) {
			for i, all := range filters {
				if slices.ContainsFunc(all, fits) {
					ids = append(ids, i)
				}
			}
			return ids
		}
		check := func(what string, got int, want []int) {
			if got < 0 && len(want) > 0 || got >= 0 && !slices.Contains(want, got) {
				t.Fatalf("%s finds template %d, expanded filters say %v: %q", what, got, want, filters)
			}
		}
		for range 10 {
			name := grantedNames.Draw(t, "name")
			check("Match("+name+")", set.Match(name, values), try(func(f string) bool { return slowMatch(f, name) }))
			filter := grantedFilters.Draw(t, "filter")
			check("Cover("+filter+")", set.Cover(filter, values), try(func(f string) bool { return Covers(f, filter) }))
		}
	})
}

// By the book: a template covers a filter if it matches all names that the filter
// does. Names of one level more than any template, from an alphabet with a level
// that nothing else uses, tell any two of these filters apart.
func TestCoverAgreesWithEnumeratingNames(t *testing.T) {
	names := validOnly(everyString(4, "", "a", "b", "$b", "z"), ValidName)
	filters := validOnly(everyString(3, "", "a", "b", "$b", "+", "#"), ValidFilter)
	covered := 0
	for _, text := range []string{
		"#", "+", "+/#", "a/#", "a/+", "a/+/#", "+/+", "/#", "/+/#", "a", "a/b", "+/b", "a/b/#", "+/+/#",
		"${client.authenticationName}", "${client.authenticationName}/#", "${client.authenticationName}/+",
		"a/${client.attributes.k}", "+/${client.attributes.k}/#", "${client.attributes.k}/+/${client.attributes.k}",
	} {
		tmpl, err := ParseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		byVariable := map[Variable]Alternatives{AuthenticationName: "a", "k": OneOf("a", "b", "$b")}
		alternatives, _ := tmpl.Expand(given(byVariable))
		set := NewTemplateSet([]*Template{tmpl}, testVars)
		values := []Alternatives{byVariable[AuthenticationName], byVariable["k"], ""}
		for _, f := range filters {
			want := slices.ContainsFunc(alternatives, func(wide string) bool {
				return !slices.ContainsFunc(names, func(n string) bool { return slowMatch(f, n) && !slowMatch(wide, n) })
			})
			// Whatever is matched by nothing would be covered by anything.
			want = want && slices.ContainsFunc(names, func(n string) bool { return slowMatch(f, n) })
			if got := set.Cover(f, values) >= 0; got != want {
				t.Errorf("%q (%q) covers %q: %v, want %v", text, alternatives, f, got, want)
			}
			if want {
				covered++
			}
		}
	}
	if covered < 100 {
		t.Errorf("%d pairs are covered; the test is idle", covered)
	}
}

func TestTemplateSetDoesNotAllocate(t *testing.T) {
	tmpl, _ := ParseTemplate("a/${client.authenticationName}/${client.attributes.k}/+/#")
	set := NewTemplateSet([]*Template{tmpl}, testVars)
	values := []Alternatives{"n", OneOf("x", "y", "z"), ""}
	if n := testing.AllocsPerRun(100, func() { set.Match("a/n/z/q/r", values); set.Cover("a/n/y/+/#", values) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if set.Match("a/n/z/q/r", values) != 0 || set.Cover("a/n/y/+/#", values) != 0 || set.Cover("a/n/+/+/#", values) != -1 {
		t.Error("the walk is idle")
	}
}
