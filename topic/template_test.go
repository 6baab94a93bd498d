package topic

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// given makes the function that Expand asks for values.
func given(values map[Variable]Alternatives) func(Variable) Alternatives {
	return func(v Variable) Alternatives { return values[v] }
}

// press is the client of most tables.
var press = map[Variable]Alternatives{
	AuthenticationName: "press-07", "hall": "4", "probes": OneOf("thermal", "acoustic"), "sites": OneOf("n", "s"),
}

func TestTemplatesExpand(t *testing.T) {
	tests := map[string]struct {
		template string
		want     []string
	}{
		"no variable":                   {"alerts/+/hall/#", []string{"alerts/+/hall/#"}},
		"everything":                    {"#", []string{"#"}},
		"a whole level":                 {"m/${client.authenticationName}/t", []string{"m/press-07/t"}},
		"an attribute":                  {"halls/${client.attributes.hall}/#", []string{"halls/4/#"}},
		"synonyms":                      {"${principal.name}/${principal.attributes.hall}", []string{"press-07/4"}},
		"a pipe":                        {"m/${client.authenticationName|.factory1}/temp", []string{"m/press-07.factory1/temp"}},
		"text before a pipe":            {"m/${no-|client.attributes.hall|!}", []string{"m/no-4!"}},
		"two variables in braces":       {"${client.attributes.hall|client.authenticationName}", []string{"4press-07"}},
		"concatenation around braces":   {"a/press-${client.attributes.hall}x/b", []string{"a/press-4x/b"}},
		"one alternative each":          {"p/${client.attributes.probes}", []string{"p/thermal", "p/acoustic"}},
		"a list used twice":             {"${client.attributes.probes}/${client.attributes.probes}", []string{"thermal/thermal", "acoustic/acoustic"}},
		"two lists multiply":            {"${client.attributes.sites}/${client.attributes.probes}", []string{"n/thermal", "n/acoustic", "s/thermal", "s/acoustic"}},
		"a missing attribute":           {"a/${client.attributes.none}", nil},
		"a missing one beside another":  {"${client.authenticationName}/${client.attributes.none}/#", nil},
		"empty levels":                  {"/a//${client.authenticationName}/", []string{"/a//press-07/"}},
		"a dollar that is no variable":  {"a/$b/c$/$", []string{"a/$b/c$/$"}},
		"a dollar before braces":        {"a$${client.attributes.hall}", []string{"a$4"}},
		"a brace that is no variable":   {"{a}/b}/{client.authenticationName}", []string{"{a}/b}/{client.authenticationName}"}},
		"text with a dollar, not first": {"a${$|client.attributes.hall}", []string{"a$4"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tmpl, err := ParseTemplate(tt.template)
			if err != nil {
				t.Fatalf("ParseTemplate(%q): %v", tt.template, err)
			}
			got, err := tmpl.Expand(given(press))
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%q expands to %q, %v; want %q", tt.template, got, err, tt.want)
			}
			if n := tmpl.Combinations(given(press)); n != len(tt.want) {
				t.Errorf("Combinations() = %d, want %d", n, len(tt.want))
			}
			if tmpl.String() != tt.template || tmpl.Levels() != Levels(tmpl.Shape()) {
				t.Errorf("String() = %q, Levels() = %d, Shape() = %q", tmpl, tmpl.Levels(), tmpl.Shape())
			}
		})
	}
}

func TestTemplateErrorsNameThePosition(t *testing.T) {
	tests := map[string]struct {
		template string
		column   int
		says     string
	}{
		"empty":                          {"", 1, "empty"},
		"too long":                       {strings.Repeat("x", MaxTemplate+1), 1, "longer"},
		"too many levels":                {strings.Repeat("/", MaxTemplateLevels), MaxTemplateLevels + 1, "levels"},
		"not UTF-8":                      {"ab\xff", 3, "UTF-8"},
		"NUL":                            {"a\x00", 2, "U+0000"},
		"a dollar topic":                 {"$aws/#", 1, "begin with '$'"},
		"nearly a system topic":          {"$SYSTEM/#", 1, "begin with '$'"},
		"a variable in the first level":  {"$SYS${client.authenticationName}/#", 1, "begin with '$'"},
		"a shared filter":                {"$share/g/a", 1, "begin with '$'"},
		"a system topic in braces":       {"${$SYS|client.authenticationName}", 3, "begin with '$'"},
		"plus beside text":               {"é/b+/c", 4, "'+'"},
		"plus before text":               {"+b", 1, "'+'"},
		"hash beside text":               {"a/b#", 4, "'#'"},
		"hash not last":                  {"a/#/b", 3, "'#'"},
		"plus before a variable":         {"+${client.authenticationName}", 1, "'+'"},
		"plus after a variable":          {"${client.authenticationName}+", 29, "'+'"},
		"hash before a variable":         {"a/#${client.authenticationName}", 3, "'#'"},
		"hash after a variable":          {"a/${client.authenticationName}#", 31, "'#'"},
		"plus in braces":                 {"${client.authenticationName|+}", 29, "'+'"},
		"hash in braces":                 {"${client.authenticationName|a#}", 30, "'#'"},
		"slash in braces":                {"${client.authenticationName|a/b}", 30, "'/'"},
		"open brace":                     {"a/${client.authenticationName/b", 3, "not closed"},
		"nested braces":                  {"${a|${client.authenticationName}}", 6, "nested"},
		"a brace missing before":         {"x${client.authenticationName|a/${client.attributes.b}", 31, "part of one level"},
		"no variable":                    {"a/${text}", 5, "no variable"},
		"nothing in braces":              {"a/${}", 5, "missing"},
		"nothing after a pipe":           {"a/${client.authenticationName|}", 31, "missing"},
		"misspelled name":                {"a/${client.authname}", 5, "no such variable"},
		"wrong case":                     {"a/${Client.AuthenticationName}", 5, "no such variable"},
		"a space":                        {"a/${client.authenticationName |x}", 5, "no such variable"},
		"misspelled after a pipe":        {"a/${x|principal.id}", 7, "no such variable"},
		"no key":                         {"${client.attributes.}", 21, "key"},
		"a key with a hyphen":            {"${client.attributes.a-b}", 22, "key"},
		"too many uses":                  {strings.Repeat("${client.attributes.a}", 17), 16*22 + 3, "uses"},
		"too many variables":             {manyVariables(MaxTemplateVariables + 1), 8*23 + 3, "different"},
		"the first of several is named":  {"a+/${}", 2, "'+'"},
		"wildcard in a later level of 3": {"a/b/c#", 6, "'#'"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseTemplate(tt.template)
			e, ok := errors.AsType[*TemplateError](err)
			if !ok || e.Column != tt.column || !strings.Contains(e.Reason, tt.says) {
				t.Errorf("ParseTemplate(%.40q) = %v, want column %d and %q", tt.template, err, tt.column, tt.says)
			}
		})
	}
}

// manyVariables uses n different attributes.
func manyVariables(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("${client.attributes." + string(rune('a'+i)) + "}/")
	}
	return b.String()
}

func TestValuesDoNotWiden(t *testing.T) {
	for _, bad := range []string{"", "#", "+", "/", "a/b", "a+", "#a", "a\x00", "\x00", "\xff", strings.Repeat("x", MaxLength+1), "a/#", "+/+"} {
		if CheckValue(bad) == nil || OneOf(bad) != "" || OneOf(bad, "ok", bad) != "ok" {
			t.Errorf("OneOf(%.20q) = %q, with another value %q", bad, OneOf(bad), OneOf(bad, "ok", bad))
		}
	}
	for _, good := range []string{"a", " ", "$", "$SYS", "ü", "a.b", "{", "${client.authenticationName}", "|"} {
		if CheckValue(good) != nil || string(OneOf(good)) != good {
			t.Errorf("OneOf(%q) = %q, want the value", good, OneOf(good))
		}
	}
	if a := OneOf("x", "y", "x"); a.Len() != 2 || a != "x/y" {
		t.Errorf("OneOf(x, y, x) = %q of %d, want each once", a, a.Len())
	}
}

// A value is text: what looks like a variable in it is not one.
func TestValuesAreNotSubstitutedAgain(t *testing.T) {
	tmpl, _ := ParseTemplate("a/${client.authenticationName}")
	got, _ := tmpl.Expand(given(map[Variable]Alternatives{AuthenticationName: OneOf("${client.attributes.hall}"), "hall": "4"}))
	if !slices.Equal(got, []string{"a/${client.attributes.hall}"}) {
		t.Errorf("expands to %q", got)
	}
}

func TestASubstitutedDollarMatchesNothing(t *testing.T) {
	for _, template := range []string{"${client.authenticationName}/uptime", "${client.attributes.d|SYS}/uptime", "${client.authenticationName}/#"} {
		tmpl, err := ParseTemplate(template)
		if err != nil {
			t.Fatal(err)
		}
		values := map[Variable]Alternatives{AuthenticationName: "$SYS", "d": "$"}
		filters, _ := tmpl.Expand(given(values))
		vars := tmpl.Variables()
		set := NewTemplateSet([]*Template{tmpl}, vars)
		got := []Alternatives{values[vars[0]]}
		if len(filters) != 0 || set.Match("$SYS/uptime", got) >= 0 || set.Cover("$SYS/uptime", got) >= 0 || set.Cover("$SYS/#", got) >= 0 {
			t.Errorf("%q with a '$' expands to %q, or matches $SYS/uptime", template, filters)
		}
	}
}

// System topics are given by templates that begin with $SYS, and by no others.
func TestSystemTemplates(t *testing.T) {
	texts := []string{"#", "+/#", "$SYS/broker/${client.authenticationName}/#", "$SYS/broker/+/messages"}
	var list []*Template
	for _, text := range texts {
		tmpl, err := ParseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, tmpl)
	}
	set, values := NewTemplateSet(list, []Variable{AuthenticationName}), []Alternatives{OneOf("clients")}
	for asked, want := range map[string]int{"$SYS/broker/clients/total": 2, "$SYS/broker/clients": 2, "$SYS/broker/load/messages": 3,
		"$SYS/broker/load/bytes": -1, "$SYS/broker": -1, "$SYS": -1, "$SYS/broker/#": -1, "$sys/broker/clients/x": -1, "$SYSX/a": -1, "x/a": 0} {
		if got := set.Cover(asked, values); got != want {
			t.Errorf("Cover(%q) = %d, want %d", asked, got, want)
		}
		if got := set.Match(asked, values); !strings.Contains(asked, "#") && got != want {
			t.Errorf("Match(%q) = %d, want %d", asked, got, want)
		}
	}
	if got := set.Cover("$SYS/broker/+/messages", values); got != 3 {
		t.Errorf("a filter with a wildcard: %d, want 3", got)
	}
	if filters, _ := list[2].Expand(given(map[Variable]Alternatives{AuthenticationName: "n"})); !slices.Equal(filters, []string{"$SYS/broker/n/#"}) {
		t.Errorf("expands to %q", filters)
	}
}

func TestACombinationBombGrantsNothing(t *testing.T) {
	var list []string
	for i := range 33 {
		list = append(list, strings.Repeat("x", i+1))
	}
	values := map[Variable]Alternatives{"a": OneOf(list...), "b": OneOf(list[:31]...), "c": OneOf(list...)}
	tests := map[string]struct {
		template string
		count    int
		err      error
	}{
		"within":    {"${client.attributes.a}/${client.attributes.b}", 33 * 31, nil},
		"above":     {"${client.attributes.a}/${client.attributes.c}", MaxCombinations + 1, ErrCombinations},
		"far above": {"${client.attributes.a|client.attributes.b|client.attributes.c}", MaxCombinations + 1, ErrCombinations},
		"by zero":   {"${client.attributes.a|client.attributes.b|client.attributes.none|client.attributes.c}", 0, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tmpl, err := ParseTemplate(tt.template)
			if err != nil {
				t.Fatal(err)
			}
			filters, err := tmpl.Expand(given(values))
			if n := tmpl.Combinations(given(values)); n != tt.count || !errors.Is(err, tt.err) {
				t.Errorf("Combinations() = %d, Expand: %v; want %d, %v", n, err, tt.count, tt.err)
			}
			if tt.err != nil && filters != nil {
				t.Errorf("%d filters and an error", len(filters))
			}
		})
	}
}

// The most work that the bounds allow for one template: lists that cut a level in
// every way, and no match.
func TestTheWorstTemplateIsQuick(t *testing.T) {
	values, vars := make([]Alternatives, 8), make([]Variable, 8)
	var b strings.Builder
	for i := range 8 {
		vars[i] = Variable(rune('a' + i))
		values[i] = OneOf("x", "xx") // 2^8
		if i < 2 {
			values[i] = OneOf("x", "xx", "xxx", "xxxx") // 2^10 in all
		}
		b.WriteString("${client.attributes." + string(vars[i]) + "}")
	}
	tmpl, err := ParseTemplate(b.String() + "/end")
	if err != nil {
		t.Fatal(err)
	}
	set := NewTemplateSet([]*Template{tmpl}, vars)
	start := time.Now()
	if set.Match(strings.Repeat("x", 14)+"/miss", values) >= 0 {
		t.Error("matches")
	}
	if took := time.Since(start); took > time.Second { // some 50 us
		t.Errorf("took %v", took)
	}
}
