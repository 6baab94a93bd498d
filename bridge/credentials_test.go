package bridge

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gridmq/client"
	"gridmq/internal/authority"
	"gridmq/mqtt"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// jwt has nothing but an expiry that can be read.
func jwt(expires time.Time) string {
	body := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, expires.Unix()))
	return "e30." + body + ".c2ln"
}

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	ends := time.Now().Add(time.Hour).Truncate(time.Second)
	var asked int
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		_ = r.ParseForm()
		if r.PostForm.Get("grant_type") != "client_credentials" || r.PostForm.Get("client_id") != "robot" || r.PostForm.Get("scope") != "api://mq/.default" {
			t.Errorf("asked with %v", r.PostForm)
		}
		if r.PostForm.Get("client_secret") != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"s3cret"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":600}`, jwt(ends))
	}))
	defer endpoint.Close()
	token := Token{Endpoint: endpoint.URL, ClientID: "robot", Scope: "api://mq/.default", SecretFile: write(t, filepath.Join(dir, "secret"), "s3cret\n")}

	t.Run("password", func(t *testing.T) {
		c := Credentials{Username: "u", PasswordFile: write(t, filepath.Join(dir, "pw"), "one\n")}
		if cr, err := c.load(t.Context()); err != nil || string(cr.password) != "one" || cr.username != "u" || !cr.expires.IsZero() {
			t.Errorf("got %q, %v", cr.password, err)
		}
		write(t, c.PasswordFile, "two")
		if cr, err := c.load(t.Context()); err != nil || string(cr.password) != "two" {
			t.Errorf("a changed file gives %q, %v", cr.password, err)
		}
		write(t, c.PasswordFile, " \n")
		if _, err := c.load(t.Context()); err == nil {
			t.Error("an empty file was accepted")
		}
	})
	t.Run("token file, as a method", func(t *testing.T) {
		c := Credentials{Token: Token{Method: "CUSTOM-JWT", File: write(t, filepath.Join(dir, "token"), jwt(ends)+"\n")}}
		cr, err := c.load(t.Context())
		if err != nil || cr.method != "CUSTOM-JWT" || string(cr.token) != jwt(ends) || cr.password != nil || !cr.expires.Equal(ends) {
			t.Errorf("got method %q, ends %v, %v", cr.method, cr.expires, err)
		}
		o := New(Options{Credentials: c}).remoteOptions(&cr, nil)
		if o.Properties.AuthenticationMethod != "CUSTOM-JWT" || !o.Properties.Has(mqtt.PropAuthenticationData) {
			t.Error("the CONNECT does not show the token")
		}
		if s := fmt.Sprint(cr.LogValue()); strings.Contains(s, "e30") {
			t.Errorf("the log would say %s", s)
		}
	})
	t.Run("token endpoint, as the password", func(t *testing.T) {
		c := Credentials{Username: "u", Token: token}
		cr, err := c.load(t.Context())
		if err != nil || string(cr.password) != jwt(ends) || cr.method != "" {
			t.Fatalf("got %v", err)
		}
		if left := time.Until(cr.expires); left < 9*time.Minute || left > 10*time.Minute { // expires_in is earlier than exp
			t.Errorf("it ends in %v, want ten minutes", left)
		}
	})
	t.Run("token endpoint, refused", func(t *testing.T) {
		c := Credentials{Token: token}
		c.Token.SecretFile = write(t, filepath.Join(dir, "wrong"), "wrong-secret")
		_, err := c.load(t.Context())
		if err == nil || !strings.Contains(err.Error(), `401, "invalid_client"`) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "wrong-secret") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("certificate", func(t *testing.T) {
		_, files := certificate(t, dir)
		c := Credentials{TLS: files}
		cr, err := c.load(t.Context())
		if err != nil || len(cr.tls.Certificates) != 1 || cr.expires.IsZero() {
			t.Errorf("got %v, ends %v", err, cr.expires)
		}
	})
	t.Run("files that are not there", func(t *testing.T) {
		for name, c := range map[string]Credentials{
			"ca": {TLS: client.TLSFiles{CA: dir + "/none"}}, "password": {PasswordFile: dir + "/none"},
			"token": {Token: Token{File: dir + "/none"}}, "secret": {Token: Token{Endpoint: endpoint.URL, SecretFile: dir + "/none"}},
		} {
			if _, err := c.load(t.Context()); err == nil || !strings.Contains(err.Error(), "none") {
				t.Errorf("%s: got %v, want an error that names the file", name, err)
			}
		}
	})
	if asked == 0 {
		t.Error("nobody asked the endpoint")
	}
}

func TestRenewal(t *testing.T) {
	day := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := map[string]struct{ now, life, want time.Duration }{
		"an hour's token":           {0, time.Hour, 50 * time.Minute},
		"five minutes":              {0, 5 * time.Minute, 4 * time.Minute},
		"a year's certificate":      {0, 365 * 24 * time.Hour, 365*24*time.Hour - 10*time.Minute},
		"it was not there at first": {50 * time.Minute, time.Hour, 150 * time.Second},
		"nor later":                 {time.Hour - 8*time.Second, time.Hour, 5 * time.Second},
		"it is over":                {2 * time.Hour, time.Hour, 5 * time.Second},
	}
	for name, test := range tests {
		if got := renewal(day.Add(test.now), day, day.Add(test.life)); got != test.want {
			t.Errorf("%s: look again after %v, want %v", name, got, test.want)
		}
	}
}

// FuzzToken reads answers of an endpoint and tokens of anybody.
func FuzzToken(f *testing.F) {
	f.Add(200, []byte(`{"access_token":"`+jwt(time.Unix(1e9, 0))+`","expires_in":3600}`))
	f.Add(400, []byte(`{"error":"invalid_client"}`))
	f.Add(200, []byte(`{"access_token":"a.eyJleHAiOjFlMzB9.c","expires_in":1e300}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		token, expires, err := readAnswer(status, body, time.Unix(0, 0))
		if err == nil && (len(token) == 0 || len(token) > maxToken || status != 200) {
			t.Errorf("accepted %d %q", status, body)
		}
		if y := expires.Year(); err == nil && !expires.IsZero() && (y < 1970 || y > 1<<20) {
			t.Errorf("ends %v", expires)
		}
	})
}

// certificate makes a CA and a client's certificate, in files.
func certificate(t *testing.T, dir string) (ca string, files client.TLSFiles) {
	t.Helper()
	a, err := authority.NewCA(authority.CAOptions{Name: "test CA"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.NewClient(authority.LeafOptions{Name: "edge"})
	if err != nil {
		t.Fatal(err)
	}
	ca = write(t, filepath.Join(dir, "ca.pem"), string(a.CertificatePEM()))
	files = client.TLSFiles{CA: ca, Cert: filepath.Join(dir, "edge.pem"), Key: filepath.Join(dir, "edge-key.pem")}
	if err := pair.Save(files.Cert, files.Key, true); err != nil {
		t.Fatal(err)
	}
	return ca, files
}
