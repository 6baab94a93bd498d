package identity

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseAttributes(t *testing.T) {
	big := `{"a":"` + strings.Repeat("x", MaxAttributes-len(`{"a":""}`)-1) + `"}`
	tests := map[string]struct {
		doc, registry, token string // compact JSON, or part of the error after '!'
	}{
		"none":                {``, `{}`, `{}`},
		"null":                {`null`, `{}`, `{}`},
		"the four types":      {`{"hall": 4, "kind":"press", "probes":["a","b"], "spare": true}`, `{"hall":4,"kind":"press","probes":["a","b"],"spare":true}`, `{"hall":4,"kind":"press","probes":["a","b"]}`},
		"null is not given":   {`{"a":null,"b":1}`, `{"b":1}`, `{"b":1}`},
		"float":               {`{"a":0.5}`, "!attributes.a: want a string, an integer", `{}`},
		"integral float":      {`{"a":4.0}`, "!attributes.a", `{}`},
		"exponent":            {`{"a":1e2}`, "!attributes.a", `{}`},
		"64 bits":             {`{"a":9007199254740993}`, `{"a":9007199254740993}`, `{}`},
		"65 bits":             {`{"a":9223372036854775808}`, "!64 bits", `{}`},
		"32 bits":             {`{"a":2147483647,"b":-2147483648,"c":2147483648}`, `{"a":2147483647,"b":-2147483648,"c":2147483648}`, `{"a":2147483647,"b":-2147483648}`},
		"object":              {`{"a":{"b":1}}`, "!attributes.a", `{}`},
		"mixed list":          {`{"a":["x",1]}`, "!attributes.a", `{}`},
		"null in a list":      {`{"a":["x",null]}`, "!attributes.a", `{}`},
		"empty list":          {`{"a":[]}`, `{"a":[]}`, `{"a":[]}`},
		"strange keys":        {`{"a/b":1,"c.d":2,"":3,"é":4,"e_5":5}`, "!attributes.a/b", `{"e_5":5}`},
		"twice":               {`{"a":1,"a":2}`, "!attributes.a: is given twice", `{"a":2}`},
		"twice, none at last": {`{"a":1,"a":true}`, "!twice", `{}`},
		"not an object":       {`[1]`, "!want a JSON object", "!want a JSON object"},
		"not JSON":            {`{"a":`, "!want a JSON object", "!want a JSON object"},
		"two documents":       {`{}{}`, "!want a JSON object", "!want a JSON object"},
		"4,095 bytes":         {big, big, big},
		"4,096 bytes":         {strings.Replace(big, "x", "xx", 1), "!fewer than 4096", "!fewer than 4096"},
		"no web escapes":      {`{"a":"<&>"}`, `{"a":"<&>"}`, `{"a":"<&>"}`},
		"deep":                {`{"a":` + strings.Repeat("[", 100000) + `}`, "!want a JSON object", "!want a JSON object"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for token, want := range map[bool]string{false: test.registry, true: test.token} {
				a, err := ParseAttributes([]byte(test.doc), token)
				if part, wrong := strings.CutPrefix(want, "!"); wrong {
					if err == nil || !strings.Contains(err.Error(), part) {
						t.Errorf("fromToken %v: error %v, want %q", token, err, part)
					}
					continue
				}
				got := string(EncodeProperties(a))
				if a == nil {
					got = "{}"
				}
				if err != nil || got != want || a.Size() != len(want) {
					t.Errorf("fromToken %v: %s, %v, size %d; want %s", token, got, err, a.Size(), want)
				}
			}
		})
	}
}

// drawAttributes draws attributes with few keys and values, so that they meet.
func drawAttributes(t *rapid.T) Attributes {
	texts := rapid.SampledFrom([]string{"", "a", "press", "é", "a\"b"})
	value := rapid.OneOf(
		rapid.Map(texts, Text),
		rapid.Map(rapid.Int64(), Integer),
		rapid.Map(rapid.Int64Range(-3, 3), Integer),
		rapid.Map(rapid.SliceOfN(texts, 0, 3), func(l []string) Value { return List(l...) }),
		rapid.Map(rapid.Bool(), Boolean))
	key := rapid.SampledFrom([]string{"a", "b", "kind", "k_9", "and"})
	return rapid.MapOfN(key, value, 0, 4).Draw(t, "attributes")
}

func TestAttributesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawAttributes(t)
		got, err := ParseAttributes(EncodeProperties(a), false)
		if err != nil || !got.Equal(a) {
			t.Fatalf("%s read as %s, %v", EncodeProperties(a), EncodeProperties(got), err)
		}
	})
}

func FuzzAttributes(f *testing.F) {
	f.Add([]byte(`{"hall":4,"kind":"press","probes":["a"],"b":true,"x":null}`), true)
	f.Add([]byte(`{"a":1,"A":-0}`), false)
	f.Fuzz(func(t *testing.T, doc []byte, token bool) {
		a, err := ParseAttributes(doc, token)
		if err != nil {
			return
		}
		again, err := ParseAttributes(EncodeProperties(a), token)
		if err != nil || !again.Equal(a) {
			t.Errorf("%s read as %s, and that as %s, %v", doc, EncodeProperties(a), EncodeProperties(again), err)
		}
	})
}
