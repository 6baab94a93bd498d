package access

import (
	"sync"
	"testing"

	"gridmq/identity"
)

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

// Connections compile at the same time.
func TestCompileAtTheSameTime(t *testing.T) {
	p := policyOf([]*TopicSpace{space(t, "plain", "a/#"), space(t, "own", "m/${client.authenticationName}")},
		bind("b1", AllClients, "plain", Publisher), bind("b2", "g", "own", Publisher))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if g := p.Compile(registered("x", nil), []string{"g"}); !g.Publish("m/x").Allowed || !p.Compile(registered("y", nil), nil).Publish("a").Allowed {
					t.Error("refused")
				}
				p.mu.Lock()
				clear(p.classes)
				p.mu.Unlock()
			}
		})
	}
	wg.Wait()
}
