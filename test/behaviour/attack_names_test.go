package behaviour

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gridmq/mqtt"
)

// TestAttackNames: a name that means something in a topic gives nothing, and a name
// that looks like another one is another one.
func TestAttackNames(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.open("names", "", "")
	s.trust("names", "ca1", s.ca)
	for i, name := range []string{"#", "+", "a/b", "/", "$share", "a#", "+/", "nul\x00", "admin", "\u0430dmin", "press-07\u200b", "Press-07", strings.Repeat("n", 128)} {
		text, _ := json.Marshal(name)
		s.put("names", "clients", fmt.Sprint("c", i), `{"authenticationName":`+string(text)+`}`)
	}
	s.put("names", "clients", "victim", `{}`)
	topics := []string{"devices/victim/x", "devices/x", "devices/#", "devices/a/b/x", "devices//x", "devices", "devices/", "x", "devices/b/x",
		"devices/admin/x", "devices/press-07/x", "devices/PRESS-07/x", "devices/Press-07/x", "devices/\u0430dmin/x", "$SYS/x"}
	filters := []string{"devices/#", "#", "+/#", "devices/+/x", "devices/+/#", "+/victim/#", "devices/victim/#", "$SYS/#", "$share/g/devices/#", "devices"}
	for name, own := range map[string]string{
		"#": "", "+": "", "a/b": "", "/": "", "a#": "", "+/": "", "nul\x00": "",
		"admin": "devices/admin/x", "\u0430dmin": "devices/\u0430dmin/x", "Press-07": "devices/Press-07/x",
	} {
		r := s.enter(caller{ns: "names", id: "as " + strings.Trim(name, "\x00"), cert: s.badge(name)})
		for _, topic := range topics {
			if strings.ContainsAny(topic, "#+") {
				continue // no topic name
			}
			if got := r.publishes(topic); got != (topic == own) {
				t.Errorf("the client %q may publish on %q: %t", name, topic, got)
			}
		}
		for _, f := range filters {
			if r.subscribes(f) {
				t.Errorf("the client %q may subscribe to %q", name, f)
			}
		}
	}
	// Case does not count for who it is, and does in topics.
	r := s.enter(caller{ns: "names", id: "case", cert: s.badge("PRESS-07")})
	if !r.publishes("devices/Press-07/x") || r.publishes("devices/PRESS-07/x") || r.publishes("devices/press-07/x") {
		t.Error("a name in another case does not have the rights of its registered spelling, or has more")
	}
	for id, name := range map[string]string{
		"homoglyph": "vi\u0441tim", "full width": "\uff56ictim", "ligature": "victi\u217f", "space": "victim ", "dotless": "v\u0131ctim",
		"combining": "vi\u0301ctim", "nul behind": "victim\x00", "slash": "victim/", "list": "victim,admin", "whole subject": "CN=victim",
		"zero width": "victim\u200b", "right to left": "\u202emitciv", "long": strings.Repeat("n", 129),
	} {
		s.refuse(caller{ns: "names", id: id, cert: s.badge(name), v3: len(id)%2 == 0}, mqtt.NotAuthorized, "")
	}
}

// TestAttackOtherNames: whose user name it is, and whose client identifier.
func TestAttackOtherNames(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.open("names", "", "")
	s.trust("names", "ca1", s.ca)
	s.put("names", "clients", "eve", `{}`)
	s.put("names", "clients", "victim", `{}`)
	eve := s.badge("eve")
	for _, name := range []string{"victim", "VICTIM"} {
		s.refuse(caller{ns: "names", id: "user " + name, cert: eve, user: &name}, mqtt.NotAuthorized, "does not have the name of client")
		s.refuse(caller{ns: "names", id: "password of " + name, user: &name, password: []byte("guess")}, mqtt.NotAuthorized, "passwords.enabled")
		s.refuse(caller{ns: "names", id: "certificate and password of " + name, cert: eve, user: &name, password: []byte("guess")}, mqtt.NotAuthorized, "")
		s.refuse(caller{ns: "names", id: "nothing of " + name, user: &name}, mqtt.NotAuthorized, "neither a certificate nor a password")
	}
	unknown := "somebody"
	s.refuse(caller{ns: "names", id: "unknown user", cert: eve, user: &unknown}, mqtt.NotAuthorized, "no client has the authentication name")
	s.refuse(caller{ns: "names", id: "nobody"}, mqtt.NotAuthorized, "neither a certificate nor a password")
	// The identifier is not on the list: the broker judges the method before it notes who asks.
	s.refuse(caller{ns: "names", id: "plain", method: "PLAIN", data: "\x00victim\x00x"}, mqtt.BadAuthenticationMethod, noSuchMethod)

	// The session of somebody else: connected, away, with a clean start or without.
	id := caller{ns: "names", id: "session-1", cert: s.badge("victim"), durable: true}
	victim := s.enter(id)
	victim.to(1, "devices/victim/y")
	for round, durable := range []bool{true, false, true, false} {
		thief := caller{ns: "names", id: "session-1", cert: eve, durable: durable, v3: round == 3}
		s.refuse(thief, mqtt.NotAuthorized, othersSession)
		if round == 1 {
			if !victim.publishes("devices/victim/x") {
				t.Error("the owner of the session was disturbed")
			}
			victim.drop()
		}
	}
	if r := s.enter(id); !r.connack.SessionPresent {
		t.Error("the session is gone")
	}
}

// TestAttackAttributes: an attribute that means something in a topic gives nothing.
func TestAttackAttributes(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.open("names", "", "")
	s.trust("names", "ca1", s.ca)
	s.put("names", "topicSpaces", "halls", `{"topicTemplates":["halls/${client.attributes.hall}/x","all/${client.attributes.hall}"]}`)
	s.put("names", "permissionBindings", "halls-p", `{"clientGroupName":"$all","topicSpaceName":"halls","permission":"Publisher"}`)
	s.put("names", "permissionBindings", "halls-s", `{"clientGroupName":"$all","topicSpaceName":"halls","permission":"Subscriber"}`)
	for i, value := range []string{`"+"`, `"#"`, `"4/x"`, `"4/#"`, `"a+"`, `"\u0000"`, `["+","#","4/5"]`, `""`, `"${client.attributes.hall}"`, `["4","+"]`, `"$share"`} {
		name := fmt.Sprint("h", i)
		s.put("names", "clients", name, `{"attributes":{"hall":`+value+`}}`)
		r := s.enter(caller{ns: "names", id: name, cert: s.badge(name)})
		for _, topic := range []string{"halls/4/x", "halls/5/x", "halls/4/x/x", "halls//x", "all/4", "all/", "all", "all/4/x", "halls/a/x"} {
			if got := r.publishes(topic); got && value != `["4","+"]` || got && topic != "halls/4/x" && topic != "all/4" {
				t.Errorf("with hall %s: may publish on %q", value, topic)
			}
		}
		for _, f := range []string{"halls/+/x", "halls/#", "all/#", "all/+", "#", "halls/4/#", "halls/a+/x"} {
			if r.subscribes(f) {
				t.Errorf("with hall %s: may subscribe to %q", value, f)
			}
		}
	}
	s.put("names", "clients", "fair", `{"attributes":{"hall":4}}`)
	r := s.enter(caller{ns: "names", id: "fair", cert: s.badge("fair")})
	if !r.publishes("halls/4/x") || !r.subscribes("all/4") || r.publishes("halls/5/x") {
		t.Error("hall 4 does not have its topics, or others")
	}
}
