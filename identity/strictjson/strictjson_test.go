package strictjson

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		rules Rules
		in    string
		want  string // part of the error; empty: fine
	}{
		"object":                {in: `{"a":1,"b":[1,{"a":2}],"c":null}`},
		"scalar":                {in: `"x"`},
		"same name, two levels": {in: `{"a":{"a":1}}`},
		"duplicate":             {in: `{"a":1,"a":2}`, want: "twice"},
		"duplicate by escape":   {in: `{"a":1,"\u0061":2}`, want: "twice"},
		"duplicate deep":        {in: `[{"x":[{"a":1,"a":2}]}]`, want: "twice"},
		"case differs":          {in: `{"a":1,"A":2}`},
		"case differs, folded":  {rules: Rules{FoldNames: true}, in: `{"a":1,"A":2}`, want: "twice"},
		"too deep":              {rules: Rules{Depth: 2}, in: `[[[1]]]`, want: "deep"},
		"deep enough":           {rules: Rules{Depth: 3}, in: `[[[1]]]`},
		"very deep":             {in: strings.Repeat("[", 100000), want: "deep"},
		"trailing":              {in: `{} {}`, want: "follows"},
		"trailing bracket":      {in: `{}]`, want: "follows"},
		"cut off":               {in: `{"a":`, want: "early"},
		"empty":                 {in: ``, want: "early"},
		"not UTF-8":             {in: "\"\xff\"", want: "UTF-8"},
		"no name":               {in: `{1:2}`, want: "invalid"},
		"comma":                 {in: `{"a":1,}`, want: "invalid"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.rules.Check([]byte(test.in))
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("Check(%.60s) = %v, want %q", test.in, err, test.want)
			}
		})
	}
}

func TestObject(t *testing.T) {
	for _, in := range []string{"null", "[]", "1", `"x"`} {
		if m, err := (Rules{}).Object([]byte(in)); err == nil {
			t.Errorf("Object(%s) = %v, want an error", in, m)
		}
	}
	m, err := Rules{}.Object([]byte(`{"a":{"b":1}}`))
	if err != nil || string(m["a"]) != `{"b":1}` {
		t.Errorf("Object = %v, %v", m, err)
	}
}

func TestUnknown(t *testing.T) {
	known := []string{"issuers", "issuers.name", "limit"}
	for in, want := range map[string]string{
		`{"issuers":[{"name":"a"},{"Name":"b"}],"limit":3}`: "",
		`{"limits":3}`: "limits",
		`{"issuers":[{"name":"a"},{"nmae":"b"}]}`: "issuers.nmae",
		`{"issuers":{"limit":1}}`:                 "issuers.limit",
		`null`:                                    "",
	} {
		if got := Unknown([]byte(in), known...); got != want {
			t.Errorf("Unknown(%s) = %q, want %q", in, got, want)
		}
	}
}

// Whatever passes must also be JSON for encoding/json.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"a":[1,2,{"b":null}]}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := (Rules{}).Check(b); err == nil && !json.Valid(b) {
			t.Errorf("%q passed and is not JSON", b)
		}
	})
}
