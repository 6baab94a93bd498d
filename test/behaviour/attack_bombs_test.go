package behaviour

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	manage "gridmq/control/client"
	"gridmq/mqtt"
)

// TestAttackBombs: resources that are small to write and large to work with. They
// are refused in no time, or cost little; a client goes on meanwhile.
func TestAttackBombs(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.open("bombs", "", "")
	s.trust("bombs", "ca1", s.ca)
	s.put("bombs", "clients", "press-1", `{}`)
	steady := s.enter(caller{ns: "bombs", id: "steady", cert: s.badge("press-1")})
	text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	query := func(q string) string { return `{"query":` + text(q) + `}` }
	templates := func(list ...string) string { return `{"topicTemplates":` + text(list) + `}` }
	variable := "${client.attributes.list}"
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprint("a/", i)
	}
	for name, tt := range map[string]struct {
		kind, properties string
		refused          bool
	}{
		"parentheses":     {"clientGroups", query(strings.Repeat("(", 2000) + "attributes.a = 1" + strings.Repeat(")", 2000)), true},
		"1 MB query":      {"clientGroups", query(strings.Repeat("attributes.a = 1 or ", 50_000) + "attributes.a = 1"), true},
		"100 comparisons": {"clientGroups", query(strings.Repeat("attributes.a=1 or ", 100) + "attributes.a=1"), true},
		"long list":       {"clientGroups", query("attributes.a in [" + strings.Repeat("1,", 1000) + "1]"), true},
		"unclosed":        {"clientGroups", query(`attributes.a = "` + strings.Repeat("x", 3000)), true},
		"endless number":  {"clientGroups", query("attributes.a = " + strings.Repeat("9", 4000)), true},
		"odd operators":   {"clientGroups", query(strings.Repeat("not ", 800) + "attributes.a = 1"), true},
		"1000 templates":  {"topicSpaces", templates(many...), true},
		"1 MB template":   {"topicSpaces", templates(strings.Repeat("a/", 500_000)), true},
		"100,000 levels":  {"topicSpaces", templates(strings.Repeat("+/", 100_000) + "#"), true},
		"nested variable": {"topicSpaces", templates("${client.attributes.${client.attributes.a}}"), true},
		"half a variable": {"topicSpaces", templates(strings.Repeat("${", 1000)), true},
		"attributes":      {"clients", `{"attributes":{"list":` + text(many) + `}}`, true},
		"many variables":  {"topicSpaces", templates(strings.TrimSuffix(strings.Repeat(variable+"/", 12), "/")), false},
		"many in each":    {"topicSpaces", templates("a/"+variable+"/"+variable+"/#", variable+"/+/"+variable, "b/"+variable+"/"+variable+"/"+variable), false},
	} {
		begin := time.Now()
		_, _, _, err := s.plane.Put(t.Context(), place.ID("bombs", tt.kind, strings.NewReplacer(" ", "-", ",", "-").Replace(name)), []byte(`{"properties":`+tt.properties+`}`), manage.Condition{})
		if took := time.Since(begin); took > patience/2 {
			t.Errorf("%s took %v", name, took)
		}
		if (err != nil) != tt.refused {
			// Some of these are a matter of limits elsewhere; what counts is what they cost.
			t.Errorf("%s: %.300v, want refused: %t", name, err, tt.refused)
		}
	}
	for _, space := range []string{"many-variables", "many-in-each"} {
		for _, permission := range []string{"Publisher", "Subscriber"} {
			s.put("bombs", "permissionBindings", space+"-"+permission, `{"clientGroupName":"$all","topicSpaceName":"`+space+`","permission":"`+permission+`"}`)
		}
	}
	s.put("bombs", "clients", "lister", `{"attributes":{"list":`+text(strings.Split(strings.Repeat("v,", 200), ","))+`}}`)
	var values []string
	for i := range 400 {
		values = append(values, fmt.Sprint("v", i))
	}
	s.put("bombs", "clients", "lister-2", `{"attributes":{"list":`+text(values)+`}}`)
	for _, name := range []string{"lister", "lister-2"} {
		begin := time.Now()
		r := s.enter(caller{ns: "bombs", id: name, cert: s.badge(name)})
		for i := range 40 {
			r.publishes(fmt.Sprintf("a/v%d/v%d/%d", i, i, i))
			r.subscribes(fmt.Sprintf("v%d/+/v%d", i, i))
		}
		if !r.publishes("devices/" + name + "/x") {
			t.Errorf("%s: what can be granted is not", name)
		}
		if took := time.Since(begin); took > patience/2 {
			t.Errorf("%s: 40 topics took %v", name, took)
		}
	}
	if !steady.publishes("devices/press-1/x") {
		t.Error("a client was disturbed")
	}
}

// TestAttackManyRules: queries that are as large as allowed, many of them, over many
// clients; each change is in force in bounded time, and nobody is disturbed.
func TestAttackManyRules(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	s := besieged(t)
	s.open("rules", "", "")
	s.trust("rules", "ca1", s.ca)
	s.put("rules", "clients", "steady", `{}`)
	steady := s.enter(caller{ns: "rules", id: "steady", cert: s.badge("steady")})
	latencies := make(chan time.Duration, 1)
	stop := make(chan struct{})
	go func() { latencies <- steady.keepPublishing("devices/steady/x", stop) }()
	var largest string
	for i := range 60 {
		largest += fmt.Sprintf("attributes.k%d = 'not there' or ", i)
	}
	begin := time.Now()
	const rules = 40
	for i := range rules {
		name := fmt.Sprint("rule-", i)
		s.put("rules", "clientGroups", name, `{"query":"`+largest+`attributes.k = 1"}`)
		s.put("rules", "topicSpaces", name, fmt.Sprintf(`{"topicTemplates":["t%d/+/${client.authenticationName}/#","u%d/#"]}`, i, i))
		s.put("rules", "permissionBindings", name, fmt.Sprintf(`{"clientGroupName":%q,"topicSpaceName":%q,"permission":"Publisher"}`, name, name))
	}
	t.Logf("%d rules took %v", 3*rules, time.Since(begin).Round(time.Millisecond))
	begin = time.Now()
	for i := range 30 {
		s.put("rules", "clients", fmt.Sprint("c", i), `{"attributes":{"k":1}}`)
	}
	t.Logf("30 clients took %v", time.Since(begin).Round(time.Millisecond))
	begin = time.Now()
	if r := s.enter(caller{ns: "rules", id: "c7", cert: s.badge("c7")}); !r.publishes("t39/x/c7/y") || r.publishes("t39/x/c8/y") {
		t.Error("a client does not have the rights of its group, or others")
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("CONNECT took %v", took)
	}
	close(stop)
	if worst := <-latencies; worst > seldom {
		t.Errorf("a client waited %v for a PUBACK meanwhile", worst)
	} else {
		t.Logf("the longest wait for a PUBACK meanwhile: %v", worst.Round(time.Millisecond))
	}
}

// keepPublishing publishes until stop and returns the longest wait for an answer;
// an hour when there was none.
func (r *raw) keepPublishing(topic string, stop <-chan struct{}) (worst time.Duration) {
	for id := uint16(1); ; id = id%60_000 + 1 {
		select {
		case <-stop:
			return worst
		case <-time.After(5 * time.Millisecond):
		}
		m := mqtt.Message{Topic: topic, Payload: []byte("m"), QoS: 1}
		begin := time.Now()
		if _, err := r.wire.Write(mqtt.AppendPublish(nil, &m, &mqtt.Out{Version: r.v, QoS: 1, PacketID: id})); err != nil {
			return time.Hour
		}
		p, err := r.wait(patience)
		var a mqtt.Ack
		if err != nil || p.Type != mqtt.PUBACK || a.Read(r.v, mqtt.PUBACK, p.body) != nil || a.PacketID != id || a.Code.IsError() {
			return time.Hour
		}
		worst = max(worst, time.Since(begin))
	}
}
