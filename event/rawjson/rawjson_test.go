package rawjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCheck(t *testing.T) {
	tests := map[string]struct{ in, want string }{ // want: part of the error; empty: fine
		"object":               {`{"a":1,"b":[1,{"a":-2.5e+3}],"c":null}`, ""},
		"scalars":              {` [true,false,null,0,-0,10,1E9,1.0,"\u00e9\/\ud83d\ude00"] `, ""},
		"empty":                {``, "early at byte 0"},
		"space":                {`  `, "early"},
		"cut off":              {`{"a":`, "early"},
		"cut in a word":        {`tru`, "early at byte 3"},
		"cut in a string":      {`"abc`, "early"},
		"cut in an escape":     {`"\`, "early"},
		"comma before }":       {`{"a":1,}`, "comma"},
		"comma before ]":       {`[1,]`, "comma"},
		"no comma":             {`[1 2]`, "unexpected character at byte 3"},
		"wrong close":          {`[1}`, "unexpected"},
		"name not a string":    {`{1:2}`, "double quotes"},
		"no colon":             {`{"a" 1}`, "colon"},
		"single quotes":        {`{'a':1}`, "double quotes"},
		"trailing":             {`{} {}`, "follows"},
		"trailing NUL":         {"1\x00", "follows"},
		"NUL":                  {"\x00", "unexpected"},
		"leading zero":         {`01`, "follows"},
		"plus":                 {`+1`, "unexpected"},
		"bare point":           {`1.`, "early"},
		"bare fraction":        {`.5`, "unexpected"},
		"bare exponent":        {`1e`, "early"},
		"minus":                {`-`, "early"},
		"hexadecimal":          {`0x10`, "follows"},
		"not a number":         {`NaN`, "unexpected"},
		"capital word":         {`True`, "unexpected"},
		"unknown escape":       {`"\x41"`, "unknown escape at byte 1"},
		"short escape":         {`"\u12"`, "four hexadecimal"},
		"half a pair":          {`"\ud83d"`, "surrogate"},
		"half a pair, text":    {`"\ud83dabcdef"`, "surrogate"},
		"two high halves":      {`"\ud83d\ud83d"`, "surrogate"},
		"low half":             {`"\ude00"`, "surrogate"},
		"control character":    {"\"a\nb\"", "control character in a string, which must be escaped, at byte 2"},
		"not UTF-8":            {"\"a\xffb\"", "UTF-8 at byte 2"},
		"overlong":             {"\"\xc0\xa0\"", "UTF-8"},
		"surrogate in UTF-8":   {"\"\xed\xa0\x80\"", "UTF-8"},
		"byte order mark":      {"\ufeff{}", "byte order mark"},
		"comment":              {"{}//", "follows"},
		"form feed":            {"\f1", "unexpected"},
		"non-breaking space":   {"\u00a01", "unexpected"},
		"deep enough":          {strings.Repeat("[", 8) + strings.Repeat("]", 8), ""},
		"too deep":             {strings.Repeat("[", 9) + strings.Repeat("]", 9), "deep"},
		"very deep":            {strings.Repeat(`{"a":`, 1<<20), "deep"},
		"deep, then shallow":   {`[[[[[[[[]]]]]]],[[[[[[[]]]]]]]]`, ""},
		"line separator is ok": {"\"\u2028\"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := Check([]byte(tt.in), 8)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check(%.60q) = %v, want %q", tt.in, err, tt.want)
			}
		})
	}
}

// unquote is what a reader of the string makes of it.
func unquote(quoted []byte) string {
	if inner, ok := Plain(quoted); ok {
		return string(inner)
	}
	return string(AppendUnquoted(nil, quoted))
}

func TestQuotedComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune{'"', '\\', '/', 0, 0x1f, 0x7f, 'é', 0x1f600, 0x2028, 0xfffd}))).Draw(t, "s")
		quoted := AppendQuoted(nil, s)
		if err := Check(quoted, 0); err != nil {
			t.Fatalf("%q is written %q: %v", s, quoted, err)
		}
		if got := unquote(quoted); got != s {
			t.Fatalf("%q is written %q, which reads %q", s, quoted, got)
		}
		ours, _ := json.Marshal(s) // escapes more, and means the same
		if got := unquote(ours); got != s {
			t.Fatalf("%q reads %q, want %q", ours, got, s)
		}
		if b := AppendQuoted(nil, []byte(s)); !bytes.Equal(b, quoted) {
			t.Fatalf("as bytes %q, as string %q", b, quoted)
		}
	})
}

func TestQuotedIsAlwaysJSON(t *testing.T) {
	for in, want := range map[string]string{
		"a\xffb":         `"a` + "\ufffd" + `b"`,
		"\xf0\x9f\x98":   `"` + "\ufffd\ufffd\ufffd" + `"`,
		"\ufffd":         `"` + "\ufffd" + `"`,
		"\x01\n\r\t\"\\": `"\u0001\n\r\t\"\\"`,
	} {
		if got := string(AppendQuoted(nil, in)); got != want {
			t.Errorf("AppendQuoted(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	in := []byte(`{"a":[1,2.5,"x\u00e9",{"b":null}],"c":"` + strings.Repeat("z", 100) + `"}`)
	out := make([]byte, 0, 200)
	if n := testing.AllocsPerRun(100, func() {
		if Check(in, MaxDepth) != nil {
			t.Fatal("refused")
		}
		out = AppendQuoted(out[:0], "grün \"x\" \n")
		out = AppendUnquoted(out[:0], []byte(`"a\u00e9\n"`))
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// Whatever passes is JSON for encoding/json too, and strings mean the same to both.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":null}]}`, `"\ud83d\ude00\n"`, `-0.5e-3`, "\"\xff\"", `[[[[[`, `{"a":1,}`, `"\ud83dx"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := Check(b, MaxDepth)
		if err != nil {
			if e := err.(*Error); e.Offset < 0 || e.Offset > len(b) {
				t.Errorf("%q: offset %d", b, e.Offset)
			}
			return
		}
		if !json.Valid(b) || !utf8.Valid(b) {
			t.Errorf("%q passed and is not JSON in UTF-8", b)
		}
		if s := ""; json.Unmarshal(b, &s) == nil && b[0] == '"' {
			r := NewReader(b)
			raw, err := r.Value(0)
			if err != nil || unquote(raw) != s {
				t.Errorf("%q reads %q, for encoding/json %q", b, raw, s)
			}
		}
	})
}
