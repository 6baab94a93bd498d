package webhookauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/identity"
	"gridmq/internal/bubble"
)

const allowed = `{"decision":"allow","clientAuthenticationName":"a"}`

func TestHeaderCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	os.WriteFile(file, []byte("from-file\n"), 0o600)
	for name, test := range map[string]struct {
		c            Credential
		header, want string // want "": refused before it is sent
	}{
		"bearer":           {Bearer(Secret{Value: "tok"}), "Authorization", "Bearer tok"},
		"bearer in a file": {Bearer(Secret{File: file}), "Authorization", "Bearer from-file"},
		"header":           {Header("X-Hook", Secret{Value: "s"}), "X-Hook", "s"},
		"injection":        {Header("X-Hook", Secret{Value: "s\r\nX-Admin: 1"}), "", ""},
		"empty":            {Bearer(Secret{}), "", ""},
		"no file":          {Bearer(Secret{File: file + "x"}), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get(test.header); got != test.want {
					t.Errorf("%s: %q, want %q", test.header, got, test.want)
				}
				says(200, jsonType, allowed)(w, r)
			})
			c.Credential = test.c
			w := open(t, c)
			if _, err := w.Authenticate(t.Context(), lamp); (err == nil) != (test.want != "") ||
				err != nil && w.Stats().Failed[Failure{0, "Credential"}] != 1 {
				t.Errorf("got %v, %+v", err, w.Stats())
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	s := Secret{Value: "hidden"}
	c := ClientCredentials{Secret: s}
	settings := Settings{Secret: s}
	if shown := fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v", s, s, s, s, s, c, settings, settings) + s.LogValue().String(); strings.Contains(shown, "hidden") {
		t.Errorf("shown as %s", shown)
	}
}

func TestClientCredentials(t *testing.T) {
	var fetches atomic.Int64
	var status atomic.Int64
	status.Store(200)
	tokens, web := serve(t, func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		if r.Form.Get("client_id") != "id" || r.Form.Get("client_secret") != "s&cret" || r.Form.Get("scope") != "api://hook/.default" || r.URL.RawQuery != "" {
			t.Errorf("asked with %v", r.Form)
		}
		says(int(status.Load()), jsonType, fmt.Sprintf(`{"token_type":"bearer","expires_in":"3600","access_token":"t%d"}`, fetches.Add(1)))(w, r)
	})
	_, hook := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t1" {
			t.Errorf("called with %q", r.Header.Get("Authorization"))
		}
		says(200, jsonType, allowed)(w, r)
	})
	c, err := ClientCredentials{TokenURL: tokens.URL, ClientID: "id", Secret: Secret{Value: "s&cret"}, Scope: "api://hook/.default", Web: web.Web}.Open()
	if err != nil {
		t.Fatal(err)
	}
	hook.Credential = c
	w := open(t, hook)
	for range 5 {
		if _, err := w.Authenticate(t.Context(), lamp); err != nil {
			t.Fatal(err)
		}
	}
	if fetches.Load() != 1 {
		t.Errorf("%d fetches, want 1", fetches.Load())
	}
}

func TestHostileTokenEndpoints(t *testing.T) {
	ok := `{"token_type":"Bearer","expires_in":3600,"access_token":"t"}`
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"refuses":         {says(401, jsonType, `{"error":"invalid_client","error_description":"s3cret"}`), "invalid_client"},
		"redirects":       {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusTemporaryRedirect) }, "307"},
		"1 GB":            {endless, "too large"},
		"no token":        {says(200, jsonType, `{"token_type":"Bearer"}`), "access_token"},
		"token with CRLF": {says(200, jsonType, strings.Replace(ok, `"t"`, `"t\r\nX: y"`, 1)), "access_token"},
		"token with gap":  {says(200, jsonType, strings.Replace(ok, `"t"`, `"t u"`, 1)), "access_token"},
		"other type":      {says(200, jsonType, strings.Replace(ok, "Bearer", "mac", 1)), "Bearer"},
		"no seconds":      {says(200, jsonType, strings.Replace(ok, "3600", "-1", 1)), "expires_in"},
		"twice":           {says(200, jsonType, `{"access_token":"a","access_token":"b"}`), "twice"},
		"HTML":            {says(200, "text/html", `<html>s3cret`), "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			s, web := serve(t, test.serve)
			c, _ := ClientCredentials{TokenURL: s.URL, ClientID: "id", Secret: Secret{Value: "s3cret"}, Web: web.Web}.Open()
			defer c.Close()
			h := http.Header{}
			err := c.Apply(t.Context(), h)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") || len(h) > 0 {
				t.Errorf("got %v, %v, want an error with %q and no secret", err, h, test.want)
			}
		})
	}
}

func TestTokensAreRenewed(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var fetches int
		var fail error
		takes := time.Duration(0)
		c := newTokens(func(ctx context.Context) (string, time.Time, error) {
			fetches++
			token, err := fmt.Sprint(fetches), fail
			select {
			case <-time.After(takes):
				return token, time.Now().Add(100 * time.Second), err
			case <-ctx.Done():
				return "", time.Time{}, ctx.Err()
			}
		}, func() {})
		defer c.Close()
		want := func(what, token string, count int) {
			t.Helper()
			got, err := c.get(t.Context())
			synctest.Wait() // for a fetch that nobody waited for
			if got != token || (err == nil) != (token != "") || fetches != count {
				t.Errorf("%s: %q, %v after %d fetches; want %q after %d", what, got, err, fetches, token, count)
			}
		}
		want("first", "1", 1)
		time.Sleep(80*time.Second - 1)
		want("before the last fifth", "1", 1)
		takes = 3 * time.Second
		time.Sleep(time.Nanosecond)
		start := time.Now()
		if got, _ := c.get(t.Context()); got != "1" || time.Since(start) != 0 {
			t.Errorf("waited %v for %q while the old token was good", time.Since(start), got)
		}
		time.Sleep(4 * time.Second)
		want("the next", "2", 2)
		takes, fail = 0, errors.New("down")
		time.Sleep(100 * time.Second)
		want("expired, down", "", 3)
		want("too soon", "", 3)
		time.Sleep(time.Second)
		want("again", "", 4)
		fail = nil
		time.Sleep(time.Second)
		want("up", "5", 5)
		c.Rejected()
		want("rejected while new", "5", 5)
		time.Sleep(tokenRejected)
		c.Rejected()
		want("rejected: still used, and the next one fetched", "5", 6)
		want("rejected: the next", "6", 6)
		takes = time.Hour
		time.Sleep(101 * time.Second)
		start = time.Now()
		if _, err := c.get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != tokenTimeout {
			t.Errorf("a fetch that hangs: %v after %v", err, time.Since(start))
		}
	})
}

// The local issuer as the broker's identity, and what follows a 401.
func TestIdentity(t *testing.T) {
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		says(map[bool]int{true: 200, false: 401}[r.Header.Get("Authorization") == "Bearer for api://hook"], jsonType, allowed)(w, r)
	})
	c.Credential = Identity(func(_ context.Context, scope string) (string, time.Time, error) {
		return "for " + scope, time.Time{}, nil
	}, "api://hook")
	if _, err := open(t, c).Authenticate(t.Context(), lamp); err != nil {
		t.Error(err)
	}
	c.Credential = Bearer(Secret{Value: "old"})
	w := open(t, c)
	if _, err := w.Authenticate(t.Context(), lamp); kindOf(t, err) != identity.Unavailable || w.Stats().Open {
		t.Errorf("got %v", err)
	}
}

func TestClientCertificate(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, _ := x509.MarshalPKCS8PrivateKey(key)
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "c.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	os.WriteFile(filepath.Join(dir, "k.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
	s, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 || r.TLS.PeerCertificates[0].Subject.CommonName != "broker" {
			w.WriteHeader(403)
			return
		}
		says(200, jsonType, allowed)(w, r)
	})
	s.TLS.ClientAuth = tls.RequestClientCert
	if _, err := open(t, c).Authenticate(t.Context(), lamp); err == nil {
		t.Error("got in without a certificate")
	}
	c.Web.CertificateFile, c.Web.KeyFile = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	if _, err := open(t, c).Authenticate(t.Context(), lamp); err != nil {
		t.Error(err)
	}
	c.Web.KeyFile = ""
	if _, err := New(c); err == nil {
		t.Error("a certificate without a key was accepted")
	}
}

func TestCacheIsOptIn(t *testing.T) {
	for _, life := range []time.Duration{0, time.Minute} {
		var calls atomic.Int64
		_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), "YmFk") {
				says(400, jsonType, `{"decision":"deny"}`)(w, r)
				return
			}
			says(200, jsonType, allowed)(w, r)
		})
		c.Cache = life
		w := open(t, c)
		for range 3 {
			w.Authenticate(t.Context(), &identity.Credentials{ClientID: "a", Password: []byte("p")})
			w.Authenticate(t.Context(), &identity.Credentials{ClientID: "a", Password: []byte("bad")})
		}
		want, cached := int64(6), uint64(0)
		if life > 0 {
			want, cached = 4, 2 // denials are asked again
		}
		if calls.Load() != want || w.Stats().Cached != cached {
			t.Errorf("cache of %v: %d calls, %+v, want %d", life, calls.Load(), w.Stats(), want)
		}
	}
}
