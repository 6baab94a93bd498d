package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"gridmq/delivery"
	"gridmq/internal/outbound"
)

const connectionString = "Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0;EntityPath=a"

// secretFile is a secret in a file of its own.
func secretFile(t *testing.T, text string) Secret {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Secret("file:" + name)
}

// certificate makes a server's certificate for localhost, and a file that has it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kafka"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, name
}

// secured is a cluster that wants TLS and, as Event Hubs does, a connection string; and
// the way to read from it.
func secured(t *testing.T, w *world) (c *kfake.Cluster, caFile string, reader []kgo.Opt) {
	t.Helper()
	cert, caFile := certificate(t)
	c = w.cluster("a", kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "$ConnectionString", connectionString))
	trust, err := outbound.Options{CAFile: caFile}.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return c, caFile, []kgo.Opt{kgo.Dialer(secure(w.net.DialContext, trust)),
		kgo.SASL(plain.Auth{User: "$ConnectionString", Pass: connectionString}.AsMechanism())}
}

// TestEventHubs: TLS and SASL PLAIN with a connection string, as Event Hubs and Fabric
// eventstreams want it. When the key is another one, events wait, and go on when the file
// has it.
func TestEventHubs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c, caFile, reader := secured(t, w)
		password := secretFile(t, connectionString+"\n")
		c.ControlKey(int16(kmsg.SASLAuthenticate), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			resp := kreq.ResponseKind().(*kmsg.SASLAuthenticateResponse)
			if !strings.Contains(string(kreq.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes), "wrong") {
				return nil, nil, false
			}
			resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
			return resp, nil, true
		})
		w.open(destination("a", c, func(d *Destination) {
			d.TLS = &outbound.Options{CAFile: caFile}
			d.SASL = SASL{Mechanism: Plain, Username: "$ConnectionString", Password: password}
		}))
		w.tell(to("a"))
		if err := w.kafka.ValidateHub(t.Context(), to("a").Destination); err != nil {
			t.Errorf("ValidateHub: %v", err)
		}
		w.publish("1")
		after(time.Second)
		if got := ids(t, w.records(c, "a", reader...)); len(got) != 1 {
			t.Fatalf("records %v, want 1", got)
		}

		file := strings.TrimPrefix(string(password), "file:")
		if err := os.WriteFile(file, []byte("Endpoint=wrong"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.net.cut()
		err := w.kafka.ValidateHub(t.Context(), to("a").Destination)
		if err == nil || !strings.Contains(err.Error(), "refuse the credentials") || strings.Contains(err.Error(), "Endpoint") {
			t.Errorf("ValidateHub: %v, want that the credentials are refused", err)
		}
		w.publish("2")
		after(40 * time.Second)
		if len(w.seen) != 2 || w.seen[1] != delivery.Unauthorized {
			t.Errorf("outcomes %v, want Unauthorized", w.seen)
		}
		if err := os.WriteFile(file, []byte(connectionString), 0o600); err != nil {
			t.Fatal(err)
		}
		after(6 * time.Minute)
		if got := ids(t, w.records(c, "a", reader...)); len(got) != 2 {
			t.Errorf("records %v, want 1 and 2", got)
		}
		w.wantDead()
	})
}

// TestNotTrusted: a broker with another certificate gets neither events nor secrets. Over
// sockets: on a pipe without a buffer the two ends of a failed handshake wait for each
// other.
func TestNotTrusted(t *testing.T) {
	cert, _ := certificate(t)
	_, other := certificate(t)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "a"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, err := New(Options{Destinations: []Destination{destination("a", c, func(d *Destination) { d.TLS = &outbound.Options{CAFile: other} })}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.ValidateHub(t.Context(), to("a").Destination); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("ValidateHub: %v, want something of the certificate", err)
	}
}

// TestMechanisms: SCRAM.
func TestMechanisms(t *testing.T) {
	for _, mechanism := range []string{ScramSHA256, ScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				c := w.cluster("a", kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanism), "u", "right"))
				w.wantOutcome(c, SASL{Mechanism: mechanism, Username: "u", Password: secretFile(t, "right")}, delivery.Succeeded)
			})
		})
	}
}

// TestRefused: the ways in which brokers do not let us in.
func TestRefused(t *testing.T) {
	scramSecret := func(t *testing.T, password string) SASL {
		return SASL{Mechanism: ScramSHA256, Username: "u", Password: secretFile(t, password)}
	}
	for _, err := range []*kerr.Error{kerr.SaslAuthenticationFailed, kerr.IllegalSaslState, kerr.UnsupportedSaslMechanism} {
		t.Run(err.Message, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				c := w.cluster("a", kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "u", "p"))
				c.ControlKey(int16(kmsg.SASLHandshake), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
					c.KeepControl()
					resp := kreq.ResponseKind().(*kmsg.SASLHandshakeResponse)
					resp.ErrorCode = err.Code
					return resp, nil, true
				})
				w.wantOutcome(c, scramSecret(t, "p"), delivery.Unauthorized)
				if err := w.kafka.ValidateHub(t.Context(), to("a").Destination); err == nil || !strings.Contains(err.Error(), "refuse the credentials") {
					t.Errorf("ValidateHub: %v", err)
				}
			})
		})
	}
	t.Run("hung up", func(t *testing.T) { // kfake's answer to a wrong password
		inWorld(t, func(t *testing.T, w *world) {
			c := w.cluster("a", kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "u", "p"))
			w.wantOutcome(c, scramSecret(t, "wrong"), delivery.SocketError)
		})
	})
	t.Run("no word", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			c := w.cluster("a", kfake.EnableSASL())
			w.wantOutcome(c, SASL{}, delivery.TimedOut)
		})
	})
	t.Run("no secret", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			c := w.cluster("a", kfake.EnableSASL())
			s := scramSecret(t, "p")
			w.o.Idle = time.Hour
			w.open(destination("a", c, func(d *Destination) { d.SASL = s }))
			if err := os.Remove(strings.TrimPrefix(string(s.Password), "file:")); err != nil {
				t.Fatal(err)
			}
			w.wantAttempt(delivery.Aborted)
		})
	})
}

// wantOutcome publishes an event and wants one attempt.
func (w *world) wantOutcome(c *kfake.Cluster, s SASL, want delivery.Outcome) {
	w.t.Helper()
	w.open(destination("a", c, func(d *Destination) { d.SASL = s }))
	w.wantAttempt(want)
}

func (w *world) wantAttempt(want delivery.Outcome) {
	w.t.Helper()
	w.tell(to("a"))
	w.publish("1")
	after(31 * time.Second)
	if len(w.seen) != 1 || w.seen[0] != want {
		w.t.Errorf("outcomes %v, want %v", w.seen, want)
	}
}

// TestOAuthBearer: the token reaches the broker. kfake does not know the mechanism, so
// controls answer for it.
func TestOAuthBearer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cert, caFile := certificate(t)
		c := w.cluster("a", kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
		shown := map[string]bool{}
		for _, key := range []kmsg.Key{kmsg.SASLHandshake, kmsg.SASLAuthenticate} {
			c.ControlKey(int16(key), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				if r, ok := kreq.(*kmsg.SASLAuthenticateRequest); ok {
					shown[string(r.SASLAuthBytes)] = true
				}
				return kreq.ResponseKind(), nil, true
			})
		}
		w.open(destination("a", c, func(d *Destination) {
			d.TLS = &outbound.Options{CAFile: caFile}
			d.SASL = SASL{Mechanism: OAuthBearer, Tokens: TokenOptions{Token: secretFile(t, "a.b.c\n")}}
		}))
		w.wantAttempt(delivery.Succeeded)
		if want := "n,,\x01auth=Bearer a.b.c\x01\x01"; len(shown) != 1 || !shown[want] {
			t.Errorf("shown %v, want %q", shown, want)
		}
	})
}

// TestTokenEndpoint: the client credentials grant, the token kept for most of its life,
// and what is said when it fails.
func TestTokenEndpoint(t *testing.T) {
	asked, status, body := 0, http.StatusOK, `{"access_token":"a.b.c","token_type":"Bearer","expires_in":3600}`
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked++
		want := "client_id=id&client_secret=s%26cret&grant_type=client_credentials&scope=https%3A%2F%2Fn%2F.default"
		if err := r.ParseForm(); err != nil || r.PostForm.Encode() != want {
			t.Errorf("asked with %s, want %s", r.PostForm.Encode(), want)
		}
		rw.WriteHeader(status)
		fmt.Fprint(rw, body)
	}))
	defer s.Close()
	source, err := newTokens(TokenOptions{URL: s.URL, ClientID: "id", ClientSecret: secretFile(t, "s&cret\n"), Scope: "https://n/.default"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if token, err := source.token(t.Context()); err != nil || token != "a.b.c" {
			t.Fatalf("token %q, %v", token, err)
		}
	}
	if asked != 1 {
		t.Errorf("the endpoint was asked %d times, want 1", asked)
	}
	source.end = time.Now()
	for text, want := range map[string]string{
		`{"error":"invalid_client","error_description":"s&cret"}`: "invalid_client",
		`{"error":"Secret 's&cret' is wrong"}`:                    "status 401",
		`s&cret`:                                                  "status 401",
	} {
		status, body = http.StatusUnauthorized, text
		if _, err := source.token(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s&cret") {
			t.Errorf("answer %s: %v, want %s", text, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := source.token(ctx); err == nil || strings.Contains(err.Error(), "s&cret") {
		t.Errorf("cancelled: %v", err)
	}
}

// FuzzReadToken: whatever an endpoint answers, there is a token that fits a header, with
// a life in bounds, or an error that shows nothing of it.
func FuzzReadToken(f *testing.F) {
	for _, s := range []string{`{"access_token":"a","expires_in":3600}`, `{"access_token":"a","expires_in":"60"}`, `{"access_token":"a","expires_in":-1}`,
		`{"access_token":"a","expires_in":1e99}`, `{"access_token":"a b"}`, `{"error":"invalid_client"}`, `[]`, ``} {
		f.Add(http.StatusOK, []byte(s))
		f.Add(http.StatusBadRequest, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		text, life, err := readToken(status, body)
		switch {
		case err != nil && text != "":
			t.Errorf("token %q with %v", text, err)
		case err == nil && (text == "" || strings.ContainsAny(text, " \r\n\x00\x01") || life <= 0 || life > 8*24*time.Hour || !json.Valid(body)):
			t.Errorf("%d %q: token %q for %v", status, body, text, life)
		}
	})
}

// TestSecretsAreNotShown in what is said of them.
func TestSecretsAreNotShown(t *testing.T) {
	d := Destination{Name: "a", ResourceID: hubID("a"), Brokers: []string{"k:1"}, Topic: "a", TLS: &outbound.Options{},
		SASL: SASL{Mechanism: Plain, Username: "u", Password: connectionString}}
	if _, err := New(Options{Destinations: []Destination{d}}); err == nil || strings.Contains(err.Error(), "Endpoint") {
		t.Errorf("New: %v", err)
	}
	if text := d.SASL.Password.LogValue().String(); text != "[secret]" {
		t.Errorf("logged as %s", text)
	}
	for secret, want := range map[Secret]string{"file:/none/such": "/none/such", "env:GRIDMQ_TEST_NONE": "GRIDMQ_TEST_NONE is not set",
		secretFile(t, "\n"): "is empty", "file:/dev/zero": "regular file"} {
		d.SASL.Password = secret
		if _, err := New(Options{Destinations: []Destination{d}}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "kafka.a: ") {
			t.Errorf("New with %s: %v, want %s", string(secret), err, want)
		}
	}
	t.Setenv("GRIDMQ_TEST_SECRET", "s")
	d.SASL.Password = "env:GRIDMQ_TEST_SECRET"
	if _, err := New(Options{Destinations: []Destination{d}}); err != nil {
		t.Errorf("New: %v", err)
	}
}
