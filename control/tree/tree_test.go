package tree

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func parse(t testing.TB, s string) any {
	t.Helper()
	v, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("Parse(%s): %v", s, err)
	}
	return v
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"nothing":           {"", "ends too early"},
		"half an object":    {`{"a":`, "ends too early"},
		"two values":        {`{} {}`, "something follows"},
		"a member twice":    {`{"a":1,"a":2}`, `member "a" occurs twice`},
		"twice, deeper":     {`{"x":[{"a":1,"a":1}]}`, `member "a" occurs twice`},
		"not UTF-8":         {"\"\xff\"", "not UTF-8"},
		"unquoted":          {`{template:1}`, "not JSON"},
		"too deep, lists":   {strings.Repeat("[", 1000), "in each other"},
		"too deep, objects": {strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), "in each other"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse(%.40q) says %v, want %q", tt.text, err, tt.want)
			}
		})
	}
}

func TestParseKeepsNumbers(t *testing.T) {
	const text = `{"a":9007199254740993,"b":1e400,"c":[1.50,null,true]}`
	if got := string(Encode(parse(t, "\uFEFF"+text))); got != text {
		t.Errorf("got %s, want %s", got, text)
	}
}

// The examples of RFC 7396, appendix A.
func TestMerge(t *testing.T) {
	tests := [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	}
	for _, tt := range tests {
		t.Run(tt[0]+tt[1], func(t *testing.T) {
			target := parse(t, tt[0])
			if got := string(Encode(Merge(target, parse(t, tt[1])))); got != tt[2] {
				t.Errorf("merge %s into %s = %s, want %s", tt[1], tt[0], got, tt[2])
			}
			if got := string(Encode(target)); got != tt[0] {
				t.Errorf("the target became %s", got)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	v := parse(t, `{"a":{"b":1},"c":[]}`)
	if x, ok := Get(v, "a.b"); !ok || x != json.Number("1") {
		t.Errorf("Get a.b = %v, %v", x, ok)
	}
	if _, ok := Get(v, "c.b"); ok {
		t.Error("c.b was found in a list")
	}
	if got := string(Encode(With(v, "a.x.y", "z"))); got != `{"a":{"b":1,"x":{"y":"z"}},"c":[]}` {
		t.Errorf("With = %s", got)
	}
	if got := string(Encode(Without(v, "a.b"))); got != `{"a":{},"c":[]}` {
		t.Errorf("Without = %s", got)
	}
	if got := string(Encode(v)); got != `{"a":{"b":1},"c":[]}` {
		t.Errorf("the tree became %s", got)
	}
}

func TestSpellings(t *testing.T) {
	tests := map[string]struct{ target, patch, want string }{
		"target's spelling": {`{"skuName":1}`, `{"SKUNAME":2}`, `{"skuName":2}`},
		"removed":           {`{"a":1,"b":{"Cc":1}}`, `{"A":null,"B":{"cC":null}}`, `{"b":{}}`},
		"new":               {`{"a":1}`, `{"New":{"x":null,"y":1}}`, `{"New":{"y":1},"a":1}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := string(Encode(MergeFold(parse(t, tt.target), parse(t, tt.patch)))); got != tt.want {
				t.Errorf("MergeFold(%s, %s) = %s, want %s", tt.target, tt.patch, got, tt.want)
			}
		})
	}
	v := parse(t, `{"A":{"b":1,"B":2},"c":[{"d":1}]}`)
	if name, found := TwoSpellings(v, 9); !found || name != "b" {
		t.Errorf("TwoSpellings = %q, %v", name, found)
	}
	if name, found := TwoSpellings(v, 1); found {
		t.Errorf("TwoSpellings of depth 1 = %q", name)
	}
	if got := string(Encode(Without(v, "a.b"))); got != `{"A":{},"c":[{"d":1}]}` {
		t.Errorf("Without = %s", got)
	}
	if got := string(Encode(With(v, "a", 1))); got != `{"A":1,"c":[{"d":1}]}` {
		t.Errorf("With = %s", got)
	}
}

// On names of one spelling MergeFold is Merge.
func TestMergeFoldIsMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p := trees(3).Draw(t, "a"), trees(3).Draw(t, "patch")
		if got, want := MergeFold(a, p), Merge(a, p); !Equal(got, want) {
			t.Fatalf("MergeFold(%s, %s) = %s, want %s", Encode(a), Encode(p), Encode(got), Encode(want))
		}
	})
}

func TestChanged(t *testing.T) {
	tests := map[string]struct {
		a, b string
		want []string
	}{
		"nothing":         {`{"a":1}`, `{"a":1}`, nil},
		"a scalar":        {`{"a":{"b":1,"c":2}}`, `{"a":{"b":2,"c":2}}`, []string{"a.b"}},
		"appears, whole":  {`{}`, `{"a":{"b":2}}`, []string{"a.b"}},
		"goes":            {`{"a":{"b":2},"c":1}`, `{"c":1}`, []string{"a.b"}},
		"a list":          {`{"a":[1]}`, `{"a":[1,2]}`, []string{"a"}},
		"kind of value":   {`{"a":[1]}`, `{"a":{"b":1}}`, []string{"a"}},
		"from none":       {`null`, `{"x":"secret"}`, []string{"x"}},
		"more than limit": {`{}`, `{"a":1,"b":1,"c":1,"d":1}`, []string{"a", "b", "c"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Changed(parse(t, tt.a), parse(t, tt.b), 3); !slices.Equal(got, tt.want) {
				t.Errorf("Changed(%s, %s) = %q, want %q", tt.a, tt.b, got, tt.want)
			}
		})
	}
}

// trees draws small trees in which names collide.
func trees(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if depth == 0 && kind > 3 {
			kind = 3
		}
		switch kind {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return json.Number("1")
		case 3:
			return rapid.SampledFrom([]string{"x", "y"}).Draw(t, "text")
		case 4:
			return rapid.SliceOfN(trees(depth-1), 0, 2).Draw(t, "list")
		}
		return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), trees(depth-1), 0, 3).Draw(t, "object")
	})
}

// A patch made of what it leads to, applied twice, changes nothing the second time,
// and Changed is empty exactly when trees are equal.
func TestMergeSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, p := trees(3).Draw(t, "a"), trees(3).Draw(t, "patch")
		once := Merge(a, p)
		if twice := Merge(once, p); !Equal(once, twice) {
			t.Fatalf("patch %s: %s becomes %s", Encode(p), Encode(once), Encode(twice))
		}
		back, err := Parse(Encode(once))
		if err != nil || !Equal(back, once) {
			t.Fatalf("%s is read back as %v, %v", Encode(once), back, err)
		}
	})
}

// FuzzMerge: bytes are refused or read one way, and a merge never keeps a null of the patch.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1}}`), []byte(`{"a":{"b":null,"c":[null]}}`))
	f.Add([]byte(`[1]`), []byte(`{"a":{"x":{"y":null}}}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		target, err := Parse(a)
		if err != nil {
			return
		}
		if !json.Valid(a) && !strings.HasPrefix(string(a), string(bom)) {
			t.Fatalf("%q is accepted and is not JSON", a)
		}
		patch, err := Parse(b)
		if err != nil {
			return
		}
		merged := Merge(target, patch)
		back, err := Parse(Encode(merged))
		if err != nil || !Equal(back, merged) {
			t.Fatalf("merge of %q into %q is not read back: %v", b, a, err)
		}
		checkMerged(t, merged, target, patch)
	})
}

func checkMerged(t *testing.T, merged, target, patch any) {
	p, ok := patch.(map[string]any)
	if !ok {
		return
	}
	m := merged.(map[string]any)
	old, _ := target.(map[string]any)
	for name, v := range p {
		got, there := m[name]
		if there != (v != nil) {
			t.Fatalf("member %q after a patch with %v: there=%v", name, v, there)
		}
		if there {
			checkMerged(t, got, old[name], v)
		}
	}
	for name := range old {
		if _, mentioned := p[name]; !mentioned && !Equal(old[name], m[name]) {
			t.Fatalf("member %q changed and was not mentioned", name)
		}
	}
}
