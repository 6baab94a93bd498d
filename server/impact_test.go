package server

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/client"
	"gridmq/identity/x509auth"
	"gridmq/internal/authority"
	"gridmq/mqtt"
)

// A factory is the namespace of --quickstart, with press-1 and console connected.
type factory struct {
	*node
	t              *testing.T
	press, console *client.Client
	press1         tls.Certificate
}

func newFactory(t *testing.T, more ...Assignment) *factory {
	t.Helper()
	more = append([]Assignment{{"", "dev.enabled", "false"}, {"", "quickstart.enabled", "true"}}, more...)
	f := &factory{t: t, node: run(t, Sources{Flags: flags(t.TempDir(), more...)})}
	f.press = f.enter("press-1", "machines/press-1/commands")
	f.console = f.enter("console", "machines/+/telemetry")
	return f
}

// enter connects a client of the quickstart.
func (f *factory) enter(name, filter string) *client.Client {
	f.t.Helper()
	pair := f.pair(name)
	if name == "press-1" {
		f.press1 = pair
	}
	return f.enterAs(client.Options{ClientID: name}, pair, filter)
}

func (f *factory) enterAs(o client.Options, pair tls.Certificate, filter string) *client.Client {
	f.t.Helper()
	ca, err := os.ReadFile(f.localCA)
	if err != nil {
		f.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	o.Target = client.Target{URL: "mqtts://" + f.Addresses()["mqtts"].Address, TLS: &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{pair}}}
	c, err := client.Connect(f.t.Context(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Close)
	if _, err := c.Subscribe(f.t.Context(), mqtt.Subscription{Filter: filter, QoS: 1}); err != nil {
		f.t.Fatal(err)
	}
	return c
}

// dryRun asks what a change would do, and returns the effects as "client: what".
func (f *factory) dryRun(method, path, body string) (effects []string, reasons string) {
	f.t.Helper()
	token, err := os.ReadFile(filepath.Join(f.cfg.Data, TokenFile))
	if err != nil {
		f.t.Fatal(err)
	}
	r := httptest.NewRequest(method, "https://x"+path+"?api-version=2025-11-15-preview&gridmq-dry-run=true", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	w := httptest.NewRecorder()
	f.plane.ServeHTTP(w, r)
	var answer struct {
		Effects []struct{ Namespace, Client, Session, Loses, Reason string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		f.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	for _, e := range answer.Effects {
		if e.Namespace != QuickstartNamespace || e.Reason == "" {
			f.t.Errorf("effect %+v", e)
		}
		effects = append(effects, e.Client+": "+e.Loses)
		reasons += e.Reason + "\n"
	}
	return effects, reasons
}

const quick = QuickstartNamespace

// A dry run tells of every kind of change what it takes from whom, and takes nothing.
func TestImpact(t *testing.T) {
	f := newFactory(t)
	disabled := strings.Replace(quickstartBody, `"Enabled"`, `"Disabled"`, 1)
	other, err := authority.NewCA(authority.CAOptions{Name: "another"})
	if err != nil {
		t.Fatal(err)
	}
	ca := func(pem []byte) string {
		b, _ := json.Marshal(map[string]any{"properties": map[string]any{"encodedCertificate": string(pem)}})
		return string(b)
	}
	mine, err := authority.Load(f.quickstartDir())
	if err != nil {
		t.Fatal(err)
	}
	revoking := func(names ...string) string {
		l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
		for _, name := range names {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: f.pair(name).Leaf.SerialNumber, RevocationTime: time.Now()})
		}
		der, err := x509.CreateRevocationList(rand.Reader, l, mine.Certificate, mine.Key)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(map[string]any{"properties": map[string]any{"encodedCertificate": string(mine.CertificatePEM()),
			"gridmq": map[string]any{"crl": map[string]any{"pem": string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))}}}})
		return string(b)
	}
	all := []string{"console: connection", "press-1: connection"}
	press := all[1:]
	report := "press-1: the right to publish to machines/press-1/telemetry"
	tests := map[string]struct {
		method, path, body string
		want               []string
		reason             string
	}{
		"namespace deleted":  {"DELETE", below(quick, ""), "", all, "the namespace is deleted"},
		"its group deleted":  {"DELETE", strings.Split(below(quick, ""), "/providers")[0], "", all, "the namespace is deleted"},
		"namespace disabled": {"PUT", below(quick, ""), disabled, all, "topicSpacesConfiguration.state"},
		"namespace tagged":   {"PATCH", below(quick, ""), `{"tags":{"a":"b"}}`, nil, ""},
		"network closed":     {"PATCH", below(quick, ""), `{"properties":{"publicNetworkAccess":"Disabled"}}`, all, "IpForbidden"},
		"CA deleted":         {"DELETE", below(quick, "/caCertificates/quickstart-ca"), "", all, `CA certificate "quickstart-ca" is deleted`},
		"CA replaced":        {"PUT", below(quick, "/caCertificates/quickstart-ca"), ca(other.CertificatePEM()), all, `CA certificate "quickstart-ca" is replaced`},
		"CA described": {"PUT", below(quick, "/caCertificates/quickstart-ca"),
			strings.Replace(ca(mine.CertificatePEM()), `{"encoded`, `{"description":"ours","encoded`, 1), nil, ""},
		"console revoked":    {"PUT", below(quick, "/caCertificates/quickstart-ca"), revoking("console"), all[:1], `the revocation list of CA certificate "quickstart-ca" is changed`},
		"nobody revoked":     {"PUT", below(quick, "/caCertificates/quickstart-ca"), revoking(), nil, ""},
		"another CA":         {"PUT", below(quick, "/caCertificates/another"), ca(other.CertificatePEM()), nil, ""},
		"client deleted":     {"DELETE", below(quick, "/clients/press-1"), "", press, "the client is deleted"},
		"client disabled":    {"PUT", below(quick, "/clients/press-1"), `{"properties":{"state":"Disabled","attributes":{"kind":"machine"}}}`, press, "the client is disabled"},
		"other certificates": {"PUT", below(quick, "/clients/press-1"), `{"properties":{"attributes":{"kind":"machine"},"clientCertificateAuthentication":{"validationScheme":"DnsMatchesAuthenticationName"}}}`, press, "the client is changed"},
		"another client":     {"PUT", below(quick, "/clients/press-3"), `{"properties":{"attributes":{"kind":"machine"}}}`, nil, ""},
		"no machine any more": {"PUT", below(quick, "/clients/press-1"), `{"properties":{"attributes":{"kind":"x"}}}`,
			[]string{"press-1: subscription machines/press-1/commands", report}, "topic space own-telemetry, permission binding machines-report"},
		"no machines": {"PUT", below(quick, "/clientGroups/machines"), `{"properties":{"query":"attributes.kind = 'x'"}}`,
			[]string{"press-1: subscription machines/press-1/commands", report}, ""},
		"no reports":    {"DELETE", below(quick, "/permissionBindings/machines-report"), "", []string{report}, "topic space own-telemetry, permission binding machines-report"},
		"wider reports": {"PUT", below(quick, "/topicSpaces/own-telemetry"), `{"properties":{"topicTemplates":["machines/${client.authenticationName}/#"]}}`, nil, ""},
		"no watching": {"PUT", below(quick, "/topicSpaces/all-machines"), `{"properties":{"topicTemplates":["machines/+/commands"]}}`,
			[]string{"console: subscription machines/+/telemetry", "console: the right to publish to machines/+/telemetry"}, ""},
		"banned":      {"PUT", "/gridmq/namespaces/quickstart/bans/x", `{"properties":{"clientId":"press-1"}}`, press, "banned by x"},
		"a role less": {"PUT", below(quick, "/topicSpaces/new"), `{"properties":{"topicTemplates":["new"]}}`, nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f.t = t
			got, reasons := f.dryRun(tt.method, tt.path, tt.body)
			if !slices.Equal(got, tt.want) || !strings.Contains(reasons, tt.reason) {
				t.Errorf("would lose %q because of %q; want %q because of %q", got, reasons, tt.want, tt.reason)
			}
		})
	}
	f.t = t
	for _, c := range []*client.Client{f.press, f.console} {
		if err := c.Err(); err != nil {
			t.Errorf("after dry runs: %v", err)
		}
	}
	m := &client.Message{Topic: "machines/press-1/telemetry", QoS: 1}
	if _, err := f.press.Publish(t.Context(), m); err != nil {
		t.Error(err)
	}
}

// What a dry run says of a CA certificate is what comes.
func TestImpactComesTrue(t *testing.T) {
	f := newFactory(t)
	f.must(t, "PUT", below(quick, "/clients/press-2"), fmt.Sprintf(`{"properties":{"attributes":{"kind":"machine"},"clientCertificateAuthentication":{"validationScheme":"ThumbprintMatch","allowedThumbprints":[%q]}}}`, f.thumbprint("press-2")))
	pinned := f.enter("press-2", "machines/press-2/commands")
	path := below(quick, "/caCertificates/quickstart-ca")
	said, _ := f.dryRun("DELETE", path, "")
	if want := []string{"console: connection", "press-1: connection"}; !slices.Equal(said, want) {
		t.Errorf("would lose %q, want %q: press-2 needs no CA", said, want)
	}
	f.must(t, "DELETE", path, "")
	for _, c := range []*client.Client{f.press, f.console} {
		select {
		case <-c.Done():
		case <-time.After(20 * time.Second):
			t.Errorf("%s is still connected", c.ID())
		}
	}
	if _, err := pinned.Publish(t.Context(), &client.Message{Topic: "machines/press-2/telemetry", QoS: 1}); err != nil {
		t.Errorf("press-2: %v", err)
	}
}

// thumbprint is that of a client's certificate.
func (f *factory) thumbprint(name string) string { return x509auth.Thumbprint(f.pair(name).Leaf) }

// pair is the certificate of a client of the quickstart.
func (f *factory) pair(name string) tls.Certificate {
	f.t.Helper()
	dir := f.quickstartDir()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
	if err != nil {
		f.t.Fatal(err)
	}
	return pair
}
