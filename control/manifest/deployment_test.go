package manifest

import (
	"encoding/json"
	"testing"
)

func TestQuoteMembers(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": 1, template:{"b": [true, null]}}`: `{"a": 1, "template":{"b": [true, null]}}`,
		`{a:"x, b: \" c:", $b : 1}`:              `{"a":"x, b: \" c:", $b : 1}`,
		`{"a":[1,true,{b:1}]}`:                   `{"a":[1,true,{"b":1}]}`,
		`{"a`:                                    `{"a`,
	} {
		if got := string(quoteMembers([]byte(in))); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

// What is JSON already stays as it is, and nothing breaks the reader.
func FuzzReadDeployment(f *testing.F) {
	f.Add([]byte(`{"properties": {template:{"resources":[{"type":"Microsoft.EventGrid/namespaces","name":"plant","properties":{}}]}}}`))
	f.Add([]byte(`{"properties":{"parameters":{"a":{"value":[1]}},"template":{"parameters":{"a":{}},"outputs":{"x":{"value":"[parameters('a')]"}},"resources":[]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if json.Valid(b) && string(quoteMembers(b)) != string(b) {
			t.Errorf("%q is changed to %q", b, quoteMembers(b))
		}
		d, err := ReadDeployment(b, Options{Subscription: "s", Group: "g", Location: "local"})
		if err == nil && d == nil {
			t.Error("neither a deployment nor an error")
		}
	})
}
