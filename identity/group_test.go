package identity

import (
	"fmt"
	"slices"
	"testing"
)

func TestDecodeGroup(t *testing.T) {
	tests := map[string]struct {
		name, doc, want string
		fields          []string
	}{
		"plain":         {"presses", `{"QUERY":"attributes.kind = \"<press>\"","description":"d","provisioningState":"x"}`, `{"description":"d","query":"attributes.kind = \"<press>\""}`, nil},
		"no query":      {"presses", `{}`, "", []string{"query"}},
		"null query":    {"presses", `{"query":null}`, "", []string{"query"}},
		"a number":      {"presses", `{"query":1}`, "", []string{"query"}},
		"bad query":     {"presses", `{"query":"attributes.floor ="}`, "", []string{"query"}},
		"bad name, too": {"a", `{"query":""}`, "", []string{"name", "query"}},
		"built in":      {"$all", `{"query":"authenticationName = 'x'"}`, "", []string{"name"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g, err := DecodeGroup(test.name, []byte(test.doc))
			if got := fields(err); fmt.Sprint(got) != fmt.Sprint(test.fields) {
				t.Fatalf("errors in %q (%v), want %q", got, err, test.fields)
			}
			if err == nil && string(g.Encode()) != test.want {
				t.Errorf("encodes as %s, want %s", g.Encode(), test.want)
			}
			if err == nil && g.Replaces(g) != nil {
				t.Error("cannot replace itself")
			}
		})
	}
}

func TestGroupsOf(t *testing.T) {
	r := NewRegistry()
	group := func(name, query string) *Group {
		q, err := ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		return &Group{Name: name, Query: q}
	}
	p := &Principal{Name: "press-07", Method: CustomToken, Attributes: Attributes{"hall": Integer(4)}}
	if in := r.GroupsOf(p); !slices.Equal(in, []string{"$all"}) {
		t.Errorf("without groups: %q", in)
	}
	r.SetGroups([]*Group{group("zz", `attributes.hall > 3`), group("mm", `attributes.hall > 4`), group("0a", `authenticationName = "press-07"`)})
	if in := r.GroupsOf(p); !slices.Equal(in, []string{"$all", "0a", "zz"}) {
		t.Errorf("in %q", in)
	}
	if in := r.GroupsOf(&Principal{}); !slices.Equal(in, []string{"$all"}) {
		t.Errorf("nobody is in %q", in)
	}
}
