package behaviour

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"gridmq/mqtt"
)

func TestAttackWebhookLies(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	elsewhere := newHook(t, nil)
	answers := map[string]http.HandlerFunc{}
	h := newHook(t, answers)
	tests := map[string]struct {
		answer http.HandlerFunc
		code   mqtt.Code
		reason string
	}{
		"denied":             {say(400, `{"decision":"deny","errorReason":"badge revoked"}`), mqtt.NotAuthorized, "badge revoked"},
		"denied with 200":    {say(200, `{"decision":"deny"}`), mqtt.NotAuthorized, "the webhook denied"},
		"allowed with 201":   {say(201, allowed), mqtt.ServerUnavailable, "not 201"},
		"allowed with 400":   {say(400, allowed), mqtt.ServerUnavailable, "allow with status 400"},
		"allowed with 500":   {say(500, allowed), mqtt.ServerUnavailable, "not 500"},
		"allowed with 401":   {say(401, allowed), mqtt.ServerUnavailable, "not 401"},
		"text":               {sayAs("text/plain", 200, allowed), mqtt.ServerUnavailable, "Content-Type"},
		"no type":            {sayAs("", 200, allowed), mqtt.ServerUnavailable, "Content-Type"},
		"HTML":               {sayAs("text/html", 200, "<html>Sign in"), mqtt.ServerUnavailable, "Content-Type"},
		"HTML as JSON":       {say(200, "<html>Sign in"), mqtt.ServerUnavailable, "the body"},
		"no name":            {say(200, `{"decision":"allow"}`), mqtt.ServerUnavailable, "clientAuthenticationName"},
		"empty name":         {say(200, `{"decision":"allow","clientAuthenticationName":""}`), mqtt.ServerUnavailable, "clientAuthenticationName"},
		"long name":          {say(200, `{"decision":"allow","clientAuthenticationName":"`+strings.Repeat("n", 129)+`"}`), mqtt.ServerUnavailable, "clientAuthenticationName"},
		"name with NUL":      {say(200, `{"decision":"allow","clientAuthenticationName":"a\u0000"}`), mqtt.ServerUnavailable, "clientAuthenticationName"},
		"name twice":         {say(200, allowed[:len(allowed)-1]+`,"clientAuthenticationName":"admin"}`), mqtt.ServerUnavailable, "the body"},
		"decision twice":     {say(200, `{"decision":"deny","decision":"allow","clientAuthenticationName":"a"}`), mqtt.ServerUnavailable, "the body"},
		"decision in a list": {say(200, `{"decision":["allow"],"clientAuthenticationName":"a"}`), mqtt.ServerUnavailable, "decision"},
		"decision true":      {say(200, `{"decision":true,"clientAuthenticationName":"a"}`), mqtt.ServerUnavailable, "decision"},
		"Allow":              {say(200, `{"decision":"Allow","clientAuthenticationName":"a"}`), mqtt.ServerUnavailable, "decision"},
		"empty":              {say(200, ""), mqtt.ServerUnavailable, "the body"},
		"null":               {say(200, "null"), mqtt.ServerUnavailable, "the body"},
		"list":               {say(200, "["+allowed+"]"), mqtt.ServerUnavailable, "the body"},
		"two answers":        {say(200, allowed+allowed), mqtt.ServerUnavailable, "the body"},
		"half":               {say(200, allowed[:30]), mqtt.ServerUnavailable, "the body"},
		"deep":               {say(200, `{"decision":"allow","clientAuthenticationName":"a","x":`+strings.Repeat("[", 9000)), mqtt.ServerUnavailable, "the body"},
		"over":               {say(200, `{"decision":"allow","clientAuthenticationName":"a","expiration":1}`), mqtt.NotAuthorized, "which is over"},
		"odd expiration":     {say(200, `{"decision":"allow","clientAuthenticationName":"a","expiration":"never"}`), mqtt.ServerUnavailable, "expiration"},
		"attributes, a list": {say(200, `{"decision":"allow","clientAuthenticationName":"a","attributes":[]}`), mqtt.ServerUnavailable, "attributes"},
		"attributes, large":  {say(200, `{"decision":"allow","clientAuthenticationName":"a","attributes":{"x":"`+strings.Repeat("x", 4096)+`"}}`), mqtt.ServerUnavailable, "attributes"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, mqtt.ServerUnavailable, "not 307"},
		"compressed": {zipped, mqtt.ServerUnavailable, "compressed"},
		"1 GB":       {h.endless, mqtt.ServerUnavailable, "too large"},
		"1 GB announced": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			say(200, allowed)(w, r)
		}, mqtt.ServerUnavailable, "too large"},
		"long header": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 64<<10))
			say(200, allowed)(w, r)
		}, mqtt.ServerUnavailable, "no decision"},
		"hangs":    {h.hang, mqtt.ServerUnavailable, "Timeout"},
		"drips":    {h.drip, mqtt.ServerUnavailable, "Timeout"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, mqtt.ServerUnavailable, "no decision"},
	}
	for name, tt := range tests {
		answers[name] = tt.answer
	}
	s.openHook("hook", h.URL, 20, "")
	s.openHook("hasty", h.URL, 1, "")
	for name, tt := range tests {
		k := caller{ns: "hook", id: name, v3: len(name)%2 == 0}
		if tt.reason == "Timeout" {
			k.ns = "hasty"
		}
		s.refuse(k, tt.code, tt.reason)
	}
	if n := elsewhere.asked.Load(); n != 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
	if n := h.written.Load(); n > 16<<20 {
		t.Errorf("%d bytes of an endless answer were taken", n)
	}
	s.enter(caller{ns: "hook", id: "allowed"})
	s.trust("hook", "ca1", s.ca)
	s.put("hook", "clients", "press-1", `{}`)
	answers["registered"] = say(400, `{"decision":"deny"}`) // nobody asks meanwhile
	s.refuse(caller{ns: "hook", id: "registered", cert: s.badge("press-1")}, mqtt.NotAuthorized, "the webhook denied")
	down := newHook(t, nil)
	s.openHook("down", down.URL, 5, "")
	down.Close()
	s.refuse(caller{ns: "down", id: "down"}, mqtt.ServerUnavailable, "no decision")
}

// TestAttackWebhookHangs: whoever does not need it does not wait for it, and those
// who do are refused in bounded time.
func TestAttackWebhookHangs(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.house.journal.allow("webhook counts as down")
	var h *hook
	h = newHook(t, map[string]http.HandlerFunc{"": func(w http.ResponseWriter, r *http.Request) { h.hang(w, r) }})
	s.openHook("hook", h.URL, 1, `,"registryFirst":true`)
	s.open("quiet", "", "")
	for _, ns := range []string{"hook", "quiet"} {
		s.trust(ns, "ca1", s.ca)
		s.put(ns, "clients", "press-1", `{}`)
	}
	user := "press-1"
	cert := s.badge(user)
	live := s.enter(caller{ns: "hook", id: "live", cert: cert, user: &user})
	done := make(chan error, 40)
	for range cap(done) { // more than calls may be under way
		go func() {
			nc, err := s.dial(caller{ns: "hook"})
			if err == nil {
				defer nc.Close()
				_, _ = nc.Write(caller{}.connect())
				_ = nc.SetReadDeadline(time.Now().Add(2 * patience))
				got := make([]byte, 4)
				if _, err = io.ReadFull(nc, got); err == nil && (got[0] != 0x20 || got[3] != byte(mqtt.ServerUnavailable) && got[3] != byte(mqtt.ConnectionRateExceeded)) {
					err = fmt.Errorf("answered %x", got)
				}
			}
			done <- err
		}()
	}
	s.awaits("the webhook is asked", func() bool { return h.asked.Load() > 0 })
	begin := time.Now()
	for _, ns := range []string{"hook", "quiet"} {
		if r := s.enter(caller{ns: ns, id: "not delayed", cert: cert, user: &user}); !r.publishes("devices/press-1/x") {
			t.Error("no rights while the webhook hangs")
		}
	}
	if !live.publishes("devices/press-1/x") {
		t.Error("a live client was disturbed")
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("others waited %v", took)
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Errorf("a client of the webhook: %v", err)
		}
	}
}

func TestAttackWebhookAllows(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	var ends time.Time
	h := newHook(t, map[string]http.HandlerFunc{
		"press": say(200, `{"decision":"allow","clientAuthenticationName":"press-7","attributes":{"kind":"press","hall":4,"spare":true}}`),
		"brief": func(w http.ResponseWriter, r *http.Request) {
			say(200, fmt.Sprintf(`{"decision":"allow","clientAuthenticationName":"brief","expiration":"%d"}`, ends.Unix()))(w, r)
		},
		"#": say(200, `{"decision":"allow","clientAuthenticationName":"#","attributes":{"hall":"+"}}`),
	})
	s.openHook("hook", h.URL, 20, "")
	s.put("hook", "clientGroups", "presses", `{"query":"attributes.kind = 'press'"}`)
	s.put("hook", "topicSpaces", "halls", `{"topicTemplates":["halls/${client.attributes.hall}/#"]}`)
	s.put("hook", "permissionBindings", "presses", `{"clientGroupName":"presses","topicSpaceName":"halls","permission":"Publisher"}`)
	ends = time.Now().Add(4 * time.Second).Truncate(time.Second)
	brief := s.enter(caller{ns: "hook", id: "brief"})
	if r := s.enter(caller{ns: "hook", id: "press"}); !r.publishes("halls/4/x") || !r.publishes("devices/press-7/x") || r.publishes("halls/5/x") || r.publishes("devices/guest-1/x") {
		t.Error("the webhook's client does not have its rights, or others")
	}
	if r := s.enter(caller{ns: "hook", id: "other"}); r.publishes("halls/4/x") {
		t.Error("a client has the rights of another's attributes")
	}
	if r := s.enter(caller{ns: "hook", id: "#"}); r.publishes("devices/x/x") || r.subscribes("devices/#") || r.subscribes("halls/+/x") {
		t.Error("a name with a wildcard gives rights")
	}
	brief.wantEnd(mqtt.NotAuthorized)
	if late := time.Since(ends); late < -time.Second || late > patience/2 {
		t.Errorf("the connection ended %v after the grant", late)
	}
}

// TestAttackRegistryFirst: who is registered is not the webhook's to decide.
func TestAttackRegistryFirst(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	h := newHook(t, nil) // allows everybody
	s.openHook("hook", h.URL, 20, `,"registryFirst":true`)
	s.trust("hook", "ca1", s.ca)
	s.put("hook", "clients", "admin", `{}`)
	s.put("hook", "clients", "gone", `{"state":"Disabled"}`)
	admin, shouted, gone, stranger := "admin", "ADMIN", "gone", "stranger"
	s.enter(caller{ns: "hook", id: "admin", user: &admin, cert: s.badge("admin")})
	s.enter(caller{ns: "hook", id: "admin by certificate", cert: s.badge("admin")})
	s.refuse(caller{ns: "hook", id: "no certificate", user: &admin}, mqtt.NotAuthorized, "neither a certificate")
	s.refuse(caller{ns: "hook", id: "no certificate, other case", user: &shouted}, mqtt.NotAuthorized, "neither a certificate")
	s.refuse(caller{ns: "hook", id: "password", user: &admin, password: []byte("x")}, mqtt.NotAuthorized, "")
	s.refuse(caller{ns: "hook", id: "other certificate", user: &admin, cert: s.badge("eve")}, mqtt.NotAuthorized, "does not have the name of client")
	s.refuse(caller{ns: "hook", id: "disabled", user: &gone, cert: s.badge("gone")}, mqtt.NotAuthorized, "is disabled")
	s.refuse(caller{ns: "hook", id: "disabled, by certificate", cert: s.badge("gone")}, mqtt.NotAuthorized, "is disabled")
	if n := h.asked.Load(); n != 0 {
		t.Errorf("the webhook was asked about registered clients: %d times", n)
	}
	s.enter(caller{ns: "hook", id: "stranger", user: &stranger})
	if n := h.asked.Load(); n != 1 {
		t.Errorf("the webhook was asked %d times about a stranger", n)
	}
}

// TestAttackBrokenWebhook: what cannot be opened opens nothing, and ends nothing.
func TestAttackBrokenWebhook(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.house.journal.allow("authentication method not available")
	s.open("hook", "", "")
	s.trust("hook", "ca1", s.ca)
	s.put("hook", "clients", "press-1", `{}`)
	cert := s.badge("press-1")
	live := s.enter(caller{ns: "hook", id: "live", cert: cert})
	s.open("hook", `"webhookAuthentication":{"endpointUrl":"https://hook.example/"}`,
		`"webhookAuthentication":{"caFile":"/nowhere/ca.pem","credential":{"type":"None"}}`)
	live.wantEnd(mqtt.NotAuthorized)
	s.refuse(caller{ns: "hook", id: "broken", cert: cert}, mqtt.ServerUnavailable, "the webhook cannot be asked")
	s.trust("hook", "ca2", s.newCA(authorityNamed("ca2")))
	s.open("hook", "", "")
	s.enter(caller{ns: "hook", id: "mended", cert: cert})
}
