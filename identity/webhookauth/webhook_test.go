package webhookauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/identity"
	"gridmq/internal/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a webhook over HTTP/2 and a configuration that trusts it.
func serve(t testing.TB, h http.HandlerFunc) (*httptest.Server, Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, Config{Endpoint: s.URL, Web: outbound.Options{CAFile: ca}}
}

func open(t testing.TB, c Config) *Webhook {
	t.Helper()
	w, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// says is a webhook that always says the same.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

const jsonType = "application/json"

var lamp = &identity.Credentials{ClientID: "lamp"}

func kindOf(t *testing.T, err error) identity.Kind {
	t.Helper()
	e, ok := errors.AsType[*identity.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *identity.Error", err)
	}
	return e.Kind
}

func TestAnswers(t *testing.T) {
	future := strconv.FormatInt(time.Now().Unix()+600, 10)
	allow := func(more string) string {
		return `{"decision":"allow","clientAuthenticationName":"press-07"` + more + `}`
	}
	const (
		ok      = identity.Kind(100)
		denied  = identity.NotAuthorized
		nothing = identity.Unavailable
	)
	tests := map[string]struct {
		serve http.HandlerFunc
		want  identity.Kind
		part  string // of the reason
	}{
		"allow":                    {says(200, jsonType, allow("")), ok, ""},
		"allow, charset":           {says(200, "application/json; charset=utf-8", allow("")), ok, ""},
		"allow, more members":      {says(200, jsonType, allow(`,"future":{"a":[1]}`)), ok, ""},
		"allow, nulls":             {says(200, jsonType, allow(`,"attributes":null,"expiration":null`)), ok, ""},
		"allow, until, text":       {says(200, jsonType, allow(`,"expiration":"`+future+`"`)), ok, ""},
		"allow, until, number":     {says(200, jsonType, allow(`,"expiration":`+future)), ok, ""},
		"allow, over":              {says(200, jsonType, allow(`,"expiration":"1600000000"`)), denied, "over"},
		"allow, over at once":      {says(200, jsonType, allow(`,"expiration":0`)), denied, "over"},
		"allow, until nonsense":    {says(200, jsonType, allow(`,"expiration":"never"`)), nothing, "expiration"},
		"allow, until empty":       {says(200, jsonType, allow(`,"expiration":""`)), nothing, "expiration"},
		"allow, until true":        {says(200, jsonType, allow(`,"expiration":true`)), nothing, "expiration"},
		"allow, until negative":    {says(200, jsonType, allow(`,"expiration":-1`)), nothing, "expiration"},
		"allow, until float":       {says(200, jsonType, allow(`,"expiration":1.9e9`)), nothing, "expiration"},
		"allow, milliseconds":      {says(200, jsonType, allow(`,"expiration":`+future+`000`)), nothing, "expiration"},
		"allow with 201":           {says(201, jsonType, allow("")), nothing, "not 201"},
		"allow with 204":           {says(204, "", ""), nothing, "204"},
		"allow with 400":           {says(400, jsonType, allow("")), nothing, "status 400"},
		"allow with 401":           {says(401, jsonType, allow("")), nothing, "401"},
		"allow with 500":           {says(500, jsonType, allow("")), nothing, "500"},
		"deny":                     {says(400, jsonType, `{"decision":"deny","errorReason":"badge revoked"}`), denied, "badge revoked"},
		"deny with 200":            {says(200, jsonType, `{"decision":"deny"}`), denied, "no reason given"},
		"deny with 403":            {says(403, jsonType, `{"decision":"deny"}`), nothing, "403"},
		"deny, reason is a number": {says(400, jsonType, `{"decision":"deny","errorReason":7}`), denied, "no reason given"},
		"deny, forged log line":    {says(400, jsonType, `{"decision":"deny","errorReason":"a\nlevel=INFO msg=x\u001b[2J\u202e"}`), denied, "alevel=INFO msg=x[2J"},
		"400 alone":                {says(400, "text/plain", "Bad Request"), nothing, "Content-Type"},
		"no decision":              {says(200, jsonType, `{"clientAuthenticationName":"a"}`), nothing, "decision"},
		"decision in capitals":     {says(200, jsonType, `{"decision":"ALLOW","clientAuthenticationName":"a"}`), nothing, "decision"},
		"name in capitals":         {says(200, jsonType, `{"Decision":"allow","clientAuthenticationName":"a"}`), nothing, "decision"},
		"decision true":            {says(200, jsonType, `{"decision":true,"clientAuthenticationName":"a"}`), nothing, "decision"},
		"decision twice":           {says(200, jsonType, `{"decision":"deny","decision":"allow","clientAuthenticationName":"a"}`), nothing, "twice"},
		"name missing":             {says(200, jsonType, `{"decision":"allow"}`), nothing, "clientAuthenticationName"},
		"name empty":               {says(200, jsonType, `{"decision":"allow","clientAuthenticationName":""}`), nothing, "128"},
		"name null":                {says(200, jsonType, `{"decision":"allow","clientAuthenticationName":null}`), nothing, "clientAuthenticationName"},
		"name is a number":         {says(200, jsonType, `{"decision":"allow","clientAuthenticationName":7}`), nothing, "clientAuthenticationName"},
		"name too long":            {says(200, jsonType, `{"decision":"allow","clientAuthenticationName":"`+strings.Repeat("x", 129)+`"}`), nothing, "128"},
		"name with NUL":            {says(200, jsonType, `{"decision":"allow","clientAuthenticationName":"a\u0000"}`), nothing, "NUL"},
		"attributes are a list":    {says(200, jsonType, allow(`,"attributes":[]`)), nothing, "attributes"},
		"attributes too large":     {says(200, jsonType, allow(`,"attributes":{"a":"`+strings.Repeat("x", 4096)+`"}`)), nothing, "attributes"},
		"HTML":                     {says(200, "text/html", "<html>"), nothing, "Content-Type"},
		"HTML said to be JSON":     {says(200, jsonType, "<html>"), nothing, "body"},
		"JSON said to be text":     {says(200, "text/plain", allow("")), nothing, "Content-Type"},
		"other charset":            {says(200, "application/json; charset=utf-16", allow("")), nothing, "Content-Type"},
		"a list":                   {says(200, jsonType, `[]`), nothing, "object"},
		"null":                     {says(200, jsonType, `null`), nothing, "object"},
		"two values":               {says(200, jsonType, allow("")+allow("")), nothing, "follows"},
		"cut off":                  {says(200, jsonType, allow("")[:20]), nothing, "early"},
		"not UTF-8":                {says(200, jsonType, "{\"decision\":\"allow\",\"clientAuthenticationName\":\"\xff\"}"), nothing, "UTF-8"},
		"deep":                     {says(200, jsonType, strings.Repeat("[", 60000)), nothing, "deep"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}, nothing, "307"},
		"1 GB": {endless, nothing, "too large"},
		"compressed": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			says(200, jsonType, "x")(w, r)
		}, nothing, "compressed"},
		"hangs":             {func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() }, nothing, "Timeout"},
		"hangs in the body": {hangsInBody, nothing, "Timeout"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			_, c := serve(t, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); test.serve(w, r) })
			c.Timeout = time.Second
			if !strings.HasPrefix(name, "hangs") {
				c.Timeout = 20 * time.Second
			}
			w := open(t, c)
			p, err := w.Authenticate(t.Context(), lamp)
			if calls.Load() != 1 {
				t.Errorf("%d calls, want 1", calls.Load())
			}
			if test.want == ok {
				if err != nil || p.Name != "press-07" || p.Method != identity.Webhook {
					t.Errorf("got %+v, %v", p, err)
				}
				return
			}
			if p != nil || kindOf(t, err) != test.want || !strings.Contains(err.Error(), test.part) {
				t.Errorf("got %v, %v, want kind %d with %q", p, err, test.want, test.part)
			}
			s := w.Stats()
			if decided := s.Allowed+s.Denied == 1; decided == (test.want == nothing) || decided == (len(s.Failed) == 1) {
				t.Errorf("counted %+v", s)
			}
		})
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", jsonType)
	chunk := make([]byte, 64<<10)
	for range 1 << 14 { // 1 GiB
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func hangsInBody(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", jsonType)
	io.WriteString(w, `{"decision":"allow",`)
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func TestAllowedAs(t *testing.T) {
	_, c := serve(t, says(200, jsonType, `{"decision":"allow","clientAuthenticationName":"Press-07","expiration":"4000000000",
		"attributes":{"hall":4,"offset":-3,"kind":"press","probes":["thermal"],"spare":true,"ratio":0.5,"serial":9007199254740993,"deep":{"a":1},"a.b":"x"}}`))
	p, err := open(t, c).Authenticate(t.Context(), lamp)
	want := identity.Attributes{"hall": identity.Integer(4), "offset": identity.Integer(-3), "kind": identity.Text("press"), "probes": identity.List("thermal")}
	if err != nil || p.Name != "Press-07" || !p.Attributes.Equal(want) || p.Expires.Unix() != 4000000000 || p.Client != "" {
		t.Errorf("got %+v, %v", p, err)
	}
}

// The endpoint sees HTTP/2, the documented headers and nothing else of ours.
func TestRequestOnTheWire(t *testing.T) {
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || r.ProtoMajor != 2 || r.Header.Get("Content-Type") != jsonType || string(body) != `{"clientId":"lamp"}` {
			t.Errorf("%s over %s, %v: %s", r.Method, r.Proto, r.Header, body)
		}
		says(200, jsonType, `{"decision":"allow","clientAuthenticationName":"a"}`)(w, r)
	})
	if _, err := open(t, c).Authenticate(t.Context(), lamp); err != nil {
		t.Error(err)
	}
}

func TestEncodeRequest(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	cert := s.Certificate()
	block := strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})), "\n", `\n`)
	user, empty := "press-07", ""
	tests := map[string]struct {
		c    identity.Credentials
		want string
	}{
		"nothing":         {identity.Credentials{}, `{"clientId":""}`},
		"user, password":  {identity.Credentials{ClientID: "a<b", Username: &user, Password: []byte("s3cret")}, `{"clientId":"a<b","userName":"press-07","password":"czNjcmV0"}`},
		"empty ones":      {identity.Credentials{ClientID: "a", Username: &empty, Password: []byte{}}, `{"clientId":"a","userName":"","password":""}`},
		"method":          {identity.Credentials{ClientID: "a", Method: "X", Data: []byte{0, 255}}, `{"clientId":"a","authenticationMethod":"X","authenticationData":"AP8="}`},
		"method alone":    {identity.Credentials{ClientID: "a", Method: "X"}, `{"clientId":"a","authenticationMethod":"X"}`},
		"user properties": {identity.Credentials{ClientID: "a", UserProperties: []identity.Property{{Name: "k", Value: "1"}, {Name: "k", Value: "1"}}}, `{"clientId":"a","userProperties":[{"name":"k","value":"1"},{"name":"k","value":"1"}]}`},
		"certificates": {identity.Credentials{ClientID: "a", Certificates: []*x509.Certificate{cert, cert, cert}},
			`{"clientId":"a","clientCertificate":"` + block + `","clientCertificateChain":"` + block + block + `"}`},
		"not forwarded": {identity.Credentials{ClientID: "a", V5: true, Hosts: []string{"h"}}, `{"clientId":"a"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := encodeRequest(&test.c); err != nil || string(got) != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
	bad := "\xff"
	for _, c := range []identity.Credentials{{ClientID: bad}, {Username: &bad}, {Method: bad}, {UserProperties: []identity.Property{{Value: bad}}}} {
		if got, err := encodeRequest(&c); err == nil {
			t.Errorf("%v was forwarded as %s", c, got)
		}
	}
}

// One retry, when the connection was reset before an answer came, and only then.
func TestRetry(t *testing.T) {
	reset := func(w http.ResponseWriter, r *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if tc, ok := nc.(*tls.Conn); ok {
			tc.NetConn().(interface{ SetLinger(int) error }).SetLinger(0)
			tc.NetConn().Close()
		}
	}
	for name, test := range map[string]struct {
		resets, calls int64
		ok            bool
	}{"once": {1, 2, true}, "twice": {2, 2, false}} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) <= test.resets {
					reset(w, r)
					return
				}
				says(200, jsonType, `{"decision":"allow","clientAuthenticationName":"a"}`)(w, r)
			}))
			s.StartTLS() // HTTP/1.1
			defer s.Close()
			ca := filepath.Join(t.TempDir(), "ca.pem")
			os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600)
			w := open(t, Config{Endpoint: s.URL, Web: outbound.Options{CAFile: ca}})
			_, err := w.Authenticate(t.Context(), lamp)
			if (err == nil) != test.ok || calls.Load() != test.calls || w.Stats().Retried != 1 {
				t.Errorf("got %v after %d calls, %+v; want ok %v after %d", err, calls.Load(), w.Stats(), test.ok, test.calls)
			}
		})
	}
}

func TestRenew(t *testing.T) {
	name := "a"
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		says(200, jsonType, `{"decision":"allow","clientAuthenticationName":"`+name+`"}`)(w, r)
	})
	c.Cache = time.Minute
	w := open(t, c)
	old, err := w.Authenticate(t.Context(), lamp)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Renew(t.Context(), lamp, old); err != nil {
		t.Error(err)
	}
	name = "A"
	if _, err := w.Renew(t.Context(), lamp, old); err == nil || kindOf(t, err) != identity.NotAuthorized {
		t.Errorf("another name, past the cache: %v, want NotAuthorized", err)
	}
	name = "a"
	if _, err := w.Renew(t.Context(), lamp, &identity.Principal{Name: "a", Method: identity.Certificate}); err == nil {
		t.Error("renewed a client that another method let in")
	}
}

func TestTrust(t *testing.T) {
	s, c := serve(t, says(200, jsonType, `{"decision":"allow","clientAuthenticationName":"a"}`))
	for name, test := range map[string]struct {
		web   outbound.Options
		class string
	}{
		"system's roots": {outbound.Options{}, "Certificate"},
		"other pin":      {outbound.Options{CAFile: c.Web.CAFile, Pins: []string{strings.Repeat("ab", 32)}}, "Certificate"},
		"own CA":         {c.Web, ""},
	} {
		w := open(t, Config{Endpoint: s.URL, Web: test.web})
		_, err := w.Authenticate(t.Context(), lamp)
		if (err == nil) != (test.class == "") || err != nil && (w.Stats().Failed[Failure{0, test.class}] != 1 || kindOf(t, err) != identity.Unavailable) {
			t.Errorf("%s: %v, %v", name, err, w.Stats().Failed)
		}
	}
	for _, endpoint := range []string{"", "http://plant.example/hook", "http://127.0.0.1/hook", "https://u:p@x/", "ftp://x"} {
		if _, err := New(Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%q was accepted", endpoint)
		}
	}
	if _, err := New(Config{Endpoint: "http://plant.example/", Web: outbound.Options{LoopbackHTTP: true}}); err == nil {
		t.Error("http to another machine was accepted")
	}
	for _, timeout := range []time.Duration{time.Millisecond, time.Minute, -1} {
		if _, err := New(Config{Endpoint: s.URL, Timeout: timeout}); err == nil {
			t.Errorf("time-out %v was accepted", timeout)
		}
	}
}

func TestClientLeaves(t *testing.T) {
	started := make(chan struct{}, 1)
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		started <- struct{}{}
		<-r.Context().Done() // the call is given up, not waited for
	})
	c.Breaker.Failures = 1
	w := open(t, c)
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-started; leave() }()
	if _, err := w.Authenticate(ctx, lamp); err == nil || kindOf(t, err) != identity.Unavailable {
		t.Errorf("got %v", err)
	}
	if s := w.Stats(); s.Open || s.Failed[Failure{0, "Canceled"}] != 1 {
		t.Errorf("a client that leaves counts against the webhook: %+v", s)
	}
}

// Full: the bound on calls holds, the queue has a bound, and who is beyond it is
// told at once.
func TestOverload(t *testing.T) {
	release := make(chan struct{})
	var now, peak atomic.Int64
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		peak.Store(max(peak.Load(), now.Add(1)))
		defer now.Add(-1)
		<-release
		says(200, jsonType, `{"decision":"allow","clientAuthenticationName":"a"}`)(w, r)
	})
	c.Concurrency, c.Queue, c.Timeout = 3, 5, 20*time.Second
	w := open(t, c)
	var group sync.WaitGroup
	var ok, overloaded atomic.Int64
	for range 20 {
		group.Go(func() {
			_, err := w.Authenticate(t.Context(), lamp)
			if err == nil {
				ok.Add(1)
			} else if kindOf(t, err) == identity.Overloaded {
				overloaded.Add(1)
			}
		})
	}
	for overloaded.Load() < 12 || w.Stats().Waiting < 5 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	group.Wait()
	if ok.Load() != 8 || overloaded.Load() != 12 || peak.Load() > 3 {
		t.Errorf("%d allowed, %d overloaded, %d at once; want 8, 12 and 3", ok.Load(), overloaded.Load(), peak.Load())
	}
	if s := w.Stats(); s.Calling != 0 || s.Waiting != 0 || s.Failed[Failure{0, "QueueFull"}] != 12 {
		t.Errorf("%+v", s)
	}
}

func TestWebhookDown(t *testing.T) {
	var calls atomic.Int64
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.WriteHeader(503)
	})
	c.Breaker = Breaker{Failures: 5, Open: time.Hour, OpenMost: time.Hour}
	w := open(t, c)
	for range 50 {
		if _, err := w.Authenticate(t.Context(), lamp); kindOf(t, err) != identity.Unavailable {
			t.Errorf("got %v", err)
		}
	}
	if s := w.Stats(); calls.Load() != 5 || !s.Open || s.Failed[Failure{503, "Status"}] != 5 || s.Failed[Failure{0, "CircuitOpen"}] != 45 {
		t.Errorf("%d calls, %+v", calls.Load(), w.Stats())
	}
}
