package tracing

import (
	"strings"
	"testing"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestParse(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	tests := map[string]struct {
		parent, state string
		ok, sampled   bool
		again, keeps  string
	}{
		"sampled":                    {parent, "", true, true, parent, ""},
		"not sampled":                {"00-" + id + "-00f067aa0ba902b7-00", "a=b", true, false, "00-" + id + "-00f067aa0ba902b7-00", "a=b"},
		"flags that nobody knows":    {"00-" + id + "-00f067aa0ba902b7-ff", "", true, true, "00-" + id + "-00f067aa0ba902b7-03", ""},
		"a later version":            {"cc-" + id + "-00f067aa0ba902b7-01", "", true, true, parent, ""},
		"one that says more":         {"cc-" + id + "-00f067aa0ba902b7-01-what", "", true, true, parent, ""},
		"one with something behind":  {"cc-" + id + "-00f067aa0ba902b7-01.what", "", false, false, "", ""},
		"version 00 that says more":  {parent + "-what", "", false, false, "", ""},
		"version ff":                 {"ff" + parent[2:], "", false, false, "", ""},
		"capital letters":            {strings.ToUpper(parent), "", false, false, "", ""},
		"no trace":                   {"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", "", false, false, "", ""},
		"no span":                    {"00-" + id + "-0000000000000000-01", "", false, false, "", ""},
		"too short":                  {parent[:54], "", false, false, "", ""},
		"nothing":                    {"", "a=b", false, false, "", ""},
		"dots":                       {strings.ReplaceAll(parent, "-", "."), "", false, false, "", ""},
		"a state that is too long":   {parent, "a=" + strings.Repeat("b", MaxState-1), true, true, parent, ""},
		"the longest state":          {parent, "a=" + strings.Repeat("b", MaxState-2), true, true, parent, "a=" + strings.Repeat("b", MaxState-2)},
		"a state with a line's end":  {parent, "a=b\r\nx: y", true, true, parent, ""},
		"a state that is a sentence": {parent, "what is this", true, true, parent, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, ok := Parse(test.parent, test.state)
			if ok != test.ok || c.Sampled() != test.sampled || c.Parent() != test.again || c.State != test.keeps {
				t.Errorf("Parse(%q, %q) = %v, sampled %v, again %q with state %q", test.parent, test.state, ok, c.Sampled(), c.Parent(), c.State)
			}
		})
	}
}

// TestParseIsFree: a message that is of a trace which is not recorded costs no memory.
func TestParseIsFree(t *testing.T) {
	b := []byte(parent)
	if n := testing.AllocsPerRun(100, func() { Parse(b, nil) }); n != 0 {
		t.Errorf("Parse allocates %v times", n)
	}
}

// Whatever a publisher sends: what is taken can be said again, and stands in a header.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{parent, "00-0-0-0", "cc" + parent[2:] + "-\x00", strings.Repeat("f", 55), "\xff\xfe"} {
		f.Add([]byte(seed), []byte("a=b"))
	}
	f.Fuzz(func(t *testing.T, p, state []byte) {
		c, ok := Parse(p, state)
		if other, same := Parse(string(p), string(state)); same != ok || other != c {
			t.Fatalf("bytes say %v %v, text says %v %v", c, ok, other, same)
		}
		if ok != c.Valid() || !ok && c != (Context{}) {
			t.Fatalf("Parse(%q) = %v, valid %v: %v", p, ok, c.Valid(), c)
		}
		if !ok {
			return
		}
		again, ok := Parse(c.Parent(), c.State)
		if !ok || again != c {
			t.Errorf("%q is said again as %q, which is %v", p, c.Parent(), again)
		}
		if strings.ContainsAny(c.Parent()+c.State, "\r\n\x00") || len(c.State) > MaxState {
			t.Errorf("%q cannot stand in a header", c.State)
		}
	})
}
