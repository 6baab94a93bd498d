package filter

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMatch(t *testing.T) {
	tests := map[string]struct {
		filter string
		yes    string // names that are chosen
		no     string
	}{
		"blank":                 {"  ", "a b", ""},
		"eq":                    {"name eq 'press'", "press PRESS", "press1"},
		"ne":                    {"name ne 'press'", "press1", "press Press"},
		"contains":              {"contains(name,'es')", "press ESSEN", "door"},
		"contains with spaces":  {" contains ( name , 'es' ) ", "press", "door"},
		"official sample":       {"contains(namE,'PATTERN') and name ne 'PATTERN-1'", "pattern-2", "pattern-1 x"},
		"and binds tighter":     {"name eq 'a' or name eq 'b' and name eq 'c'", "a", "b c"},
		"parentheses":           {"(name eq 'a' or name eq 'b') and name ne 'a'", "b", "a c"},
		"not":                   {"not name eq 'a'", "b", "a"},
		"not before and":        {"not contains(name,'a') and name ne 'b'", "c", "ab b"},
		"not with parentheses":  {"NOT (name eq 'a' OR name eq 'b')", "c", "a b"},
		"quote doubled":         {"name eq 'o''clock'", "o'clock", "oclock"},
		"empty text":            {"contains(name,'')", "a b", ""},
		"keyword inside quotes": {"name eq 'a and b'", "", "a b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := Parse(tt.filter)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.filter, err)
			}
			for one := range strings.FieldsSeq(tt.yes) {
				if !f.Match(one) {
					t.Errorf("%q does not choose %q", tt.filter, one)
				}
			}
			for one := range strings.FieldsSeq(tt.no) {
				if f.Match(one) {
					t.Errorf("%q chooses %q", tt.filter, one)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	tests := map[string]struct{ filter, want string }{
		"another property":  {"location eq 'x'", "knows only the name"},
		"another function":  {"startswith(name,'a')", "knows only the name"},
		"another operator":  {"name gt 'a'", "eq or ne"},
		"arithmetic":        {"name eq 'a' add 1", "the end"},
		"double quotes":     {`name eq "a"`, "single quotes"},
		"no closing quote":  {"name eq 'a", "closing quote"},
		"no parenthesis":    {"(name eq 'a'", `")"`},
		"word runs on":      {"name eq 'a' andname eq 'b'", "the end"},
		"not not":           {"not not name eq 'a'", "knows only the name"},
		"contains, swapped": {"contains('a',name)", "name in contains"},
		"too long":          {strings.Repeat(" ", MaxLength+1), "at most"},
		"too deep":          {strings.Repeat("(", 1000) + "name eq 'a'", "terms"},
		"too many":          {"name eq ''" + strings.Repeat("or name eq''", 300), "terms"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(tt.filter); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse(%.60q) says %v, want %q", tt.filter, err, tt.want)
			}
		})
	}
}

// An expression drawn together with its meaning.
type meaning struct {
	text string
	says func(string) bool
}

func expressions(depth int) *rapid.Generator[meaning] {
	return rapid.Custom(func(t *rapid.T) meaning {
		word := rapid.SampledFrom([]string{"", "a", "b", "ab", "'"}).Draw(t, "word")
		quoted := "'" + strings.ReplaceAll(word, "'", "''") + "'"
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if depth == 0 {
			kind %= 3
		}
		switch kind {
		case 0:
			return meaning{"name eq " + quoted, func(s string) bool { return s == word }}
		case 1:
			return meaning{"name ne " + quoted, func(s string) bool { return s != word }}
		case 2:
			return meaning{"contains(name," + quoted + ")", func(s string) bool { return strings.Contains(s, word) }}
		case 3:
			x := expressions(depth-1).Draw(t, "x")
			return meaning{"not (" + x.text + ")", func(s string) bool { return !x.says(s) }}
		}
		x, y := expressions(depth-1).Draw(t, "x"), expressions(depth-1).Draw(t, "y")
		if kind == 4 {
			return meaning{fmt.Sprintf("(%s) and (%s)", x.text, y.text), func(s string) bool { return x.says(s) && y.says(s) }}
		}
		return meaning{fmt.Sprintf("(%s) or (%s)", x.text, y.text), func(s string) bool { return x.says(s) || y.says(s) }}
	})
}

func TestMatchAgreesWithMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := expressions(3).Draw(t, "expression")
		f, err := Parse(m.text)
		if err != nil {
			t.Fatalf("Parse(%q): %v", m.text, err)
		}
		for _, name := range []string{"a", "b", "ab", "ba", "'", "c"} {
			if f.Match(name) != m.says(name) {
				t.Fatalf("%q about %q: %v", m.text, name, f.Match(name))
			}
		}
	})
}

// Refusing text is fine; panicking, or a filter that cares about letter case, is not.
func FuzzParse(f *testing.F) {
	f.Add("contains(name,'a') and not (name ne 'b''c' or name eq '')")
	f.Add("((((((name eq 'x'")
	f.Fuzz(func(t *testing.T, text string) {
		ff, err := Parse(text)
		if err != nil {
			return
		}
		if ff.Match("Press-1") != ff.Match("pRESS-1") {
			t.Errorf("%q cares about letter case", text)
		}
	})
}
