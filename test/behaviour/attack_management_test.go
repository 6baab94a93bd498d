package behaviour

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	manage "gridmq/control/client"
)

// A visitor speaks to the management plane as it likes.
type visitor struct {
	s     *siege
	http  *http.Client
	token string
}

// visitor comes from an address, which is what guesses are counted by.
func (s *siege) visitor(from, token string) *visitor {
	s.Helper()
	trust, err := clientTLS()
	if err != nil {
		s.Fatal(err)
	}
	d := &net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	t := &http.Transport{TLSClientConfig: trust.Clone(), DialContext: d.DialContext}
	s.Cleanup(t.CloseIdleConnections)
	return &visitor{s, &http.Client{Transport: t, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, token}
}

// do sends a request and returns its answer. The path is sent as it is.
func (v *visitor) do(method, path string, body io.Reader, header ...string) (status int, answer string, h http.Header) {
	v.s.Helper()
	base := v.s.house.addresses["management"].URL
	r, err := http.NewRequestWithContext(v.s.Context(), method, base, body)
	if err != nil {
		v.s.Fatal(err)
	}
	at, query, _ := strings.Cut(path, "?")
	r.URL.Opaque, r.URL.RawQuery = strings.TrimPrefix(base, "https:")+at, query
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := v.http.Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(text), resp.Header
}

// operator makes one with a role and a scope, and returns a visitor with its token.
func (s *siege) operator(name, role, scope string) *visitor {
	s.Helper()
	body := fmt.Sprintf(`{"properties":{"role":%q,"scope":%q}}`, role, scope)
	if _, _, _, err := s.plane.Put(s.Context(), "/gridmq/operators/"+name, []byte(body), manage.Condition{}); err != nil {
		s.Fatal(err)
	}
	token, err := s.plane.NewToken(s.Context(), name)
	if err != nil {
		s.Fatal(err)
	}
	return s.visitor("127.0.0.1", token)
}

const version = "?api-version=2025-02-15"

// paths of everything there is, for a namespace that is there and one that is not.
func paths(ns string) []string {
	id := place.ID(ns)
	list := []string{"/", "/subscriptions", "/subscriptions/x/resourceGroups", "/providers/Microsoft.EventGrid/operations", "/tenants", "/openapi.json",
		"/gridmq/audit", "/gridmq/whoami", "/gridmq/operators", "/gridmq/operators/local", id, id + "/listKeys",
		"/gridmq/namespaces/" + ns + "/sessions", "/gridmq/namespaces/" + ns + "/sessions/x", "/gridmq/namespaces/" + ns + "/refused",
		"/gridmq/namespaces/" + ns + "/explain", "/gridmq/namespaces/" + ns + "/bans", id + "/providers/Microsoft.Authorization/roleAssignments"}
	for _, kind := range []string{"clients", "clientGroups", "topicSpaces", "permissionBindings", "caCertificates", "topics"} {
		list = append(list, id+"/"+kind, id+"/"+kind+"/one")
	}
	return list
}

// TestAttackNoToken: without a token, or with a wrong one, nothing is done and
// nothing is told, not even what there is.
func TestAttackNoToken(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.house.journal.allow("token that is not valid")
	s.open("there", "", "")
	s.put("there", "clients", "one", `{"description":"a secret of ours"}`)
	nobody := s.visitor("127.0.0.1", "")
	ways := [][]string{nil, {"Authorization", "Basic bG9jYWw6eA=="}, {"Authorization", "Bearer"}, {"Authorization", "Bearer "}, {"Authorization", s.token},
		{"Authorization", "Token " + s.token}, {"Cookie", "token=" + s.token}, {"X-Forwarded-For", "127.0.0.1"}, {"X-Original-URL", "/metadata/endpoints"}}
	told := map[string][2]string{}
	for i, ns := range []string{"there", "absent"} {
		for at, path := range paths(ns) {
			for _, method := range []string{"GET", "PUT", "DELETE", "POST", "OPTIONS"} {
				for w, way := range ways {
					if w > 0 && (at > 3 || method != "GET") {
						continue
					}
					status, answer, _ := nobody.do(method, path+version, nil, way...)
					if status != 401 && status != 404 || strings.Contains(answer, "secret") {
						t.Errorf("%s %s with %q: %d %.200s", method, path, way, status, answer)
					}
					both := told[method+fmt.Sprint(at, w)]
					both[i] = fmt.Sprint(status, answer)
					told[method+fmt.Sprint(at, w)] = both
				}
			}
		}
	}
	for what, both := range told {
		if both[0] != both[1] {
			t.Errorf("%s: what is there is told from what is not:\n%s\n%s", what, both[0], both[1])
		}
	}
	if _, err := s.plane.Get(s.Context(), place.ID("there", "clients", "one")); err != nil {
		t.Errorf("the client is gone: %v", err)
	}
	// What anybody may read is the same in every server of this version, but for its own URL.
	for _, path := range []string{"/metadata/endpoints" + version, "/gridmq/openapi.json", "/adfs/.well-known/openid-configuration", "/adfs/discovery/keys"} {
		if status, answer, _ := nobody.do("GET", path, nil); status != 200 || strings.Contains(answer, "siege.test") ||
			strings.Contains(answer, "secret of ours") || strings.Contains(answer, `"d":`) || strings.Contains(answer, "PRIVATE") {
			t.Errorf("%s: %d %.300s", path, status, answer)
		}
	}
}

// TestAttackGuesses: ten wrong tokens, and the address has to wait; whoever has a
// good one does not, and neither do others.
func TestAttackGuesses(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	s.house.journal.allow("token that is not valid|could not be checked")
	guesser, neighbour := s.visitor("127.0.0.2", ""), s.visitor("127.0.0.3", "")
	let, kept := 0, 0
	for i := range 60 {
		guesser.token = fmt.Sprintf("gmq_%043d", i)
		if i%3 == 1 {
			guesser.token = s.token[:len(s.token)-1] + "~" // nearly
		}
		if i%3 == 2 {
			guesser.token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCJ9.AA"
		}
		switch status, answer, h := guesser.do("GET", "/gridmq/whoami", nil); status {
		case 401:
			let++
		case 429:
			if kept++; h.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		default:
			t.Errorf("a guess: %d %s", status, answer)
		}
	}
	if let > 20 || kept < 40 {
		t.Errorf("of 60 guesses %d were judged and %d kept away", let, kept)
	}
	guesser.token = s.token
	if status, answer, _ := guesser.do("GET", "/gridmq/whoami", nil); status != 200 {
		t.Errorf("the owner behind the same address: %d %s", status, answer)
	}
	neighbour.token = "wrong"
	if status, _, _ := neighbour.do("GET", "/gridmq/whoami", nil); status != 401 {
		t.Errorf("a guess from elsewhere: %d", status)
	}
	// The token endpoint counts for itself.
	secrets := s.visitor("127.0.0.4", "")
	last := 0
	for i := range 15 {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {fmt.Sprint(i)}, "scope": {"https://eventgrid.azure.net/.default"}}
		last, _, _ = secrets.do("POST", "/adfs/oauth2/token", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
		if last != 401 && last != 429 {
			t.Errorf("a guess at the token endpoint: %d", last)
		}
	}
	if last != 429 {
		t.Errorf("15 guesses at the token endpoint, the last: %d", last)
	}
}

// TestAttackReader: a reader changes nothing, by no method and no trick, and an
// operator of one namespace sees nothing of another.
func TestAttackReader(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	for _, ns := range []string{"mine", "theirs"} {
		s.open(ns, "", "")
		s.put(ns, "clients", "one", `{"description":"as it was"}`)
	}
	reader := s.operator("reader", "reader", "/")
	one := place.ID("mine", "clients", "one")
	writes := []struct{ method, path, body string }{
		{"PUT", one, `{"properties":{"description":"changed"}}`}, {"DELETE", one, ""}, {"PUT", place.ID("mine", "clients", "two"), `{}`},
		{"PUT", place.ID("new-one"), `{"location":"local"}`}, {"PATCH", place.ID("mine"), `{"tags":{"a":"b"}}`}, {"DELETE", place.ID("mine"), ""},
		{"POST", place.ID("mine") + "/listKeys", ""}, {"POST", place.ID("mine") + "/regenerateKey", `{"keyName":"key1"}`},
		{"PUT", "/gridmq/operators/reader", `{"properties":{"role":"owner"}}`}, {"POST", "/gridmq/operators/reader/newToken", ""},
		{"PUT", "/gridmq/operators/eve", `{"properties":{"role":"owner"}}`}, {"DELETE", "/gridmq/operators/reader", ""},
		{"PUT", "/gridmq/namespaces/mine/bans/b", `{"properties":{"clientId":"x"}}`}, {"POST", "/gridmq/namespaces/mine/sessions/x/disconnect", ""},
		{"DELETE", "/gridmq/namespaces/mine/sessions/x", ""},
		{"PUT", place.ID("mine") + "/providers/Microsoft.Authorization/roleAssignments/r", `{"properties":{"roleDefinitionId":"8e3af657-a8ff-443c-a75c-2fe8c4bcb635","principalId":"reader"}}`},
		{"PUT", "/providers/Microsoft.Authorization/roleAssignments/r", `{"properties":{"roleDefinitionId":"8e3af657-a8ff-443c-a75c-2fe8c4bcb635","principalId":"reader"}}`},
	}
	for _, w := range writes {
		for _, dry := range []string{"", "&gridmq-dry-run=true"} {
			if status, answer, _ := reader.do(w.method, w.path+version+dry, strings.NewReader(w.body), "Content-Type", "application/json"); status != 403 {
				t.Errorf("a reader: %s %s: %d %.200s", w.method, w.path, status, answer)
			}
		}
		for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
			reader.do("GET", w.path+version, nil, header, w.method)
			reader.do("POST", w.path+version, strings.NewReader(w.body), header, w.method)
		}
	}
	r, err := s.plane.Get(s.Context(), one)
	if err != nil || !strings.Contains(string(r.Properties), "as it was") {
		t.Errorf("the client is changed: %v, %v", r, err)
	}
	for _, path := range []string{"/gridmq/operators/eve", place.ID("new-one"), place.ID("mine", "clients", "two")} {
		if _, err := s.plane.Get(s.Context(), path); !manage.IsNotFound(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
	bounded := s.operator("bounded", "owner", place.ID("mine"))
	if status, answer, _ := bounded.do("GET", one+version, nil); status != 200 {
		t.Errorf("an operator of a namespace in it: %d %s", status, answer)
	}
	for _, path := range paths("theirs") {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE"} {
			if method != "GET" && !strings.Contains(path, "theirs") {
				continue
			}
			status, answer, _ := bounded.do(method, path+version, strings.NewReader("{}"), "Content-Type", "application/json")
			if status < 400 && strings.Contains(answer, "theirs") || status < 400 && strings.Contains(path, "theirs") || strings.Contains(answer, "as it was") {
				t.Errorf("an operator of another namespace: %s %s: %d %.200s", method, path, status, answer)
			}
		}
	}
	for _, trick := range tricks("mine", "theirs") {
		status, answer, _ := bounded.do("GET", trick+version, nil)
		if status == 200 || status >= 500 || strings.Contains(answer, "as it was") {
			t.Errorf("%s: %d %.200s", trick, status, answer)
		}
	}
}

// tricks are paths that begin in one namespace, or seem to, and mean another.
func tricks(mine, theirs string) []string {
	a, b := place.ID(mine), place.ID(theirs)
	return []string{
		a + "/../" + theirs + "/clients/one", a + "/%2e%2e/" + theirs + "/clients/one", a + "/.%2e/" + theirs + "/clients/one",
		a + "/clients/..%2f..%2f" + theirs + "%2fclients%2fone", a + "%2f..%2f" + theirs + "/clients/one", a + "/clients/%2e%2e%2f%2e%2e%2f" + theirs,
		a + "//../" + theirs + "/clients/one", a + "/./../" + theirs + "/clients/one", a + "/%252e%252e/" + theirs + "/clients/one",
		a + "/..;/" + theirs + "/clients/one", a + ";/../" + theirs + "/clients/one", a + "\\..\\" + theirs + "/clients/one", a + "%5c..%5c" + theirs + "/clients/one",
		a + "/%c0%ae%c0%ae/" + theirs + "/clients/one", a + "/%00/../" + theirs, b + "%00/clients/one", b + "%20/clients/one", b + "./clients/one",
		b + "/clients%2fone", b + "/clients/one%00", b + "/clients/one%0d%0aX:%20y", strings.Replace(b, "theirs", "%74heirs", 1) + "/clients/one",
		strings.Replace(b, "theirs", "\uff54heirs", 1) + "/clients/one", strings.Replace(b, "namespaces", "namespace\u017f", 1) + "/clients/one",
		strings.Replace(b, "/subscriptions", "//subscriptions", 1) + "/clients/one", strings.Replace(b, "/", "/./", 1) + "/clients/one",
		strings.ToUpper(b) + "/CLIENTS/one", "/gridmq/namespaces/" + mine + "%2f..%2f" + theirs + "/sessions", "/gridmq/namespaces/" + mine + "/../" + theirs + "/sessions",
		"/gridmq//namespaces//" + theirs + "//refused", b + "/clients/one/", "/" + b + "/clients/one?x=" + a, b + strings.Repeat("/x", 40), "/" + strings.Repeat("a", 9000),
	}
}
