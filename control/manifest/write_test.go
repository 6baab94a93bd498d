package manifest

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// values are trees as the server may show them.
func values(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Map(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", " ", "yes", "null", "~", "1e3", "0x1F", "2026-01-01", "- a", "a: b", "#", "[x]", "[[x]",
			"-----BEGIN X-----\nabc=\n-----END X-----\n", " lead\nline", "tab\there", "end\n\n", "\n", "a\r\nb", "\u0085", "\ufeff", "<<", "'", `"`, "{a}", "!t", "&a", "*a", "?"})),
			func(s string) any { return strings.ToValidUTF8(s, "?") }),
		rapid.Map(rapid.Int64(), func(i int64) any { return json.Number(strconv.FormatInt(i, 10)) }),
		rapid.Map(rapid.SampledFrom([]string{"1.5", "-0.25", "1e300", "123456789012345678901234567890", "1E-7"}), func(s string) any { return json.Number(s) }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
	)
	if depth == 0 {
		return leaf
	}
	below := rapid.Deferred(func() *rapid.Generator[any] { return values(depth - 1) })
	name := rapid.Map(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"a", "b", "<<", "yes", "1", ""})), func(s string) string { return "k" + strings.ToValidUTF8(s, "?") })
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(below, 0, 4), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(name, below, 0, 4), func(m map[string]any) any { return m }))
}

// TestRoundTrip: what is exported in any notation is read as it was.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		properties := map[string]any{"description": values(3).Draw(t, "value"), "attributes": map[string]any{"a": values(2).Draw(t, "attribute")}}
		all := []*Resource{
			{Kind: Namespace, Namespace: "plant", Name: "plant", Body: map[string]any{"location": "local", "tags": map[string]any{"a": "[b]"}, "properties": map[string]any{}}},
			{Kind: Client, Namespace: "plant", Name: "press:07.a", Body: map[string]any{"properties": properties}},
			{Kind: RoleAssignment, Namespace: "plant", Name: "r", Below: []string{"topicSpaces", "t"}, Body: map[string]any{"properties": map[string]any{"principalId": "p"}}},
		}
		var want []string
		for _, r := range all {
			want = append(want, r.Key()+string(r.JSON()))
		}
		for notation, write := range map[string]func(io.Writer, []*Resource) error{"a.yaml": WriteYAML, "a.json": WriteJSON, "arm.json": WriteARM} {
			var b bytes.Buffer
			if err := write(&b, all); err != nil {
				t.Fatalf("%s: %v", notation, err)
			}
			set, err := Read(notation, bytes.NewReader(b.Bytes()), Options{})
			if err != nil {
				t.Fatalf("%s: %v\n%s", notation, err, b.String())
			}
			var got []string
			for _, r := range set.Resources {
				got = append(got, r.Key()+string(r.JSON()))
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s (-want +got):\n%s\n%s", notation, d, b.String())
			}
		}
	})
}

// TestDiff: nothing differs from itself, and applying what differs makes it equal.
func TestDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), values(2), 0, 3)
		old, next := object.Draw(t, "old"), object.Draw(t, "next")
		if d := Diff(old, old); len(d) > 0 {
			t.Fatalf("%v differs from itself: %v", old, d)
		}
		if got, want := len(Diff(withoutNil(old), withoutNil(next))) == 0, Equal(withoutNil(old), withoutNil(next)); got != want {
			t.Fatalf("no difference: %v, equal: %v\n%v\n%v", got, want, old, next)
		}
	})
}

// withoutNil is v as the server shows it: it never shows null.
func withoutNil(v map[string]any) map[string]any {
	o := map[string]any{}
	for k, one := range v {
		if m, ok := one.(map[string]any); ok {
			if m = withoutNil(m); len(m) > 0 {
				o[k] = m
			}
			continue
		}
		if one != nil {
			o[k] = one
		}
	}
	return o
}

func TestDifferences(t *testing.T) {
	tests := map[string]struct{ old, next, want string }{
		"value":        {`{"a":{"b":1}}`, `{"a":{"b":2}}`, "a.b: 1 -> 2"},
		"new":          {`{}`, `{"a":{"b":"x"}}`, `a.b: + "x"`},
		"gone":         {`{"a":[1]}`, `{}`, "a: - [1]"},
		"list":         {`{"a":["x","y"]}`, `{"a":["y","z"]}`, `a[]: - "x"|a[]: + "z"`},
		"order":        {`{"a":["x","y"]}`, `{"a":["y","x"]}`, `a: ["x","y"] -> ["y","x"]`},
		"same number":  {`{"a":1.0}`, `{"a":1}`, ""},
		"server's own": {`{"systemData":{"x":1},"id":"a","properties":{"provisioningState":"a"}}`, `{"systemData":{"x":2},"id":"b","properties":{"provisioningState":"b"}}`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range Diff(object(t, tt.old), object(t, tt.next)) {
				got = append(got, d.String())
			}
			if s := strings.Join(got, "|"); s != tt.want {
				t.Errorf("differences %q, want %q", s, tt.want)
			}
		})
	}
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	v, err := fromJSON(nil, []any{text})
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

func TestIgnored(t *testing.T) {
	asked := object(t, `{"properties":{"topicTemplate":["a"],"Description":"x","state":"Enabled","gridmq":{"password":"p","profil":"azure"},"flag":false,"none":null}}`)
	shown := object(t, `{"properties":{"description":"x","state":"Enabled","gridmq":{"hasPassword":true}}}`)
	if got, want := strings.Join(Ignored(asked, shown), " "), "properties.gridmq.profil properties.topicTemplate"; got != want {
		t.Errorf("ignored %q, want %q", got, want)
	}
}

// TestShown: what only the server sets does not get into a file.
func TestShown(t *testing.T) {
	r, err := Shown([]byte(`{"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plant/clients/a:1","name":"a:1",
		"type":"Microsoft.EventGrid/namespaces/clients","systemData":{"createdBy":"x"},"properties":{"provisioningState":"Succeeded",
		"attributes":{"hostname":"mine"},"gridmq":{"hasPassword":true}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.String()+" "+strings.TrimSpace(string(r.JSON())), `Client plant/a:1 {"properties":{"attributes":{"hostname":"mine"}}}`; got != want || r.Subscription != "s" || r.Group != "g" {
		t.Errorf("read %s in %s/%s, want %s in s/g", got, r.Subscription, r.Group, want)
	}
	r, err = Shown([]byte(`{"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plant/providers/Microsoft.Authorization/roleAssignments/r1",
		"name":"r1","type":"Microsoft.Authorization/roleAssignments","properties":{"principalId":"p","scope":"x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.String()+" "+strings.TrimSpace(string(r.JSON())), `RoleAssignment plant/r1 {"properties":{"principalId":"p"}}`; got != want {
		t.Errorf("read %s, want %s", got, want)
	}
}

// FuzzRead: no file makes the reader panic, and what it takes can be written.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"kind: Client\nname: a\n", `{"resources":[{"type":"Microsoft.EventGrid/namespaces","name":"[concat('a')]","copy":{"name":"x","count":2}}]}`,
		`[{"kind":"Client","name":"a"}]`, "- &a [*a]", "<<: 1", `{"id":"/a/providers/Microsoft.Authorization/roleAssignments/x","type":"Microsoft.Authorization/roleAssignments"}`,
		"// x\n/* */{", "\"\\", `{"type":"Microsoft.EventGrid/namespaces/providers/roleAssignments","name":"a/b"}`} {
		f.Add("a.yaml", seed)
		f.Add("a.json", seed)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		set, err := Read(name, strings.NewReader(text), Options{Namespace: "n"})
		if err != nil || len(set.Resources) > 100 {
			return
		}
		for _, write := range []func(io.Writer, []*Resource) error{WriteYAML, WriteJSON, WriteARM} {
			if err := write(io.Discard, set.Resources); err != nil {
				t.Errorf("read %q, which cannot be written: %v", text, err)
			}
		}
		for _, r := range set.Resources {
			_ = r.At("properties.a[0].b")
		}
	})
}
