package access

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gridmq/identity"
	"gridmq/topic"
)

var (
	modelLevels = []string{
		"a", "b", "", "+", "+", "#", "ab", "$x", "$SYS",
		"${client.authenticationName}", "${client.attributes.k}", "${client.attributes.l}", "${principal.name}",
		"a${principal.attributes.k}", "${client.attributes.k|b}", "${a|client.attributes.l}", "${client.attributes.k|client.attributes.l}",
	}
	modelTexts  = []string{"a", "b", "ab", "a", "", "#", "+", "a/b", "$x", "b\x00", "4"}
	modelGroups = []string{"g1", "g2", "g3"}
)

func drawLevels(t *rapid.T, label string, from []string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(from), 1, 3).Draw(t, label), "/")
}

// drawPolicy draws a policy twice.
func drawPolicy(t *rapid.T) (*model, *Policy) {
	m := &model{spaces: map[string][]string{}}
	var spaces []*TopicSpace
	for _, name := range []string{"s-1", "s-2", "s-3"} {
		properties, texts := `{"topicTemplates":[`, []string{}
		for range rapid.IntRange(1, 4).Draw(t, "templates") {
			text := drawLevels(t, "template", modelLevels)
			if i := strings.Index(text, "#"); i >= 0 {
				text = text[:i+1]
			}
			if text == "" || text[0] == '$' && text[1] != '{' && !topic.IsSystem(text) {
				text = "b"
			}
			texts = append(texts, text)
			properties += fmt.Sprintf("%q,", text)
		}
		s, err := DecodeTopicSpace(name, []byte(strings.TrimSuffix(properties, ",")+`]}`))
		if err != nil {
			t.Fatalf("%q: %v", texts, err)
		}
		m.spaces[name], spaces = texts, append(spaces, s)
	}
	var bindings []*Binding
	for i := range rapid.IntRange(0, 6).Draw(t, "bindings") {
		b := bind(fmt.Sprintf("b-%d", i), rapid.SampledFrom(append(modelGroups, "$all")).Draw(t, "group"),
			rapid.SampledFrom([]string{"s-1", "s-2", "s-3", "s-none"}).Draw(t, "space"), Permission(rapid.IntRange(0, 1).Draw(t, "permission")))
		bindings = append(bindings, b)
		m.bindings = append(m.bindings, [4]string{b.ClientGroup, b.TopicSpace, b.Permission.String(), b.Name})
	}
	return m, policyOf(spaces, bindings...)
}

func drawPrincipal(t *rapid.T) (*identity.Principal, []string) {
	who := registered(rapid.SampledFrom(modelTexts).Draw(t, "name"), identity.Attributes{})
	for _, key := range []string{"k", "l"} {
		switch rapid.IntRange(0, 3).Draw(t, "attribute "+key) {
		case 0:
			who.Attributes[key] = identity.Text(rapid.SampledFrom(modelTexts).Draw(t, key))
		case 1:
			who.Attributes[key] = identity.Integer(4)
		case 2:
			who.Attributes[key] = identity.List(rapid.SliceOfN(rapid.SampledFrom(modelTexts), 0, 3).Draw(t, key)...)
		}
	}
	return who, rapid.SliceOfNDistinct(rapid.SampledFrom(modelGroups), 0, 2, rapid.ID).Draw(t, "groups")
}

func drawAsked(t *rapid.T, op Operation) string {
	levels := []string{"a", "b", "ab", "", "a", "b", "aa", "abb", "z", "$x", "4", "a4"}
	if op == Subscribe {
		levels = []string{"a", "b", "ab", "", "a", "b", "+", "+", "#", "$x", "4", "ba"}
	}
	s := drawLevels(t, op.String(), levels)
	if i := strings.Index(s, "#"); i >= 0 {
		s = s[:i+1]
	}
	if s == "" {
		s = "a"
	}
	return s
}

// What is compiled decides as the model does, names a rule that exists and is the
// client's, and is explained in the same way.
func TestGrantsAgreeWithTheModel(t *testing.T) {
	allowed := 0
	rapid.Check(t, func(t *rapid.T) {
		m, p := drawPolicy(t)
		for range 3 {
			who, groups := drawPrincipal(t)
			g := p.Compile(who, groups)
			publish, subscribe := m.filters(who, groups, "Publisher"), m.filters(who, groups, "Subscriber")
			for range 4 {
				name, filter := drawAsked(t, Publish), drawAsked(t, Subscribe)
				d, want := g.Publish(name), modelAllowed(publish, Publish, name)
				if d.Allowed != want {
					t.Fatalf("Publish(%q) by %q: %v by %+v, the model says %v: %q", name, who.Name, d.Allowed, d.Rule, want, publish)
				}
				checkExplained(t, m, p, who, groups, Publish, name, d)
				if got, want := g.MayReceive(name), modelAllowed(subscribe, Publish, name); got != want {
					t.Fatalf("MayReceive(%q) by %q: %v, the model says %v: %q", name, who.Name, got, want, subscribe)
				}
				if d.Allowed {
					allowed++
				}
				d, want = g.Subscribe(filter), modelAllowed(subscribe, Subscribe, filter)
				if d.Allowed != want {
					t.Fatalf("Subscribe(%q) by %q: %v by %+v, the model says %v: %q", filter, who.Name, d.Allowed, d.Rule, want, subscribe)
				}
				checkExplained(t, m, p, who, groups, Subscribe, filter, d)
			}
		}
	})
	if allowed < 20 {
		t.Errorf("%d topics were allowed; the test is idle", allowed)
	}
}

// checkExplained checks that a decision and its explanation are one, and true.
func checkExplained(t *rapid.T, m *model, p *Policy, who *identity.Principal, groups []string, op Operation, asked string, d Decision) {
	e := p.Explain(who, groups, op, asked)
	if text := e.String(); e.Allowed != d.Allowed || text == "" || (e.Rule != nil) != d.Allowed || e.Allowed && len(e.Misses) > 0 {
		t.Fatalf("%v %q: allowed %v, explained as %+v", op, asked, d.Allowed, e)
	}
	if d.Allowed {
		r := d.Rule
		held := false
		for _, b := range m.bindings {
			held = held || b == [4]string{r.Group, r.Space, r.Permission.String(), r.Binding}
		}
		if !held || r.Permission != op.permission() || !modelAllowed([]string{e.Filter}, op, asked) {
			t.Fatalf("%v %q: allowed by %+v with the filter %q", op, asked, r, e.Filter)
		}
	}
	for i, miss := range e.Misses {
		if i > 0 && miss.Kind < e.Misses[i-1].Kind || miss.Text == "" || len(e.Misses) > maxMisses {
			t.Fatalf("%v %q: misses %+v", op, asked, e.Misses)
		}
		if miss.Kind == OtherPermission && miss.hit && !modelAllowed(m.filters(who, groups, (1-op.permission()).String()), op, asked) {
			t.Fatalf("%v %q: %+v, and the other permission does not have it", op, asked, miss)
		}
	}
}

// Same is never wrong when it says yes: a client that is left alone has the rights
// that it would get.
func TestSameGrantsDecideAlike(t *testing.T) {
	same := 0
	rapid.Check(t, func(t *rapid.T) {
		m, p := drawPolicy(t)
		n, q := m, p
		if rapid.Bool().Draw(t, "another policy") {
			n, q = drawPolicy(t)
		}
		who, groups := drawPrincipal(t)
		her, hers := who, groups
		if rapid.Bool().Draw(t, "another client") {
			her, hers = drawPrincipal(t)
		}
		if !p.Compile(who, groups).Same(q.Compile(her, hers)) {
			return
		}
		same++
		for _, permission := range []Permission{Publisher, Subscriber} {
			a, b := m.filters(who, groups, permission.String()), n.filters(her, hers, permission.String())
			var names []string
			for _, f := range append(a, b...) {
				names = append(names, modelNames(f, "a")...)
			}
			for _, name := range names {
				if name == "" {
					continue
				}
				if modelAllowed(a, Publish, name) != modelAllowed(b, Publish, name) {
					t.Fatalf("%q and %q are the same, but for %q", a, b, name)
				}
			}
		}
	})
	if same < 10 {
		t.Errorf("%d were the same; the test is idle", same)
	}
}
