package access

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gridmq/identity"
	"gridmq/topic"
)

func TestLosses(t *testing.T) {
	const own = "m/${client.authenticationName}/#"
	tests := map[string]struct {
		before, after []string // templates that may be published to
		want          string
	}{
		"nothing changes":              {[]string{own}, []string{own}, ""},
		"all of it":                    {[]string{own, "x"}, nil, "m/press-1/# x"},
		"a wider template takes over":  {[]string{own}, []string{"m/+/#"}, ""},
		"another's":                    {[]string{own}, []string{"m/press-2/#"}, "m/press-1/#"},
		"the deep part":                {[]string{own}, []string{"m/press-1", "m/press-1/+"}, "m/press-1/#"},
		"the parent":                   {[]string{own}, []string{"m/press-1/+/#"}, "m/press-1/#"},
		"two make up for one":          {[]string{own}, []string{"m/press-1", "m/press-1/+/#"}, ""},
		"some of a list":               {[]string{"l/${client.attributes.lines}"}, []string{"l/north"}, "l/south"},
		"a wildcard is more than that": {[]string{"a/+"}, []string{"a/b"}, "a/+"},
		"everything":                   {[]string{"#"}, []string{"+", "+/+"}, "#"},
		"everything stays":             {[]string{"#"}, []string{"#"}, ""},
		"an empty level":               {[]string{"/#"}, []string{"/+"}, "/#"},
		"an empty level stays":         {[]string{"/#"}, []string{"/+/#"}, ""},
	}
	attributes, err := identity.ParseAttributes([]byte(`{"lines":["north","south"]}`), true)
	if err != nil {
		t.Fatal(err)
	}
	who := registered("press-1", attributes)
	publisher := func(templates []string) *Policy {
		return policyOf([]*TopicSpace{space(t, "s", templates...)}, bind("b", AllClients, "s", Publisher), bind("c", AllClients, "s", Publisher))
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, l := range publisher(tt.before).Losses(who, nil, publisher(tt.after).Compile(who, nil)) {
				if l.Space != "s" || l.Binding != "b" || l.Template == "" {
					t.Errorf("rule %+v", l.Rule)
				}
				got = append(got, l.Filters...)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("lost %q, want %q", got, tt.want)
			}
		})
	}
	if got := publisher([]string{own}).Losses(who, nil, nil); len(got) != 1 {
		t.Errorf("without any grants: %+v", got)
	}
	if got := publisher([]string{own}).Losses(nil, nil, nil); got != nil {
		t.Errorf("nobody loses %+v", got)
	}
}

// What is lost, and what is not, agrees with trying names.
func TestLossesAgreeWithNames(t *testing.T) {
	levels := []string{"a", "b", "+", "#"}
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) (all []string) {
			for range rapid.IntRange(1, 3).Draw(rt, label) {
				var f []string
				for i := range 3 {
					f = append(f, rapid.SampledFrom(levels).Draw(rt, fmt.Sprint(label, i)))
					if f[i] == "#" || rapid.Bool().Draw(rt, "end") {
						break
					}
				}
				all = append(all, strings.Join(f, "/"))
			}
			return all
		}
		who := registered("x", nil)
		before, after := draw("before"), draw("after")
		policy := func(templates []string) *Policy {
			return policyOf([]*TopicSpace{space(t, "s", templates...)}, bind("b", AllClients, "s", Publisher))
		}
		next := policy(after).Compile(who, nil)
		lost := map[string]bool{}
		for _, l := range policy(before).Losses(who, nil, next) {
			for _, f := range l.Filters {
				lost[f] = true
			}
		}
		want := map[string]bool{}
		var names func(prefix []string)
		names = func(prefix []string) {
			if len(prefix) > 0 {
				name := strings.Join(prefix, "/")
				for _, f := range before {
					if topic.Match(f, name) && !next.Publish(name).Allowed {
						want[f] = true
					}
				}
			}
			if len(prefix) < 4 {
				for _, l := range []string{"a", "b", "c"} {
					names(append(prefix[:len(prefix):len(prefix)], l))
				}
			}
		}
		names(nil)
		if fmt.Sprint(lost) != fmt.Sprint(want) {
			rt.Fatalf("before %q after %q: lost %v, by names %v", before, after, lost, want)
		}
	})
}
