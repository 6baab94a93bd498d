package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gridmq/control"
	"gridmq/control/operator"
	"gridmq/control/resource"
	"gridmq/store/memory"
)

// A desk is a management plane on a memory store, and a command line before it.
type desk struct {
	t      *testing.T
	server *httptest.Server
	ca     string
	dir    string

	mu     sync.Mutex
	before func(w http.ResponseWriter, r *http.Request) bool // false: it has answered
}

const ownerToken = "owner-token"

func newDesk(t *testing.T, change func(*control.Options)) *desk {
	t.Helper()
	t.Setenv(tokenVariable, "")
	d := &desk{t: t, dir: t.TempDir()}
	st := memory.New(memory.Options{})
	o := control.Options{Store: st, Domain: "mq.test", Operators: []operator.Operator{
		{Name: "owner", Role: operator.RoleNamed("owner"), Scope: "/", Hash: operator.HashOf(ownerToken)},
		{Name: "reader", Role: operator.RoleNamed("reader"), Scope: "/", Hash: operator.HashOf("reader-token")}}}
	if change != nil {
		change(&o)
	}
	p, err := control.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		before := d.before
		d.mu.Unlock()
		if before == nil || before(w, r) {
			p.ServeHTTP(w, r)
		}
	}))
	d.server.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that were not needed
	d.server.EnableHTTP2 = true
	d.server.StartTLS()
	t.Cleanup(func() { d.server.Close(); _ = p.Close(); _ = st.Close() })
	d.ca = d.file("server-ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.server.Certificate().Raw})))
	return d
}

func (d *desk) file(name, text string) string {
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// said is what a command wrote, with its exit code.
type said struct {
	out, errs string
	code      int
}

// run runs gridmq with the words of line and more arguments.
func (d *desk) run(line string, more ...string) said { return d.runAs(ownerToken, "", line, more...) }

func (d *desk) runAs(token, stdin, line string, more ...string) said {
	d.t.Helper()
	var out, errs bytes.Buffer
	cmd := newRootCmd()
	cmd.SetArgs(append(append(strings.Fields(line), more...), "--server", d.server.URL, "--ca", d.ca, "--token", token))
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	s := said{}
	if err := cmd.ExecuteContext(context.WithoutCancel(d.t.Context())); err != nil {
		fmt.Fprintln(&errs, "gridmq:", err)
		s.code = exitCode(err)
	}
	s.out, s.errs = out.String(), strings.ReplaceAll(errs.String(), d.dir+"/", "")
	return s
}

// must is run with an exit code and a standard output that are wanted.
func (d *desk) must(code int, out string, line string, more ...string) said {
	d.t.Helper()
	s := d.run(line, more...)
	if diff := cmp.Diff(out, s.out); diff != "" || s.code != code {
		d.t.Fatalf("gridmq %s: exit code %d, want %d; standard error:\n%s\nstandard output (-want +got):\n%s", line, s.code, code, s.errs, diff)
	}
	return s
}

// plantDocuments are in no good order.
const plantDocuments = `
kind: PermissionBinding
namespace: plant
name: presses-telemetry
properties: {clientGroupName: presses, topicSpaceName: telemetry, permission: Publisher}
---
kind: RoleAssignment
namespace: plant
name: 0a7d3e6e-0000-4000-8000-000000000001
scope: topicSpaces/telemetry
properties: {roleDefinitionId: a12b0b94-b317-4dcd-84a8-502ce99884c6, principalId: robots, principalType: Group}
---
kind: Client
namespace: plant
name: press:07.a
properties:
  attributes: {kind: press, floor: 2}
---
kind: ClientGroup
namespace: plant
name: presses
properties:
  query: attributes.kind = "press"
---
kind: TopicSpace
namespace: plant
name: telemetry
properties:
  topicTemplates: ['a/${client.authenticationName}/#']
---
kind: Namespace
name: plant
properties:
  topicSpacesConfiguration: {state: Enabled}
`

func TestApply(t *testing.T) {
	d := newDesk(t, nil)
	file := d.file("plant.yaml", plantDocuments)
	s := d.must(0, `would create Namespace plant
would create Client plant/press:07.a
would create ClientGroup plant/presses
would create TopicSpace plant/telemetry
would create PermissionBinding plant/presses-telemetry
would create RoleAssignment plant/0a7d3e6e-0000-4000-8000-000000000001
`, "apply --dry-run -f", file)
	if want := "not checked by the server: it needs Namespace plant, which is not there yet"; !strings.Contains(s.errs, want) || !strings.Contains(s.errs, "6 to create\n") {
		t.Errorf("a dry run says %q, want %q and what is to create", s.errs, want)
	}
	if s := d.run("namespaces -o json"); strings.TrimSpace(s.out) != "[]" {
		t.Errorf("the dry run has made %s", s.out)
	}
	d.must(0, `created Namespace plant
created Client plant/press:07.a
created ClientGroup plant/presses
created TopicSpace plant/telemetry
created PermissionBinding plant/presses-telemetry
created RoleAssignment plant/0a7d3e6e-0000-4000-8000-000000000001
`, "apply -f", file)
	if s := d.must(0, "", "apply -q -f", file); !strings.HasSuffix(s.errs, "6 unchanged\n") {
		t.Errorf("applied again: %q, want that all is unchanged", s.errs)
	}
	changed := d.file("changed.yaml", strings.NewReplacer("floor: 2", "floor: 3", "'a/$", "'b', 'a/$").Replace(plantDocuments))
	d.must(0, `would change Client plant/press:07.a
    properties.attributes.floor: 2 -> 3
would change TopicSpace plant/telemetry
    properties.topicTemplates[]: + "b"
`, "apply -q --dry-run -f", changed)
	d.must(0, `changed Client plant/press:07.a
    properties.attributes.floor: 2 -> 3
changed TopicSpace plant/telemetry
    properties.topicTemplates[]: + "b"
`, "apply -q -f", changed)

	d.must(0, "deleted RoleAssignment plant/0a7d3e6e-0000-4000-8000-000000000001\n", "delete role 0a7d3e6e-0000-4000-8000-000000000001 -n plant --scope topicSpaces/telemetry")
	d.must(0, "deleted Client plant/press:07.a\nnot there Client plant/press:08\n", "delete client press:07.a press:08")
	s = d.run("delete -f", file)
	if s.code != exitUsage || !strings.Contains(s.errs, "--yes") {
		t.Errorf("deleting a namespace: exit code %d, %q; want to be asked for --yes", s.code, s.errs)
	}
	d.must(0, `not there RoleAssignment plant/0a7d3e6e-0000-4000-8000-000000000001
deleted PermissionBinding plant/presses-telemetry
not there Client plant/press:07.a
deleted ClientGroup plant/presses
deleted TopicSpace plant/telemetry
deleted Namespace plant
`, "delete --yes -f", file)
}

// TestExport: what is exported changes nothing here, and makes the same elsewhere.
func TestExport(t *testing.T) {
	d, other := newDesk(t, nil), newDesk(t, nil)
	ca := d.file("ca.pem", "")
	_ = os.Remove(ca)
	var made bytes.Buffer
	cmd := newRootCmd()
	cmd.SetArgs([]string{"cert", "ca", "--out", filepath.Join(d.dir, "ca")})
	cmd.SetOut(&made)
	cmd.SetErr(&made)
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	file := d.file("plant.yaml", plantDocuments+"---\n{kind: CACertificate, namespace: plant, name: plant-ca, properties: {encodedCertificateFile: ca/ca.pem}}\n")
	if s := d.run("apply -f", file); s.code != 0 {
		t.Fatal(s.errs)
	}
	for _, notation := range []string{"yaml", "json", "arm"} {
		out := filepath.Join(d.dir, "out-"+notation)
		d.must(0, "", "export -n plant -o "+notation+" -O", out)
		if s := d.must(0, "", "apply -q -f", out); !strings.HasSuffix(s.errs, "7 unchanged\n") {
			t.Errorf("%s, applied where it is from: %q", notation, s.errs)
		}
		if s := other.run("apply -f", out); s.code != 0 || !strings.Contains(s.errs, "7 created") {
			t.Errorf("%s, applied elsewhere: exit code %d, %s", notation, s.code, s.errs)
		}
		if diff := cmp.Diff(d.run("export -n plant").out, other.run("export -n plant").out); diff != "" {
			t.Errorf("%s: the other one is different (-here +there):\n%s", notation, diff)
		}
		if s := other.run("delete namespace plant --yes"); s.code != 0 {
			t.Fatal(s.errs)
		}
	}
	for _, notation := range []string{"yaml", "json"} { // as the server shows them
		shown := d.run("get clients -o " + notation)
		if s := d.runAs(ownerToken, shown.out, "apply -f -"); !strings.HasSuffix(s.errs, "1 unchanged\n") {
			t.Errorf("get -o %s, applied: %q, want that it is unchanged", notation, s.errs)
		}
	}
}

// TestApplyFaults: the server's refusals are told at their places.
func TestApplyFaults(t *testing.T) {
	d := newDesk(t, nil)
	file := d.file("bad.yaml", strings.NewReplacer(`query: attributes.kind = "press"`, "query: attributes.kind =", "floor: 2", "floor: [{}]", "topicTemplates:", "topicTemplate: x\n  topicTemplates:").Replace(plantDocuments))
	s := d.run("apply -f", file)
	for _, want := range []string{
		"gridmq: bad.yaml:23:10: document 4, ClientGroup plant/presses: properties.query: ",
		"gridmq: bad.yaml:17:36: document 3, Client plant/press:07.a: properties.attributes.floor: ",
		"gridmq: warning: bad.yaml:29:18: properties.topicTemplate is nothing that the server knows",
		"gridmq: bad.yaml:2:1: document 1, PermissionBinding plant/presses-telemetry: needs ClientGroup plant/presses, which failed",
		"3 created, 2 failed, 1 not tried",
	} {
		if !strings.Contains(s.errs, want) {
			t.Errorf("standard error lacks %q:\n%s", want, s.errs)
		}
	}
	if s.code != exitDenied {
		t.Errorf("exit code %d, want %d", s.code, exitDenied)
	}
	if s := d.runAs("reader-token", "", "apply -f", file); s.code != exitRefused || !strings.Contains(s.errs, "may not do") {
		t.Errorf("as a reader: exit code %d, %s", s.code, s.errs)
	}
	if s := d.runAs("wrong-token", "", "apply -f", file); s.code != exitRefused || !strings.Contains(s.errs, tokenVariable) {
		t.Errorf("with a wrong token: exit code %d, %s", s.code, s.errs)
	}
}

// TestLosses: who would lose what is told.
func TestLosses(t *testing.T) {
	d := newDesk(t, func(o *control.Options) {
		o.Impact = func(changes []resource.Change) resource.Impact {
			if changes[0].Kind != "clientGroups" {
				return resource.Impact{}
			}
			return resource.Impact{Effects: []resource.Effect{{Namespace: "plant", Client: "press-07", Session: "p7\x1b[2J", Loses: "subscription a/#", Reason: "no binding"}}, More: 23}
		}
	})
	if s := d.run("apply -f", d.file("plant.yaml", plantDocuments)); s.code != 0 {
		t.Fatal(s.errs)
	}
	s := d.must(0, `would change ClientGroup plant/presses
    properties.query: "attributes.kind = \"press\"" -> "attributes.kind = \"oven\""
    press-07 (client id p7�[2J) would lose subscription a/#: no binding
`, "apply -q --dry-run -f", d.file("changed.yaml", strings.ReplaceAll(plantDocuments, `"press"`, `"oven"`)))
	for _, want := range []string{"live clients that would lose something: 1", "ClientGroup plant/presses: live clients would lose 23 more things"} {
		if !strings.Contains(s.errs, want) {
			t.Errorf("summary %q, want %q", s.errs, want)
		}
	}
}

// TestMeanwhile: somebody else's change in between is not written over.
func TestMeanwhile(t *testing.T) {
	d := newDesk(t, nil)
	file := d.file("plant.yaml", plantDocuments)
	if s := d.run("apply -f", file); s.code != 0 {
		t.Fatal(s.errs)
	}
	other := d.file("other.yaml", "{kind: Client, namespace: plant, name: 'press:07.a', properties: {attributes: {floor: 9}}}")
	var once atomic.Bool
	d.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && !strings.Contains(r.URL.RawQuery, "dry-run") && once.CompareAndSwap(false, true) {
			if s := d.run("apply -q -f", other); s.code != 0 {
				t.Error(s.errs)
			}
		}
		return true
	}
	s := d.run("apply -q -f", d.file("mine.yaml", strings.ReplaceAll(plantDocuments, "floor: 2", "floor: 3")))
	if want := "somebody else has changed it meanwhile; try again"; s.code != exitDenied || !strings.Contains(s.errs, want) {
		t.Errorf("exit code %d, %q; want %d and %q", s.code, s.errs, exitDenied, want)
	}
	if s := d.run("get client press:07.a -o yaml"); !strings.Contains(s.out, "floor: 9") {
		t.Errorf("the other change is gone:\n%s", s.out)
	}
}

// TestBusy: a request that the server is too busy for is made again.
func TestBusy(t *testing.T) {
	d := newDesk(t, nil)
	var busy atomic.Int32
	d.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || busy.Add(1) > 1 {
			return true
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"error":{"code":"TooManyRequests","message":"Too many requests at once."}}`)
		return false
	}
	d.must(0, "created Namespace plant\n", "apply -f", d.file("a.yaml", "{kind: Namespace, name: plant}"))
}

// TestMany: what is done at once is told in the order of the file.
func TestMany(t *testing.T) {
	d := newDesk(t, nil)
	const n = 300
	var text, want strings.Builder
	text.WriteString("- {kind: Namespace, name: plant}\n")
	want.WriteString("created Namespace plant\n")
	for i := range n {
		fmt.Fprintf(&text, "- {kind: Client, namespace: plant, name: press-%d}\n", i)
		fmt.Fprintf(&want, "created Client plant/press-%d\n", i)
	}
	file := d.file("many.yaml", text.String())
	d.must(0, want.String(), "apply -f", file)
	d.must(0, "", "apply -q -f", file)
	if s := d.run("get clients -n plant"); strings.Count(s.out, "\n") != n+1 {
		t.Errorf("get shows %d lines, want %d and a heading", strings.Count(s.out, "\n"), n)
	}
}

// TestLost: a server that goes away ends an apply at once.
func TestLost(t *testing.T) {
	d := newDesk(t, nil)
	file := d.file("plant.yaml", plantDocuments)
	d.server.Close()
	s := d.run("apply -f", file)
	if s.code != exitNoConnect || !strings.Contains(s.errs, "nothing listens there") {
		t.Errorf("exit code %d, %q", s.code, s.errs)
	}
}

// tools stand in for the server.
type tools struct{ deleted []string }

func (s *tools) Sessions(_ context.Context, _ string, q control.SessionQuery) ([]control.Session, string, error) {
	all := []control.Session{{ClientID: "a/b c", AuthenticationName: "press-07", Connected: true, Since: time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)}, {ClientID: "z"}}
	if q.Connected != nil {
		all = all[:1]
	}
	return all, "", nil
}

func (s *tools) Session(_ context.Context, _, id string) (*control.Session, error) {
	if id != "a/b c" {
		return nil, control.ErrNoSession
	}
	return &control.Session{ClientID: id, Subscriptions: []control.Subscription{{Filter: "a/#", QoS: 1, Share: "g"}}}, nil
}

func (s *tools) Disconnect(ctx context.Context, ns, id, _ string) error {
	_, err := s.Session(ctx, ns, id)
	return err
}

func (s *tools) Delete(ctx context.Context, ns, id, reason string) error {
	s.deleted = append(s.deleted, id+": "+reason)
	return s.Disconnect(ctx, ns, id, reason)
}

func (s *tools) Refusals(context.Context, string, int) ([]control.Refusal, error) {
	return []control.Refusal{{ClientID: "evil\nname", Remote: "10.0.0.1", Code: "0x87", Reason: "not registered", Count: 3}}, nil
}

func (s *tools) Explain(_ context.Context, _ string, q control.Question) (*control.Explanation, error) {
	return &control.Explanation{Allowed: q.Topic == "a", Reason: "because\nof this",
		Steps: []control.ExplanationStep{{What: "client group presses", Result: "holds the client", Passed: true, Detail: fmt.Sprint(q.Attributes)}}}, nil
}

func TestTools(t *testing.T) {
	stand := new(tools)
	d := newDesk(t, func(o *control.Options) { o.Sessions, o.Refusals, o.Explain = stand, stand, stand })
	if s := d.run("apply -f", d.file("a.yaml", "{kind: Namespace, name: plant}")); s.code != 0 {
		t.Fatal(s.errs)
	}
	tests := map[string]struct {
		args []string
		code int
		want string // pattern of standard output and standard error
	}{
		"sessions":         {[]string{"sessions", "list"}, 0, `(?m)^a/b c +press-07 +connected +2026-03-02T07:00:00Z`},
		"connected":        {[]string{"sessions", "list", "--connected", "-o", "json"}, 0, `(?s)^\[.*"clientId": "a/b c"`},
		"exclude":          {[]string{"sessions", "list", "--connected", "--away"}, 1, "exclude each other"},
		"session":          {[]string{"sessions", "show", "a/b c"}, 0, `subscription +a/#, share g, QoS 1`},
		"no session":       {[]string{"sessions", "show", "x"}, 4, `no session of client "x"`},
		"disconnect":       {[]string{"sessions", "disconnect", "a/b c"}, 0, `^disconnected a/b c\n$`},
		"delete":           {[]string{"sessions", "delete", "a/b c", "x", "--reason", "moved"}, 0, `^deleted a/b c\nnot there x\n$`},
		"refused":          {[]string{"refused"}, 0, `(?m)3 +evil\x{fffd}name +- +10.0.0.1 +0x87 +not registered$`},
		"allowed":          {[]string{"explain", "publish", "--client", "c", "--topic", "a"}, 0, `^ALLOWED: because\nof this\n  yes  client group presses: holds the client`},
		"not allowed":      {[]string{"explain", "subscribe", "--client", "c", "--topic", "b", "--attributes", `{"floor": 2}`}, 4, `(?s)^REFUSED: .*map\[floor:2\].*not allowed`},
		"no client":        {[]string{"explain", "connect"}, 1, "--client NAME"},
		"no topic":         {[]string{"explain", "publish", "--client", "c"}, 1, "--topic TOPIC"},
		"bad attributes":   {[]string{"explain", "connect", "--client", "c", "--attributes", "x"}, 1, "want a JSON object"},
		"ban nobody":       {[]string{"ban", "add"}, 1, "who\\?"},
		"ban":              {[]string{"ban", "add", "--name", "press-07", "--for", "1h", "--reason", "floods"}, 0, `^banned press-07\n$`},
		"ban an address":   {[]string{"ban", "add", "--address", "10.0.0.0/8"}, 0, `^banned ban-[0-9a-f]{12}\n$`},
		"ban a bad one":    {[]string{"ban", "add", "x", "--address", "10.0.0"}, 4, `address`},
		"no ban":           {[]string{"ban", "remove", "nobody"}, 4, `there is no ban "nobody"`},
		"wrong output":     {[]string{"refused", "-o", "xml"}, 1, `-o xml: want table, json`},
		"no such kind":     {[]string{"get", "cleint"}, 1, `there is no kind "cleint"`},
		"no such resource": {[]string{"get", "client", "x"}, 4, `there is no Client plant/x`},
		"no namespace":     {[]string{"get", "clients", "-n", "x"}, 4, `there is no namespace "x"; there are: plant`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d.t = t
			s := d.run("", tt.args...)
			if s.code != tt.code || !regexp.MustCompile(tt.want).MatchString(s.out+s.errs) {
				t.Errorf("gridmq %q: exit code %d, want %d and %q in:\n%s%s", tt.args, s.code, tt.code, tt.want, s.out, s.errs)
			}
		})
	}
	d.t = t
	if s := d.run("ban list"); !regexp.MustCompile(`(?m)^press-07 +press-07 +- +- +20\S+Z +floods$`).MatchString(s.out) {
		t.Errorf("bans:\n%s%s", s.out, s.errs)
	}
	d.must(0, "removed press-07\n", "ban remove press-07")
	if want := []string{"a/b c: moved", "x: moved"}; !cmp.Equal(stand.deleted, want) {
		t.Errorf("deleted %q, want %q", stand.deleted, want)
	}
}

// TestWhere: where the management plane is, and that a token goes nowhere else.
func TestWhere(t *testing.T) {
	t.Setenv(tokenVariable, "")
	data := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("operator.token", "local-token\n")
	write("ready.json", `{"management":"https://0.0.0.0:1234"}`)
	tests := map[string]struct {
		args        []string
		env         string
		url, token  string
		wantError   string
		withoutData bool
	}{
		"announced":           {url: "https://localhost:1234", token: "local-token"},
		"loopback":            {args: []string{"--server", "https://127.0.0.1:1"}, url: "https://127.0.0.1:1", token: "local-token"},
		"environment":         {env: "env-token", url: "https://localhost:1234", token: "env-token"},
		"flag":                {args: []string{"--token", "x"}, env: "env-token", url: "https://localhost:1234", token: "x"},
		"file":                {args: []string{"--token-file", filepath.Join(data, "operator.token"), "--server", "https://h.example"}, url: "https://h.example", token: "local-token"},
		"said to be the data": {args: []string{"--server", "https://h.example"}, url: "https://h.example", token: "local-token"},
		"elsewhere":           {args: []string{"--server", "https://h.example"}, withoutData: true, wantError: "an operator token is needed for https://h.example"},
		"in the clear":        {args: []string{"--server", "http://h.example", "--token", "x"}, wantError: "readable for everybody"},
		"no URL":              {args: []string{"--server", "h.example", "--token", "x"}, wantError: "want https://host:port"},
		"both":                {args: []string{"--token", "x", "--token-file", "y"}, wantError: "exclude each other"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv(tokenVariable, tt.env)
			var m manageFlags
			cmd := newVersionCmd()
			m.register(cmd, false)
			if !tt.withoutData {
				tt.args = append(tt.args, "--data", data)
			}
			if err := cmd.ParseFlags(tt.args); err != nil {
				t.Fatal(err)
			}
			local, err := m.address()
			token := ""
			if err == nil {
				token, err = m.findToken(local)
			}
			switch {
			case tt.wantError != "" && (err == nil || !strings.Contains(err.Error(), tt.wantError)):
				t.Errorf("error %v, want %q in it", err, tt.wantError)
			case tt.wantError == "" && (err != nil || m.server != tt.url || token != tt.token):
				t.Errorf("%s with token %q, error %v; want %s with %q", m.server, token, err, tt.url, tt.token)
			}
		})
	}
}
