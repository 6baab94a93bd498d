package client_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/control"
	"gridmq/control/client"
	"gridmq/control/operator"
	"gridmq/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tools is a server with two sessions and one refusal.
type tools struct{ ended []string }

func (x *tools) Sessions(_ context.Context, ns string, q control.SessionQuery) (page []control.Session, next string, err error) {
	for i := range 150 {
		s := control.Session{ClientID: fmt.Sprintf("c%03d", i), Connected: i%2 == 0}
		switch {
		case s.ClientID <= q.After, q.Connected != nil && *q.Connected != s.Connected, !strings.Contains(s.ClientID, q.ClientID):
		case len(page) == q.Limit:
			return page, page[len(page)-1].ClientID, nil
		default:
			page = append(page, s)
		}
	}
	return page, "", nil
}

func (x *tools) Session(_ context.Context, ns, id string) (*control.Session, error) {
	if id != "a/b c" {
		return nil, control.ErrNoSession
	}
	return &control.Session{ClientID: id, Subscriptions: []control.Subscription{{Filter: "a/#", QoS: 1}}}, nil
}

func (x *tools) Disconnect(ctx context.Context, ns, id, reason string) error {
	_, err := x.Session(ctx, ns, id)
	if err == nil {
		x.ended = append(x.ended, ns+" "+id+" "+reason)
	}
	return err
}

func (x *tools) Delete(ctx context.Context, ns, id, reason string) error {
	return x.Disconnect(ctx, ns, id, "deleted: "+reason)
}

func (x *tools) Refusals(_ context.Context, ns string, limit int) ([]control.Refusal, error) {
	return []control.Refusal{{ClientID: "x", Code: "0x87", Reason: "no such client", Count: 3}}, nil
}

func (x *tools) Explain(_ context.Context, ns string, q control.Question) (*control.Explanation, error) {
	return &control.Explanation{Allowed: q.Topic == "a/b", Reason: ns + " " + q.Client}, nil
}

func serve(t *testing.T) (*client.Client, *tools) {
	t.Helper()
	s, x := memory.New(memory.Options{}), &tools{}
	token, hash := operator.NewToken()
	plane, err := control.Open(t.Context(), control.Options{Store: s, Sessions: x, Refusals: x, Explain: x,
		Operators: []operator.Operator{{Name: "root", Role: operator.RoleNamed("owner"), Scope: "/", Hash: hash}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(plane)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	c, err := client.New(client.Options{URL: server.URL, Token: string(token), CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); server.Close(); _ = plane.Close(); _ = s.Close() })
	return c, x
}

func TestResources(t *testing.T) {
	c, _ := serve(t)
	ctx := t.Context()
	var where client.Place
	ns := where.ID("plant")
	if _, err := c.Get(ctx, ns); !client.IsNotFound(err) {
		t.Fatalf("Get of nothing: %v", err)
	}
	r, created, _, err := c.Put(ctx, ns, []byte(`{"location":"local"}`), client.Condition{New: true})
	if err != nil || !created || r.Name != "plant" || r.ID != ns {
		t.Fatalf("Put: %+v, %v, %v", r, created, err)
	}
	for i := range 105 {
		if _, _, _, err := c.Put(ctx, where.ID("plant", "clients", fmt.Sprintf("c:%03d", i)), []byte(`{}`), client.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := c.List(ctx, ns+"/clients", "")
	if err != nil || len(all) != 105 || all[104].Name != "c:104" {
		t.Errorf("List: %d, %v", len(all), err)
	}
	if some, err := c.List(ctx, ns+"/clients", "contains(name,'c:01')"); err != nil || len(some) != 10 {
		t.Errorf("List with a filter: %d, %v", len(some), err)
	}
	if list, err := c.List(ctx, strings.TrimSuffix(ns, "/plant"), ""); err != nil || len(list) != 1 {
		t.Errorf("List of namespaces: %d, %v", len(list), err)
	}
	one, err := c.Get(ctx, where.ID("plant", "clients", "c:001"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := c.Put(ctx, one.ID, []byte(`{"properties":{"description":"x"}}`), client.Condition{ETag: one.ETag}); err != nil {
		t.Error(err)
	}
	_, _, _, err = c.Put(ctx, one.ID, []byte(`{}`), client.Condition{ETag: one.ETag})
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusPreconditionFailed || e.Code != "PreconditionFailed" || e.RequestID == "" {
		t.Errorf("Put of a stale revision: %v", err)
	}
	_, _, _, err = c.Put(ctx, one.ID, []byte(`{"properties":{"state":"x","attributes":{"a-b":1}}}`), client.Condition{})
	if e, ok := errors.AsType[*client.Error](err); !ok || len(e.Details) < 2 || !strings.Contains(e.Error(), "properties.state") {
		t.Errorf("Put of nonsense: %v", err)
	}
	d, err := c.DryRun(ctx, http.MethodDelete, one.ID, nil)
	if err != nil || d.Operation != "delete" || len(d.Changes) != 1 {
		t.Errorf("DryRun: %+v, %v", d, err)
	}
	if existed, err := c.Delete(ctx, one.ID, client.Condition{}); !existed || err != nil {
		t.Errorf("Delete: %v, %v", existed, err)
	}
	if existed, err := c.Delete(ctx, one.ID, client.Condition{}); existed || err != nil {
		t.Errorf("Delete again: %v, %v", existed, err)
	}
	k1, k2, err := c.Keys(ctx, ns)
	n1, n2, err2 := c.RegenerateKey(ctx, ns, "key2")
	if err != nil || err2 != nil || k1 != n1 || k2 == n2 {
		t.Errorf("keys: %v, %v", err, err2)
	}
	if r, err := c.Patch(ctx, ns, []byte(`{"tags":{"a":"b"}}`), client.Condition{}); err != nil || r.Tags["a"] != "b" {
		t.Errorf("Patch: %+v, %v", r, err)
	}
	entries, err := c.Audit(ctx, ns, 3)
	if err != nil || len(entries) != 3 || entries[0].Operator != "root" || !slices.Equal(entries[0].Members, []string{"tags.a"}) {
		t.Errorf("Audit: %+v, %v", entries, err)
	}
}

func TestTools(t *testing.T) {
	c, x := serve(t)
	ctx := t.Context()
	if _, _, _, err := c.Put(ctx, client.Place{}.ID("Plant"), []byte(`{}`), client.Condition{}); err != nil {
		t.Fatal(err)
	}
	yes := true
	all, err := c.Sessions(ctx, "plant", client.SessionFilter{})
	some, err2 := c.Sessions(ctx, "plant", client.SessionFilter{Connected: &yes, ClientID: "c1", Most: 7})
	if err != nil || err2 != nil || len(all) != 150 || len(some) != 7 || some[0].ClientID != "c100" {
		t.Errorf("Sessions: %d, %d, %v, %v", len(all), len(some), err, err2)
	}
	if s, err := c.Session(ctx, "plant", "a/b c"); err != nil || s.Subscriptions[0].Filter != "a/#" {
		t.Errorf("Session: %+v, %v", s, err)
	}
	if _, err := c.Session(ctx, "plant", "none"); !client.IsNotFound(err) {
		t.Errorf("Session of nobody: %v", err)
	}
	if err := c.Disconnect(ctx, "plant", "a/b c", "maintenance"); err != nil {
		t.Error(err)
	}
	if existed, err := c.DeleteSession(ctx, "plant", "a/b c", ""); err != nil || !existed {
		t.Error(existed, err)
	}
	if existed, err := c.DeleteSession(ctx, "plant", "none", ""); err != nil || existed {
		t.Error(existed, err)
	}
	want := []string{"plant a/b c maintenance", "plant a/b c deleted: ended by an operator"}
	if !slices.Equal(x.ended, want) {
		t.Errorf("ended %q, want %q", x.ended, want)
	}
	if list, err := c.Refused(ctx, "plant", 10); err != nil || len(list) != 1 || list[0].Count != 3 {
		t.Errorf("Refused: %+v, %v", list, err)
	}
	e, err := c.Explain(ctx, "plant", client.Question{Action: "Publish", Client: "press-7", Topic: "a/b"})
	if err != nil || !e.Allowed || e.Reason != "plant press-7" {
		t.Errorf("Explain: %+v, %v", e, err)
	}
	if _, err := c.Explain(ctx, "plant", client.Question{Action: "fly"}); err == nil {
		t.Error("a question about flying was answered")
	}
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for name, b := range map[string]client.Ban{"one": {ClientID: "x", Expires: &soon, Reason: "noise"}, "over": {ClientID: "y", Expires: &past},
		"net": {Address: "10.1.2.3"}} {
		if err := c.Ban(ctx, "plant", name, b); err != nil {
			t.Errorf("Ban %s: %v", name, err)
		}
	}
	bans, err := c.Bans(ctx, "plant")
	if err != nil || len(bans) != 2 || bans["one"].Reason != "noise" || bans["net"].Address != "10.1.2.3/32" {
		t.Errorf("Bans: %v, %v", bans, err)
	}
	if existed, err := c.Unban(ctx, "plant", "one"); err != nil || !existed {
		t.Error(existed, err)
	}
	if err := c.Ban(ctx, "plant", "all", client.Ban{Reason: "everybody"}); err == nil {
		t.Error("everybody was banned")
	}
}

func TestNewToken(t *testing.T) {
	c, _ := serve(t)
	ctx := t.Context()
	if _, _, _, err := c.Put(ctx, "/gridmq/operators/ann", []byte(`{"properties":{"role":"reader"}}`), client.Condition{}); err != nil {
		t.Fatal(err)
	}
	token, err := c.NewToken(ctx, "ann")
	if err != nil || !strings.HasPrefix(token, "gmq_") {
		t.Fatalf("%v", err)
	}
	r, err := c.Get(ctx, "/gridmq/operators/ann")
	var p struct{ HasToken bool }
	if err != nil || json.Unmarshal(r.Properties, &p) != nil || !p.HasToken || strings.Contains(string(r.Raw), "tokenHash") {
		t.Errorf("%s %v", r.Raw, err)
	}
}

func TestWrongOptions(t *testing.T) {
	for name, o := range map[string]client.Options{
		"no URL": {Token: "t"}, "no scheme": {URL: "localhost:9443", Token: "t"}, "no token": {URL: "https://x"},
		"no CA": {URL: "https://x", Token: "t", CA: []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := client.New(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// The token goes nowhere else, and what is not ours is not taken for an answer.
func TestOtherServers(t *testing.T) {
	var other *http.Request
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { other = r }))
	defer elsewhere.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "redirect"):
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case r.URL.Query().Get("more") == "":
			fmt.Fprintf(w, `{"value":[{"name":"a"}],"nextLink":%q}`, elsewhere.URL+r.URL.Path+"?more=1")
		default:
			fmt.Fprint(w, `{"value":[{"name":"b"}]}`)
		}
	}))
	defer s.Close()
	c, err := client.New(client.Options{URL: s.URL + "/", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Get(t.Context(), "/redirect"); err == nil {
		t.Error("a redirect was followed or taken for an answer")
	}
	if all, err := c.List(t.Context(), "/x", ""); err != nil || len(all) != 2 {
		t.Errorf("List: %d, %v", len(all), err)
	}
	if other != nil {
		t.Errorf("another server was asked: %v", other.Header)
	}
}
