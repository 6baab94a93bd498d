package identity

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestCheckNames(t *testing.T) {
	tests := map[string]struct{ client, other bool }{
		"":                       {},
		"a":                      {client: true},
		"abc":                    {true, true},
		"A-b9":                   {true, true},
		"a_b":                    {client: true},
		"a:b.c":                  {client: true},
		"a b c":                  {},
		"a/b":                    {},
		"é23":                    {},
		"$all":                   {},
		"abc\n":                  {},
		strings.Repeat("x", 50):  {true, true},
		strings.Repeat("x", 51):  {client: true},
		strings.Repeat("x", 128): {client: true},
		strings.Repeat("x", 129): {},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			if got := CheckClientName(name) == nil; got != want.client {
				t.Errorf("CheckClientName(%q) = %v", name, CheckClientName(name))
			}
			if got := CheckName(name) == nil; got != want.other {
				t.Errorf("CheckName(%q) = %v", name, CheckName(name))
			}
		})
	}
}

func TestFold(t *testing.T) {
	tests := map[string]struct {
		a, b string
		same bool
	}{
		"letters":            {"Press-07", "pRESS-07", true},
		"accents":            {"É", "é", true},
		"three sigmas":       {"Σςσ", "σσσ", true},
		"kelvin":             {"\u212A1", "k1", true},
		"long s":             {"\u017F", "S", true},
		"cyrillic a":         {"\u0430dmin", "admin", false},
		"fullwidth":          {"\uFF41", "a", false},
		"sharp s":            {"straße", "strasse", false}, // simple folding maps one to one
		"composed":           {"\u00E9", "e\u0301", false},
		"zero width":         {"a\u200Bb", "ab", false},
		"dotless i":          {"\u0131", "i", false},
		"not UTF-8":          {"A\xFF", "a\xFF", false},
		"not UTF-8, another": {"a\xFF", "a\xFE", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Fold(test.a) == Fold(test.b); got != test.same {
				t.Errorf("Fold(%q) = %q, Fold(%q) = %q", test.a, Fold(test.a), test.b, Fold(test.b))
			}
		})
	}
}

func TestFoldAgreesWithEqualFold(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ { // each character, and its neighbour in the orbit
		if s := unicode.SimpleFold(r); foldRune(r) != foldRune(s) || foldRune(foldRune(r)) != foldRune(r) {
			t.Fatalf("foldRune(%U) = %U, foldRune(%U) = %U", r, foldRune(r), s, foldRune(s))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.StringOfN(rapid.SampledFrom([]rune("aAkK\u212AsSſσςΣéÉiıİ")), 0, 3, -1)
		a, b := names.Draw(t, "a"), names.Draw(t, "b")
		if got, want := Fold(a) == Fold(b), strings.EqualFold(a, b); got != want {
			t.Fatalf("Fold says %v for %q and %q, EqualFold %v", got, a, b, want)
		}
	})
}
