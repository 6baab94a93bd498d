package access

import (
	"strings"
	"testing"

	"gridmq/identity"
	"gridmq/topic"
)

// One row per rule of spec/access-control.md, sections 1 and 3 to 5.
func TestRules(t *testing.T) {
	me := registered("Press-07", identity.Attributes{
		"hall": identity.Integer(4), "depth": identity.Integer(-3), "kind": identity.Text("press"),
		"probes": identity.List("thermal", "acoustic"), "blank": identity.Text(""), "flag": identity.Boolean(true),
		"slash": identity.Text("a/b"), "mixed": identity.List("ok", "#", ""), "empty": identity.List(), "sys": identity.Text("$SYS"),
	})
	templates := func(all ...string) func(t *testing.T) *Grants {
		return func(t *testing.T) *Grants { return open(t, me, all...) }
	}
	tests := map[string]struct {
		grants func(t *testing.T) *Grants
		asked  []asking
	}{
		"1 default is deny": {templates("a"), []asking{mayNot(Publish, "b"), mayNot(Subscribe, "b"), mayNot(Subscribe, "#"), mayNot(Publish, "")}},
		"1 publish and subscribe are separate grants": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "one", "a"), space(t, "two", "b")},
				bind("pub", AllClients, "one", Publisher), bind("sub", AllClients, "two", Subscriber)).Compile(me, nil)
		}, []asking{may(Publish, "a"), mayNot(Subscribe, "a"), may(Subscribe, "b"), mayNot(Publish, "b")}},
		"1 no binding, no right": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "one", "#")}).Compile(me, []string{"g"})
		}, []asking{mayNot(Publish, "a"), mayNot(Subscribe, "a")}},

		"3.1 a template is a filter":              {templates("alerts/+/hall/#"), []asking{may(Publish, "alerts/7/hall"), may(Publish, "alerts/7/hall/x/y"), mayNot(Publish, "alerts/hall")}},
		"3.1 variable authenticationName":         {templates("m/${client.authenticationName}/t"), []asking{may(Publish, "m/Press-07/t"), mayNot(Publish, "m/press-08/t")}},
		"3.1 variable attributes":                 {templates("halls/${client.attributes.kind}"), []asking{may(Publish, "halls/press"), mayNot(Publish, "halls/oven")}},
		"3.1 never more than one segment":         {templates("a/${client.attributes.slash}"), []asking{mayNot(Publish, "a/a/b"), mayNot(Publish, "a/a"), mayNot(Subscribe, "a/+")}},
		"3.1 partial segment with a pipe":         {templates("machines/${client.authenticationName|.factory1}/temp"), []asking{may(Publish, "machines/Press-07.factory1/temp"), mayNot(Publish, "machines/Press-07/temp")}},
		"3.1 pieces in any order":                 {templates("${hall-|client.attributes.hall|-|client.attributes.kind}"), []asking{may(Publish, "hall-4-press"), mayNot(Publish, "hall-4-")}},
		"3.1 concatenation around braces":         {templates("press-${client.attributes.hall}/x"), []asking{may(Publish, "press-4/x"), mayNot(Publish, "press-/x")}},
		"3.1 a template of just #":                {templates("#"), []asking{may(Publish, "a"), may(Publish, "/"), may(Subscribe, "#"), may(Subscribe, "+/a")}},
		"3.1 leading wildcards leave $ alone":     {templates("#", "+/uptime", "+"), []asking{mayNot(Publish, "$SYS/uptime"), mayNot(Subscribe, "$SYS/#"), mayNot(Subscribe, "$SYS/uptime"), mayNot(Publish, "$x")}},
		"3.1 a value at the front leaves $ alone": {templates("${client.attributes.sys}/uptime", "${client.attributes.sys}/#"), []asking{mayNot(Publish, "$SYS/uptime"), mayNot(Subscribe, "$SYS/#")}},
		"3.1 a $ elsewhere is text":               {templates("a/${client.attributes.sys}"), []asking{may(Publish, "a/$SYS"), may(Subscribe, "a/$SYS")}},
		"4.6 synonyms of the API text":            {templates("${principal.name}/${principal.attributes.hall}"), []asking{may(Publish, "Press-07/4")}},

		"3.2 original spelling, case-sensitive": {templates("m/${client.authenticationName}"), []asking{may(Publish, "m/Press-07"), mayNot(Publish, "m/press-07")}},
		"3.2 integer: decimal text":             {templates("h/${client.attributes.hall}/${client.attributes.depth}"), []asking{may(Publish, "h/4/-3"), mayNot(Publish, "h/04/-3"), mayNot(Publish, "h/4.0/-3")}},
		"3.2 array: any element":                {templates("p/${client.attributes.probes}"), []asking{may(Publish, "p/thermal"), may(Subscribe, "p/acoustic"), mayNot(Publish, "p/optic"), mayNot(Subscribe, "p/+")}},
		"3.2 array: one alternative a template": {templates("${client.attributes.probes}/${client.attributes.probes}"), []asking{may(Publish, "thermal/thermal"), mayNot(Publish, "thermal/acoustic")}},
		"3.2 attribute missing: nothing":        {templates("x/${client.attributes.none}", "${client.attributes.none}/#"), []asking{mayNot(Publish, "x/"), mayNot(Publish, "x"), mayNot(Publish, "x/none"), mayNot(Subscribe, "x/#")}},
		"3.2 empty string: nothing":             {templates("x/${client.attributes.blank}", "${client.attributes.blank|y}"), []asking{mayNot(Publish, "x/"), mayNot(Publish, "y")}},
		"3.2 empty list: nothing":               {templates("x/${client.attributes.empty}"), []asking{mayNot(Publish, "x/"), mayNot(Subscribe, "x/+")}},
		"3.2 boolean: nothing":                  {templates("x/${client.attributes.flag}"), []asking{mayNot(Publish, "x/true"), mayNot(Publish, "x/1")}},
		"3.2 unsafe elements: nothing of them":  {templates("x/${client.attributes.mixed}"), []asking{may(Publish, "x/ok"), mayNot(Publish, "x/#"), mayNot(Publish, "x/"), mayNot(Publish, "x/other"), mayNot(Subscribe, "x/#")}},

		"3.3 publish: some template matches":         {templates("a", "b/+"), []asking{may(Publish, "a"), may(Publish, "b/c"), mayNot(Publish, "b")}},
		"3.3 publish: a filter is no name":           {templates("a/+", "#"), []asking{mayNot(Publish, "a/+"), mayNot(Publish, "a/#"), mayNot(Publish, "#"), mayNot(Publish, "+")}},
		"3.3 subscribe: vehicles/#":                  {templates("vehicles/#"), []asking{may(Subscribe, "vehicles/+/position"), may(Subscribe, "vehicles"), may(Subscribe, "vehicles/#"), mayNot(Subscribe, "+/position"), mayNot(Subscribe, "#")}},
		"3.3 subscribe: devices/+/reported":          {templates("devices/+/reported"), []asking{may(Subscribe, "devices/+/reported"), may(Subscribe, "devices/d1/reported"), mayNot(Subscribe, "devices/#"), mayNot(Subscribe, "devices/+/+")}},
		"3.3 subscribe: refused whole, not narrowed": {templates("a/b"), []asking{mayNot(Subscribe, "a/+"), mayNot(Subscribe, "a/#"), may(Subscribe, "a/b")}},
		"3.3 two templates together do not count":    {templates("a/+", "a/+/#"), []asking{mayNot(Subscribe, "a/#"), may(Subscribe, "a/+"), may(Subscribe, "a/+/#")}},
		"3.3 covering: # covers its parent level":    {templates("a/#"), []asking{may(Subscribe, "a"), may(Subscribe, "a/+/#"), mayNot(Subscribe, "ab")}},
		"3.3 covering: + covers a literal or +":      {templates("+/x"), []asking{may(Subscribe, "a/x"), may(Subscribe, "+/x"), may(Subscribe, "/x"), mayNot(Subscribe, "#")}},
		"3.3 covering: a literal only the same":      {templates("a"), []asking{may(Subscribe, "a"), mayNot(Subscribe, "+"), mayNot(Subscribe, "A")}},
		"3.3 covering: # only by #":                  {templates("a/+/+"), []asking{mayNot(Subscribe, "a/#"), mayNot(Subscribe, "a/+/#")}},
		"3.3 covering: lengths agree":                {templates("a/b"), []asking{mayNot(Subscribe, "a"), mayNot(Subscribe, "a/b/c"), mayNot(Subscribe, "a/b/")}},
		"3.3 a shared filter is stripped before":     {templates("#"), []asking{mayNot(Subscribe, "$share/g/a"), may(Subscribe, "a")}},
		"3.3 what is no filter":                      {templates("#"), []asking{mayNot(Subscribe, ""), mayNot(Subscribe, "a/#/b"), mayNot(Subscribe, "a+"), mayNot(Subscribe, "a\x00")}},
		"3.3 overlap: grants add up": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "one", "a/+"), space(t, "two", "a/b", "a/#")},
				bind("b1", AllClients, "one", Publisher), bind("b2", "g", "two", Publisher)).Compile(me, []string{"g"})
		}, []asking{may(Publish, "a/b"), may(Publish, "a"), may(Publish, "a/x")}},

		"4 group of the client": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "one", "a")}, bind("b", "presses", "one", Publisher)).Compile(me, []string{"presses"})
		}, []asking{may(Publish, "a")}},
		"4 another group": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "one", "a")}, bind("b", "ovens", "one", Publisher)).Compile(me, []string{"presses"})
		}, []asking{mayNot(Publish, "a")}},
		"4 $all": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "one", "a")}, bind("b", "$ALL", "one", Publisher)).Compile(me, nil)
		}, []asking{may(Publish, "a")}},
		"4 $all holds token clients": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "one", "a")}, bind("b", AllClients, "one", Publisher)).
				Compile(&identity.Principal{Name: "sub", Method: identity.CustomToken}, []string{AllClients})
		}, []asking{may(Publish, "a")}},
		"4 names ignore case": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "One", "a")}, bind("b", "PRESSES", "oNE", Publisher)).Compile(me, []string{"presses"})
		}, []asking{may(Publish, "a")}},
		"4 a topic space that is not there": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "one", "a")}, bind("b", AllClients, "two", Publisher)).Compile(me, nil)
		}, []asking{mayNot(Publish, "a")}},

		"directory token: bindings are bypassed": {func(t *testing.T) *Grants {
			return policyOf([]*TopicSpace{space(t, "one", "a")}, bind("b", AllClients, "one", Publisher)).
				Compile(&identity.Principal{Name: "o", Object: "o", Method: identity.DirectoryToken}, []string{AllClients})
		}, []asking{mayNot(Publish, "a")}},
		"nobody": {func(t *testing.T) *Grants { return open(t, nil, "#") }, []asking{mayNot(Publish, "a"), mayNot(Subscribe, "a")}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { check(t, tt.grants(t), tt.asked...) })
	}
}

// Section 3.3: the texts of denials.
func TestReasons(t *testing.T) {
	g := policyOf([]*TopicSpace{space(t, "tele-1", "m/${client.authenticationName}")}, bind("bind-1", "machines", "tele-1", Publisher)).
		Compile(registered("m1", nil), []string{"machines"})
	for want, d := range map[string]Decision{
		"Topic name 'x' does not match any topicspaces":                                                                     g.Publish("x"),
		"Topic filter 'x/#' does not match any topicspaces":                                                                 g.Subscribe("x/#"),
		"Topic name 'a/+' does not match any topicspaces":                                                                   g.Publish("a/+"),
		"Topic filter '' does not match any topicspaces":                                                                    g.Subscribe(""),
		"binding bind-1 of group machines allows to publish to topic space tele-1, template m/${client.authenticationName}": g.Publish("m/m1"),
	} {
		if got := d.Reason(); got != want {
			t.Errorf("Reason() = %q, want %q", got, want)
		}
	}
	if r := g.Publish("m/m1").Rule; r.Binding != "bind-1" || r.Group != "machines" || r.Space != "tele-1" || r.Permission != Publisher {
		t.Errorf("Rule = %+v", r)
	}
}

// Section 5: what a change means for clients that are there.
func TestChangesConcernOnlyTheirClients(t *testing.T) {
	spaces := []*TopicSpace{space(t, "own", "m/${client.authenticationName}/#"), space(t, "news", "news/#", "old/#"), space(t, "halls", "h/${client.attributes.hall}")}
	bindings := []*Binding{
		bind("b-own", AllClients, "own", Publisher), bind("b-news", "readers", "news", Subscriber), bind("b-halls", "presses", "halls", Publisher),
	}
	before := policyOf(spaces, bindings...)
	hall := func(n int64) *identity.Principal {
		return registered("p1", identity.Attributes{"hall": identity.Integer(n)})
	}
	spare := func(p *identity.Principal) *identity.Principal {
		p.Attributes["spare"] = identity.Text("x")
		return p
	}
	tests := map[string]struct {
		after  *Policy
		groups []string
		who    *identity.Principal
		same   bool
	}{
		"nothing":                          {policyOf(spaces, bindings...), []string{"readers", "presses"}, hall(4), true},
		"the order of groups":              {before, []string{"presses", "$all", "READERS", "presses"}, hall(4), true},
		"a group without bindings":         {before, []string{"readers", "presses", "others"}, hall(4), true},
		"a binding of another group":       {policyOf(spaces, append([]*Binding{bind("a", "ovens", "news", Publisher)}, bindings...)...), []string{"readers", "presses"}, hall(4), true},
		"a binding's name":                 {policyOf(spaces, bindings[0], bindings[1], bind("zzz", "presses", "halls", Publisher)), []string{"readers", "presses"}, hall(4), true},
		"a second binding for the same":    {policyOf(spaces, append([]*Binding{bind("a", "presses", "own", Publisher)}, bindings...)...), []string{"readers", "presses"}, hall(4), true},
		"another spelling of a template":   {policyOf([]*TopicSpace{space(t, "own", "m/${principal.name}/#"), spaces[1], spaces[2]}, bindings...), []string{"readers", "presses"}, hall(4), true},
		"an attribute that nothing uses":   {before, []string{"readers", "presses"}, spare(hall(4)), true},
		"an attribute's value":             {before, []string{"readers", "presses"}, hall(5), false},
		"a binding less":                   {policyOf(spaces, bindings[0], bindings[2]), []string{"readers", "presses"}, hall(4), false},
		"a binding more":                   {policyOf(spaces, append([]*Binding{bind("a", "presses", "news", Publisher)}, bindings...)...), []string{"readers", "presses"}, hall(4), false},
		"another permission":               {policyOf(spaces, bindings[0], bind("b-news", "readers", "news", Publisher), bindings[2]), []string{"readers", "presses"}, hall(4), false},
		"a template less":                  {policyOf([]*TopicSpace{spaces[0], space(t, "news", "news/#"), spaces[2]}, bindings...), []string{"readers", "presses"}, hall(4), false},
		"a group less":                     {before, []string{"presses"}, hall(4), false},
		"another name":                     {before, []string{"readers", "presses"}, registered("p2", hall(4).Attributes), false},
		"the same name with another case":  {before, []string{"readers", "presses"}, registered("P1", hall(4).Attributes), false},
		"a literal in place of a variable": {policyOf([]*TopicSpace{space(t, "own", "m/p1/#"), spaces[1], spaces[2]}, bindings...), []string{"readers", "presses"}, hall(4), false},
	}
	old := before.Compile(hall(4), []string{"readers", "presses"})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := tt.after.Compile(tt.who, tt.groups)
			if old.Same(g) != tt.same || g.Same(old) != tt.same {
				t.Errorf("Same() = %v, back %v; want %v", old.Same(g), g.Same(old), tt.same)
			}
		})
	}
	if none := (*Grants)(nil); old.Same(none) || none.Same(old) || !none.Same(nil) || !old.Same(old) {
		t.Error("Same is wrong about nil or itself")
	}
	// A live subscription is asked again; what is queued is asked at delivery.
	after := policyOf([]*TopicSpace{spaces[0], space(t, "news", "news/today"), spaces[2]}, bindings...).Compile(hall(4), []string{"readers"})
	check(t, after, mayNot(Subscribe, "news/#"), mayNot(Subscribe, "old/#"), may(Subscribe, "news/today"))
	if !after.MayReceive("news/today") || after.MayReceive("news/x") || after.MayReceive("old/x") || !old.MayReceive("old/x") || after.MayReceive("m/p1/x") {
		t.Error("MayReceive does not follow the change")
	}
	if (*Grants)(nil).MayReceive("a") || after.MayReceive("$SYS/x") || after.MayReceive("") {
		t.Error("MayReceive opens what nothing opens")
	}
}

// Section 6.
func TestAcceptancePatterns(t *testing.T) {
	t.Run("1 area isolation", func(t *testing.T) {
		p := policyOf([]*TopicSpace{space(t, "area1-space", "areas/area1/machines/#"), space(t, "area2-space", "areas/area2/machines/#")},
			bind("a1-pub", "area1", "area1-space", Publisher), bind("a1-sub", "area1", "area1-space", Subscriber),
			bind("a2-pub", "area2", "area2-space", Publisher), bind("a2-sub", "area2", "area2-space", Subscriber))
		check(t, p.Compile(registered("m1", nil), []string{"area1"}),
			may(Publish, "areas/area1/machines/m1/temp"), may(Subscribe, "areas/area1/machines/#"), may(Subscribe, "areas/area1/machines/+/temp"),
			mayNot(Publish, "areas/area2/machines/m1/temp"), mayNot(Subscribe, "areas/area2/machines/#"),
			mayNot(Subscribe, "areas/+/machines/#"), mayNot(Subscribe, "areas/#"))
	})
	t.Run("2 split roles", func(t *testing.T) {
		p := policyOf([]*TopicSpace{space(t, "telemetry", "areas/area1/telemetry/#"), space(t, "commands", "areas/area1/commands/#")},
			bind("m-tele", "machines", "telemetry", Publisher), bind("m-cmd", "machines", "commands", Subscriber),
			bind("g-tele", "managers", "telemetry", Subscriber), bind("g-cmd", "managers", "commands", Publisher))
		machine, manager := p.Compile(registered("m1", nil), []string{"machines"}), p.Compile(registered("boss", nil), []string{"managers"})
		check(t, machine, may(Publish, "areas/area1/telemetry/m1"), may(Subscribe, "areas/area1/commands/m1"),
			mayNot(Publish, "areas/area1/commands/m1"), mayNot(Subscribe, "areas/area1/telemetry/#"))
		check(t, manager, may(Publish, "areas/area1/commands/m1"), may(Subscribe, "areas/area1/telemetry/#"),
			mayNot(Publish, "areas/area1/telemetry/m1"), mayNot(Subscribe, "areas/area1/commands/#"))
	})
	t.Run("3 own topic only", func(t *testing.T) {
		p := policyOf([]*TopicSpace{space(t, "machines", "machines/${client.authenticationName}/telemetry")}, bind("machines-pub", AllClients, "machines", Publisher))
		check(t, p.Compile(registered("machine1", nil), nil), may(Publish, "machines/machine1/telemetry"),
			mayNot(Publish, "machines/machine2/telemetry"), mayNot(Publish, "machines//telemetry"), mayNot(Subscribe, "machines/machine1/telemetry"))
	})
	t.Run("4 request and response", func(t *testing.T) {
		p := policyOf([]*TopicSpace{
			space(t, "desired-all", "devices/+/desired"), space(t, "reported-all", "devices/+/reported"),
			space(t, "desired-own", "devices/${client.authenticationName}/desired"), space(t, "reported-own", "devices/${client.authenticationName}/reported"),
		}, bind("call", "callers", "desired-all", Publisher), bind("hear", "callers", "reported-all", Subscriber),
			bind("get", "devices", "desired-own", Subscriber), bind("tell", "devices", "reported-own", Publisher))
		check(t, p.Compile(registered("caller", nil), []string{"callers"}), may(Publish, "devices/d1/desired"), may(Subscribe, "devices/+/reported"),
			may(Subscribe, "devices/d1/reported"), mayNot(Subscribe, "devices/#"), mayNot(Publish, "devices/d1/reported"))
		check(t, p.Compile(registered("d1", nil), []string{"devices"}), may(Subscribe, "devices/d1/desired"), may(Publish, "devices/d1/reported"),
			mayNot(Subscribe, "devices/+/desired"), mayNot(Subscribe, "devices/d2/desired"), mayNot(Publish, "devices/d2/reported"))
	})
}

// A client that chose its name and attributes badly, or wickedly.
func TestAttacks(t *testing.T) {
	templates := []string{
		"m/${client.authenticationName}/t", "m/${client.authenticationName}", "${client.authenticationName}", "${client.authenticationName}/#", "k/${client.authenticationName|.x}",
		"v/${client.attributes.v}/t", "v/${client.attributes.v}", "${client.attributes.v}/w", "pre${client.attributes.v}", "l/${client.attributes.l}",
	}
	wanted := []asking{
		mayNot(Subscribe, "#"), mayNot(Subscribe, "+"), mayNot(Subscribe, "+/#"), mayNot(Subscribe, "m/#"), mayNot(Subscribe, "m/+"), mayNot(Subscribe, "m/+/t"),
		mayNot(Subscribe, "v/#"), mayNot(Subscribe, "v/+/t"), mayNot(Subscribe, "l/+"), mayNot(Subscribe, "l/#"), mayNot(Subscribe, "$SYS/#"), mayNot(Subscribe, "k/+"),
		mayNot(Publish, "m/other/t"), mayNot(Publish, "m/other"), mayNot(Publish, "other"), mayNot(Publish, "v/other/t"), mayNot(Publish, "v/other"), mayNot(Publish, "l/other"),
		mayNot(Publish, "m/"), mayNot(Publish, "m//t"), mayNot(Publish, "v//t"), mayNot(Publish, "k/.x"), mayNot(Publish, "pre"), mayNot(Publish, "$SYS/w"), mayNot(Publish, "$SYS"),
		mayNot(Publish, "m/a/b/t"), mayNot(Publish, "m/a/b"), mayNot(Publish, "v/a/b"), mayNot(Publish, "a/b"),
	}
	for _, evil := range []string{"#", "+", "/", "a/b", "a/#", "+/+", "a+", "#a", "\x00", "a\x00b", "", "$SYS", "../x", "a/", "/b", "\xff", strings.Repeat("a/", 100)} {
		t.Run(evil, func(t *testing.T) {
			who := registered(evil, identity.Attributes{"v": identity.Text(evil), "l": identity.List(evil, evil+"/b", "+")})
			check(t, open(t, who, templates...), wanted...)
			directory := &identity.Principal{Method: identity.DirectoryToken, Object: evil, Name: "other", Attributes: who.Attributes}
			role := &RoleAssignment{Name: "r", Principal: evil, Role: SubscriberRole, Scope: plant}
			check(t, NewPolicy(plant, []*TopicSpace{space(t, "all", templates...)}, nil, []*RoleAssignment{role}).Compile(directory, nil), wanted...)
		})
	}
	t.Run("variables in values are text", func(t *testing.T) {
		who := registered("${client.attributes.v}", identity.Attributes{"v": identity.Text("secret")})
		check(t, open(t, who, "m/${client.authenticationName}"), mayNot(Publish, "m/secret"), may(Publish, "m/${client.attributes.v}"))
	})
}

// Lists of values that multiply.
func TestTemplateBombs(t *testing.T) {
	var long []string
	for i := range 40 {
		long = append(long, strings.Repeat("x", i+1))
	}
	who := registered("n", identity.Attributes{
		"a": identity.List(long...), "b": identity.List(long...), "c": identity.List(long...), "two": identity.List("x", "y"),
	})
	bomb := "boom/${client.attributes.a|client.attributes.b|client.attributes.c}"
	g := open(t, who, bomb, "boom/${client.attributes.a}/${client.attributes.b}", "boom/${client.attributes.a}", "ok/${client.attributes.a}/${client.attributes.two}", "n/${client.authenticationName}")
	check(t, g,
		mayNot(Publish, "boom/xxx/x"), mayNot(Publish, "boom/"+strings.Repeat("x", 100)), mayNot(Subscribe, "boom/#"), mayNot(Subscribe, "boom/+"),
		may(Publish, "boom/xxx"), may(Publish, "ok/xxx/y"), may(Publish, "n/n"), mayNot(Publish, "ok/xxx/z"))
	if r := g.Publish("boom/xxx").Rule; r == nil || r.Template != "boom/${client.attributes.a}" {
		t.Errorf("allowed by %+v, want the template that is not a bomb", r)
	}
	// Only the bombs go, and only for the client whose lists make them bombs.
	harmless := registered("n", identity.Attributes{"a": identity.Text("x"), "b": identity.Text("y"), "c": identity.Text("z")})
	check(t, open(t, harmless, bomb), may(Publish, "boom/xyz"))
	one := registered("n", identity.Attributes{"a": identity.List(long[:32]...), "b": identity.List(long[:32]...)})
	check(t, open(t, one, "e/${client.attributes.a}/${client.attributes.b}"), may(Publish, "e/x/xx"))
	one.Attributes["b"] = identity.List(long[:33]...)
	check(t, open(t, one, "e/${client.attributes.a}/${client.attributes.b}"), mayNot(Publish, "e/x/xx"))
	if 32*32 != topic.MaxCombinations {
		t.Error("the bound has moved; move this test")
	}
}

// Decisions cost no memory.
func TestDecisionsDoNotAllocate(t *testing.T) {
	who := registered("m1", identity.Attributes{"l": identity.List("a", "b", "c")})
	g := open(t, who, "m/${client.authenticationName}/#", "news/+", "l/${client.attributes.l}/x")
	n := testing.AllocsPerRun(100, func() {
		g.Publish("m/m1/x")
		g.Publish("no/such/topic")
		g.Subscribe("l/c/x")
		g.Subscribe("m/+/x")
		g.MayReceive("news/today")
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Clients share what they can, and what is remembered is bounded.
func TestClassesAreShared(t *testing.T) {
	p := policyOf([]*TopicSpace{space(t, "plain", "a/#"), space(t, "own", "m/${client.authenticationName}")},
		bind("b1", AllClients, "plain", Publisher), bind("b2", "g", "own", Publisher))
	if p.Compile(registered("a", nil), nil) != p.Compile(registered("b", nil), []string{"none"}) {
		t.Error("two clients without variables have grants of their own")
	}
	a, b := p.Compile(registered("a", nil), []string{"g"}), p.Compile(registered("b", nil), []string{"g"})
	if a.class != b.class || a.Same(b) {
		t.Error("two clients of a group do not share their class, or their values")
	}
	many := []*Binding{}
	for i := range 12 {
		many = append(many, bind("b", string(rune('a'+i)), "own", Publisher))
	}
	p = policyOf([]*TopicSpace{space(t, "own", "m/${client.authenticationName}")}, many...)
	for set := range 1 << 12 {
		var groups []string
		for i := range 12 {
			if set>>i&1 == 1 {
				groups = append(groups, string(rune('a'+i)))
			}
		}
		if g := p.Compile(registered("x", nil), groups); g.Publish("m/x").Allowed != (set > 0) {
			t.Fatalf("groups %q: %v", groups, g.Publish("m/x"))
		}
	}
	if len(p.classes) > maxClasses {
		t.Errorf("%d classes are remembered, want %d at most", len(p.classes), maxClasses)
	}
}
