package access

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gridmq/identity"
)

// explained is a policy in which there is something to explain.
func explained(t testing.TB) *Policy {
	return policyOf([]*TopicSpace{
		space(t, "telemetry", "machines/${client.authenticationName}/telemetry/#"),
		space(t, "commands", "machines/${client.authenticationName}/commands/+", "broadcast/#"),
		space(t, "reports", "reports/+/daily"),
		space(t, "halls", "halls/${client.attributes.hall}/#", "odd/${client.attributes.odd}", "blank/${client.attributes.blank}", "flag/${client.attributes.flag}"),
		space(t, "bombs", "bombs/${client.attributes.many}/${client.attributes.more}"),
		space(t, "secret", "secret/#"),
		space(t, "free", "free/#"),
	}, bind("b-tele", "machines", "telemetry", Publisher), bind("b-cmd", "machines", "commands", Subscriber),
		bind("b-all", AllClients, "reports", Subscriber), bind("b-halls", "machines", "halls", Publisher),
		bind("b-bombs", "machines", "bombs", Publisher), bind("b-mgr", "managers", "secret", Publisher), bind("b-mgr-2", "managers", "secret", Subscriber),
		bind("b-gone", "machines", "gone", Publisher))
}

func explainedClient() *identity.Principal {
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprint(i))
	}
	return registered("press-07", identity.Attributes{
		"Hall": identity.Integer(4), "odd": identity.Text("a/b"), "blank": identity.List(), "flag": identity.Boolean(true),
		"many": identity.List(many...), "more": identity.List(many...),
	})
}

func TestExplain(t *testing.T) {
	tests := map[string]struct {
		op    Operation
		asked string
		kinds []MissKind // none: allowed
		says  string
	}{
		"allowed":                    {Publish, "machines/press-07/telemetry/t", nil, `binding b-tele of group machines gives the permission Publisher`},
		"allowed to subscribe":       {Subscribe, "machines/press-07/commands/+", nil, `for this client "machines/press-07/commands/+"`},
		"somebody else's topic":      {Publish, "machines/press-08/telemetry/t", []MissKind{OtherValue, Elsewhere}, `opens "machines/press-07/telemetry/#", which is not this topic name`},
		"the other permission":       {Publish, "machines/press-07/commands/x", []MissKind{OtherPermission, Elsewhere}, `permission here is Subscriber; to publish it needs Publisher as well, by another permission binding`},
		"the other one, subscribing": {Subscribe, "machines/press-07/telemetry/+", []MissKind{OtherPermission, Elsewhere}, `to subscribe it needs Subscriber`},
		"no attribute":               {Publish, "halls/4/x", []MissKind{MissingValue}, `no attribute hall, so the template grants nothing; it has Hall`},
		"an empty list":              {Publish, "blank/x", []MissKind{MissingValue}, `attribute blank is an empty list`},
		"a boolean":                  {Publish, "flag/true", []MissKind{MissingValue}, `attribute flag is neither text`},
		"a wildcard in the value":    {Publish, "odd/x", []MissKind{UnsafeValue}, `the value of ${client.attributes.odd} is "a/b", so the template grants nothing`},
		"too many values":            {Publish, "bombs/1/2", []MissKind{TooManyValues}, `more than 1,024 filters`},
		"a filter that is too wide":  {Subscribe, "machines/press-07/commands/#", []MissKind{Wider, Elsewhere}, `opens "machines/press-07/commands/+", and the filter reaches beyond that`},
		"a plus for a variable":      {Subscribe, "machines/+/commands/x", []MissKind{Wider, Elsewhere}, `opens "machines/press-07/commands/+", and the filter reaches beyond`},
		"everything":                 {Subscribe, "#", []MissKind{Wider, Wider, Wider}, `a filter is granted or refused as a whole`},
		"another group":              {Publish, "secret/x", []MissKind{OtherGroup}, `group managers by binding b-mgr would allow it`},
		"another group, subscribing": {Subscribe, "secret/#", []MissKind{OtherGroup}, `group managers by binding b-mgr-2 would allow it`},
		"no binding":                 {Publish, "free/x", []MissKind{Unbound}, `nothing gives anybody the permission Publisher`},
		"case":                       {Publish, "Reports/x/daily", []MissKind{Elsewhere}, `level 1 is "Reports" here and "reports" in the template: case matters`},
		"a level less":               {Subscribe, "reports/today", []MissKind{Elsewhere}, `the template goes on after this one's last level, with "daily"`},
		"a level more":               {Publish, "reports/x/daily/y", []MissKind{Elsewhere}, `the template ends after level 3`},
		"no space":                   {Publish, "nothing/like/it", nil, `No topic space has this topic name, so it is closed to everybody`},
		"system topics":              {Subscribe, "$SYS/#", []MissKind{Impossible}, `belong to the broker`},
		"a shared filter":            {Subscribe, "$share/g/reports/+/daily", []MissKind{Impossible}, `the filter that follows the share name`},
		"not a name":                 {Publish, "a/#", []MissKind{Impossible}, `not a valid topic name (wildcard in a topic name)`},
		"nothing":                    {Publish, "", []MissKind{Impossible}, `not a valid topic name (empty)`},
		"not a filter":               {Subscribe, "a#", []MissKind{Impossible}, `not a valid topic filter`},
		"a connection":               {Connect, "", nil, `subscribe to "machines/press-07/commands/+" (topic space commands)`},
		"a connection's closed ways": {Connect, "", nil, `publish to nothing by template "halls/${client.attributes.hall}/#": the client has no attribute hall`},
		"a missing topic space":      {Connect, "", nil, `binding b-gone of group machines: gives nothing, there is no topic space gone`},
		"a will":                     {Connect, "machines/press-07/telemetry/will", nil, `may connect with the will topic`},
		"a will that is closed":      {Connect, "machines/press-07/commands/will", []MissKind{OtherPermission, Elsewhere}, `to publish its will it needs Publisher as well`},
	}
	p, who := explained(t), explainedClient()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := p.Explain(who, []string{AllClients, "machines"}, tt.op, tt.asked)
			var kinds []MissKind
			for _, m := range e.Misses {
				kinds = append(kinds, m.Kind)
			}
			if fmt.Sprint(kinds) != fmt.Sprint(tt.kinds) || !strings.Contains(e.String(), tt.says) {
				t.Errorf("misses %v, want %v; want %q in:\n%s", kinds, tt.kinds, tt.says, e)
			}
			if doc, err := json.Marshal(e); err != nil || !strings.Contains(string(doc), `"operation":"`+tt.op.String()) {
				t.Errorf("as JSON: %s, %v", doc, err)
			}
		})
	}
}

func TestExplainReadsWell(t *testing.T) {
	want := `"press-07" may NOT publish to "machines/press-07/commands/stop".
What comes nearest to allowing it:
  - topic space commands, template "machines/${client.authenticationName}/commands/+": the client's permission here is Subscriber; to publish it needs Publisher as well, by another permission binding.
  - topic space telemetry, template "machines/${client.authenticationName}/telemetry/#": level 3 is "commands" here and "telemetry" in the template.
It is in the client groups $all, machines.
What concerns it:
  - binding b-all of group $all: Subscriber on topic space reports
  - binding b-bombs of group machines: Publisher on topic space bombs
  - binding b-cmd of group machines: Subscriber on topic space commands
  - binding b-gone of group machines: gives nothing, there is no topic space gone
  - binding b-halls of group machines: Publisher on topic space halls
  - binding b-tele of group machines: Publisher on topic space telemetry
`
	if got := explained(t).Explain(explainedClient(), []string{"machines"}, Publish, "machines/press-07/commands/stop").String(); got != want {
		t.Errorf("explained as:\n%s\nwant:\n%s", got, want)
	}
}

func TestExplainRoles(t *testing.T) {
	role := func(name, principal, role, scope string) *RoleAssignment {
		return &RoleAssignment{Name: name, Principal: principal, Role: role, Scope: scope}
	}
	p := NewPolicy(plant, []*TopicSpace{space(t, "one", "one/#"), space(t, "two", "two/${client.attributes.hall}")}, []*Binding{bind("b", AllClients, "one", Publisher)},
		[]*RoleAssignment{role("r-sub", objectA, SubscriberRole, plant), role("r-owner", objectA, "Owner", plant), role("r-pub", groupB, PublisherRole, plant+"/topicSpaces/one")})
	who := &identity.Principal{Method: identity.DirectoryToken, Object: objectA, Name: objectA}
	for asked, says := range map[string]string{
		"one/x": "other principals by role assignment r-pub would allow it",
		"two/4": "clients with a directory token have no attributes",
		"x":     "role assignment r-owner: gives nothing, its role has no data action",
	} {
		op := Publish
		if asked == "two/4" {
			op = Subscribe
		}
		e := p.Explain(who, []string{AllClients}, op, asked)
		if e.Allowed || !strings.Contains(e.String(), says) || strings.Contains(e.String(), "binding b ") {
			t.Errorf("%q explained without %q:\n%s", asked, says, e)
		}
	}
	if e := p.Explain(who, nil, Subscribe, "one/#"); !e.Allowed || e.Rule.Role != "r-sub" || !strings.Contains(e.String(), "role assignment r-sub gives the permission Subscriber") {
		t.Errorf("explained as:\n%s", e)
	}
	nobody := &identity.Principal{Method: identity.DirectoryToken, Object: groupB[:35] + "c"}
	if e := p.Explain(nobody, nil, Publish, "one/x"); e.Allowed || !strings.Contains(e.String(), "No role assignment concerns it, so everything is closed") {
		t.Errorf("explained as:\n%s", e)
	}
}
