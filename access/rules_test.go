package access

import (
	"testing"

	"gridmq/identity"
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
