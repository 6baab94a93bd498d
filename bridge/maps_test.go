package bridge

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gridmq/topic"
)

func TestCrossings(t *testing.T) {
	maps := Maps{
		{Name: "telemetry", Filter: "telemetry/#", Direction: Out, QoS: 1, RemotePrefix: "site1/"},
		{Name: "commands", Filter: "#", Direction: In, QoS: 1, LocalPrefix: "commands/", RemotePrefix: "site1/commands/"},
		{Name: "status", Filter: "+/status", Direction: Both, QoS: 0, LocalPrefix: "m/", RemotePrefix: "fleet/m/"},
		{Name: "again", Filter: "m/7/status", Direction: Out, QoS: 1, RemotePrefix: "fleet/"},
		{Name: "single", Filter: "", Direction: Out, QoS: 1, LocalPrefix: "alarm", RemotePrefix: "site1/alarm"},
		{Name: "system", Filter: "$SYS/#", Direction: In, QoS: 0, LocalPrefix: "cloud/"},
		{Name: "below", Filter: "#", Direction: Out, QoS: 1, LocalPrefix: "up/"},
	}
	tests := map[string]struct {
		direction Direction
		topic     string
		want      string // "topic@qos ..."
	}{
		"prefix added":                      {Out, "telemetry/a/b", "site1/telemetry/a/b@1"},
		"the parent of # too":               {Out, "telemetry", "site1/telemetry@1"}, // section 4.7.1.2
		"not mapped":                        {Out, "other", ""},
		"in is not out":                     {Out, "commands/x", ""},
		"two maps, one topic, higher QoS":   {Out, "m/7/status", "fleet/m/7/status@1"},
		"one topic without a filter":        {Out, "alarm", "site1/alarm@1"},
		"prefix changed":                    {In, "site1/commands/go", "commands/go@1"},
		"the prefix itself, without slash":  {In, "site1/commands", "commands@1"},
		"both, inwards":                     {In, "fleet/m/8/status", "m/8/status@0"},
		"system topics under a prefix":      {In, "$SYS/uptime", "cloud/$SYS/uptime@0"},
		"prefix taken off":                  {Out, "up/a", "a@1"},
		"nothing is left of the topic":      {Out, "up", ""},
		"what is left begins with a dollar": {Out, "up/$SYS/a", ""}, // # would not have matched it there
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			across := maps.ToRemote
			if test.direction == In {
				across = maps.ToLocal
			}
			var got []string
			for _, c := range across(test.topic) {
				got = append(got, c.Topic+"@"+string('0'+rune(c.QoS)))
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("%s of %q is %q, want %q", test.direction, test.topic, s, test.want)
			}
		})
	}
}

func TestMapsRefused(t *testing.T) {
	tests := map[string]struct {
		m    Map
		want string // "": accepted
	}{
		"out":                  {Map{Filter: "a/#", Direction: Out}, ""},
		"nothing":              {Map{Direction: Out}, "empty"},
		"direction":            {Map{Filter: "a", Direction: "inwards"}, "want in, out or both"},
		"QoS 2":                {Map{Filter: "a", Direction: Out, QoS: 2}, "cross as QoS 1"},
		"wildcard in a prefix": {Map{Filter: "a", Direction: Out, LocalPrefix: "+/"}, "local_prefix"},
		"prefix that splits":   {Map{Filter: "#", Direction: Out, RemotePrefix: "a"}, "remote filter"},
		"shared":               {Map{Filter: "$share/g/a", Direction: In, LocalPrefix: "x/"}, "shared subscription"},
		"into dollar":          {Map{Filter: "$SYS/#", Direction: In}, "give them a local prefix"},
		"out of dollar":        {Map{Filter: "$SYS/#", Direction: Out, RemotePrefix: "edge/"}, ""},
		"NUL":                  {Map{Filter: "a\x00", Direction: Out}, "U+0000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.m.Check()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("Check says %v, want %q", err, test.want)
			}
		})
	}
}

var (
	levels   = rapid.SampledFrom([]string{"", "a", "b", "$c"})
	names    = rapid.Map(rapid.SliceOfN(levels, 1, 4), func(l []string) string { return strings.Join(l, "/") })
	prefixes = rapid.SampledFrom([]string{"", "a/", "b/", "a", "/", "$c/", "a/b/"})
	filters  = rapid.Custom(func(t *rapid.T) string {
		l := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "$c", "+"}), 0, 3).Draw(t, "levels")
		if rapid.Bool().Draw(t, "hash") {
			l = append(l, "#")
		}
		return strings.Join(l, "/")
	})
	someMap = rapid.Custom(func(t *rapid.T) Map {
		m := Map{Filter: filters.Draw(t, "filter"), Direction: rapid.SampledFrom([]Direction{Out, In, Both}).Draw(t, "direction"),
			LocalPrefix: prefixes.Draw(t, "local"), RemotePrefix: prefixes.Draw(t, "remote")}
		if m.Check() != nil {
			t.Skip("not a map")
		}
		return m
	})
)

// TestAcross: what crosses matches the filters of both sides, and comes back under its
// own name.
func TestAcross(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := someMap.Draw(t, "map")
		name := names.Draw(t, "name")
		if topic.ValidName(name) != nil {
			t.Skip("no name")
		}
		m.Direction = Both
		ms := Maps{m}
		for _, c := range ms.ToRemote(name) {
			if !topic.Match(m.Local(), name) || !topic.Match(m.Remote(), c.Topic) || topic.ValidName(c.Topic) != nil {
				t.Fatalf("%q crosses %+v as %q", name, m, c.Topic)
			}
			back := ms.ToLocal(c.Topic)
			if len(back) != 1 || back[0].Topic != name {
				t.Fatalf("%q crosses %+v as %q and comes back as %v", name, m, c.Topic, back)
			}
		}
		// Where one prefix is another's, and nothing begins with $, all that matches crosses.
		if m.LocalPrefix == m.RemotePrefix && topic.ValidName(name) == nil && topic.Match(m.Local(), name) && len(ms.ToRemote(name)) != 1 {
			t.Fatalf("%q does not cross %+v", name, m)
		}
	})
}

// TestSubscriptionsCover: what a map carries has been asked for, and may come in.
func TestSubscriptionsCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := Maps(rapid.SliceOfN(someMap, 1, 4).Draw(t, "maps"))
		name := names.Draw(t, "name")
		if len(ms.ToRemote(name)) > 0 {
			found := false
			for _, s := range ms.LocalSubscriptions() {
				found = found || topic.Match(s.Filter, name) && ms.MaySubscribe(s.Filter) && s.NoLocal && s.RetainAsPublished
			}
			if !found {
				t.Fatalf("nobody asks for %q, which %+v carry", name, ms)
			}
		}
		for _, c := range ms.ToLocal(name) {
			if !ms.MayPublish(c.Topic) {
				t.Fatalf("%q may not come in as %q by %+v", name, c.Topic, ms)
			}
		}
	})
}

// all are the names that a filter of few levels can tell apart.
var all = func() (list []string) {
	parts := []string{"", "a", "b", "$c", "x"}
	var grow func(prefix []string)
	grow = func(prefix []string) {
		if len(prefix) > 0 && (len(prefix) > 1 || prefix[0] != "") {
			list = append(list, strings.Join(prefix, "/"))
		}
		if len(prefix) < 5 {
			for _, p := range parts {
				grow(append(slices.Clone(prefix), p))
			}
		}
	}
	grow(nil)
	return list
}()

// TestOverlap compares with trying all names.
func TestOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := filters.Draw(t, "a"), filters.Draw(t, "b")
		if topic.ValidFilter(a) != nil || topic.ValidFilter(b) != nil {
			t.Skip("no filters")
		}
		want := slices.ContainsFunc(all, func(name string) bool { return topic.Match(a, name) && topic.Match(b, name) })
		if got := overlap(a, b); got != want {
			t.Fatalf("overlap(%q, %q) is %t, trying says %t", a, b, got, want)
		}
	})
}

func TestLoops(t *testing.T) {
	up := Map{Name: "up", Filter: "a/#", Direction: Out}
	down := Map{Name: "down", Filter: "a/#", Direction: In}
	other := Map{Name: "other", Filter: "b/#", Direction: In}
	aside := Map{Name: "aside", Filter: "a/#", Direction: In, LocalPrefix: "cloud/"}
	side := func(name string, noLocal bool, ms ...Map) Side {
		return Side{Name: name, Namespace: "n", Address: "mqtts://cloud", NoLocal: noLocal, Maps: ms}
	}
	elsewhere := side("y", true, down)
	elsewhere.Address = "mqtts://CLOUD.example:8884"
	tenant := side("y", true, down)
	tenant.Namespace = "m"
	spelled := side("y", true, down)
	spelled.Address = "mqtts://CLOUD:8883/"
	tests := map[string]struct {
		sides []Side
		loops bool
	}{
		"both ways, no local":                    {[]Side{side("x", true, up, down)}, false},
		"both ways, 3.1.1":                       {[]Side{side("x", false, up, down)}, true},
		"3.1.1, echo under another name":         {[]Side{side("x", false, up, aside)}, true},
		"3.1.1, topics apart":                    {[]Side{side("x", false, up, other)}, false},
		"one out and one in by another bridge":   {[]Side{side("x", true, up), side("y", true, down)}, true},
		"the other way round":                    {[]Side{side("y", true, down), side("x", true, up)}, true},
		"the same broker, spelled differently":   {[]Side{side("x", true, up), spelled}, true},
		"two bridges, it comes in elsewhere":     {[]Side{side("x", true, up), side("y", true, aside)}, false},
		"two bridges to two brokers":             {[]Side{side("x", true, up), elsewhere}, false},
		"two bridges of two namespaces":          {[]Side{side("x", true, up), tenant}, false},
		"two bridges, both out":                  {[]Side{side("x", true, up), side("y", true, up)}, false},
		"two bridges, topics apart at the other": {[]Side{side("x", true, up), side("y", true, Map{Filter: "b/#", Direction: In, LocalPrefix: "a/"})}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := CheckLoops(test.sides); (err != nil) != test.loops {
				t.Errorf("CheckLoops says %v, want a loop: %t", err, test.loops)
			}
		})
	}
}

// FuzzMap reads maps as a configuration might have them: refusing is fine, but what is
// accepted can be subscribed to and carries no topic that is none.
func FuzzMap(f *testing.F) {
	f.Add("a/#", "x/", "y/", "x/a/b")
	f.Add("$SYS/#", "s/", "", "s/$SYS/x")
	f.Add("", "a", "b", "a")
	f.Fuzz(func(t *testing.T, filter, local, remote, name string) {
		m := Map{Filter: filter, Direction: Both, LocalPrefix: local, RemotePrefix: remote}
		if m.Check() != nil {
			return
		}
		if topic.ValidFilter(m.Local()) != nil || topic.ValidFilter(m.Remote()) != nil {
			t.Fatalf("accepted %+v", m)
		}
		ms := Maps{m}
		for _, list := range [][]Crossing{ms.ToLocal(name), ms.ToRemote(name)} {
			for _, c := range list {
				if topic.ValidName(c.Topic) != nil {
					t.Fatalf("%q crosses %+v as %q", name, m, c.Topic)
				}
			}
		}
	})
}
