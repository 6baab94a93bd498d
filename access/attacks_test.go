package access

import (
	"strings"
	"testing"

	"gridmq/identity"
	"gridmq/topic"
)

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
	if got := topic.MaxCombinations; got != 32*32 {
		t.Errorf("the bound is %d; move this test with it", got)
	}
}
