package control_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/control"
	"gridmq/control/operator"
	"gridmq/control/tree"
	"gridmq/store"
	"gridmq/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	base  = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.EventGrid"
	plant = base + "/namespaces/plant"
	owner = "owner-token"
)

// A bench is a plane on a memory store with an operator for each role.
type bench struct {
	t     testing.TB
	plane *control.Plane
	store store.Store
	now   time.Time // the plane's clock; stands still
	dns   *fakeDNS
}

func local(name, role, scope string) operator.Operator {
	return operator.Operator{Name: name, Role: operator.RoleNamed(role), Scope: scope, Hash: operator.HashOf(name + "-token")}
}

func newBench(t testing.TB, change func(*control.Options)) *bench {
	t.Helper()
	b := &bench{t: t, store: memory.New(memory.Options{}), now: time.Date(2026, 3, 2, 7, 41, 9, 0, time.UTC), dns: &fakeDNS{texts: map[string]string{}}}
	o := control.Options{
		Store: b.store, Now: func() time.Time { return b.now }, Domain: "mq.test", Resolver: b.dns,
		Operators: []operator.Operator{local("owner", "owner", "/"), local("contributor", "contributor", "/"),
			local("reader", "reader", "/"), local("plantreader", "reader", plant)},
	}
	if change != nil {
		change(&o)
	}
	var err error
	if b.plane, err = control.Open(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.plane.Close(); _ = b.store.Close() })
	return b
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   any
	text   string
}

func (a answer) at(path string) any {
	v, _ := tree.Get(a.body, path)
	return v
}

func (a answer) code() string { s, _ := a.at("error.code").(string); return s }

// names are those of a list.
func (a answer) names() (list []string) {
	value, _ := a.at("value").([]any)
	for _, one := range value {
		name, _ := one.(map[string]any)["name"].(string)
		list = append(list, name)
	}
	return list
}

// do sends "METHOD path" as the owner, with the newest api-version unless the path
// has a query; more is headers in turn with their values.
func (b *bench) do(request, body string, more ...string) answer {
	b.t.Helper()
	method, target, _ := strings.Cut(request, " ")
	if !strings.Contains(target, "?") && !strings.HasPrefix(target, "/gridmq") {
		target += "?api-version=" + control.Newest
	}
	r := httptest.NewRequest(method, "https://manage.test"+target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+owner)
	for i := 0; i+1 < len(more); i += 2 {
		if r.Header.Set(more[i], more[i+1]); more[i+1] == "" {
			r.Header.Del(more[i])
		}
	}
	w := httptest.NewRecorder()
	b.plane.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), text: w.Body.String()}
	if len(a.text) > 0 {
		var err error
		if a.body, err = tree.Parse([]byte(a.text)); err != nil {
			b.t.Fatalf("%s answers what is not JSON: %q", request, a.text)
		}
	}
	if a.status >= 400 && (a.code() == "" || a.at("error.message") == nil) && method != http.MethodHead {
		b.t.Errorf("%s answers %d without code and message: %s", request, a.status, a.text)
	}
	return a
}

// must is do with a status that is wanted.
func (b *bench) must(status int, request, body string, more ...string) answer {
	b.t.Helper()
	a := b.do(request, body, more...)
	if a.status != status {
		b.t.Fatalf("%s %.200s: status %d, want %d: %s", request, body, a.status, status, a.text)
	}
	return a
}

const (
	groupBody   = `{"properties":{"query":"attributes.kind = 'press'"}}`
	spaceBody   = `{"properties":{"topicTemplates":["a/#"]}}`
	bindingBody = `{"properties":{"clientGroupName":"presses","topicSpaceName":"telemetry","permission":"Publisher"}}`
)

// furnish makes a namespace with one of each.
func (b *bench) furnish() {
	b.t.Helper()
	b.must(201, "PUT "+plant, `{"location":"local"}`)
	b.must(201, "PUT "+plant+"/clientGroups/presses", groupBody)
	b.must(201, "PUT "+plant+"/topicSpaces/telemetry", spaceBody)
	b.must(201, "PUT "+plant+"/permissionBindings/press-telemetry", bindingBody)
	b.must(201, "PUT "+plant+"/clients/press-7", `{"properties":{"authenticationName":"Press-07","attributes":{"kind":"press"}}}`)
	b.must(201, "PUT "+plant+"/caCertificates/ca-1", caBody(authority("ca-1")))
}

// documents is everything that is stored below a prefix.
func (b *bench) documents(prefix string) map[string]string {
	all := map[string]string{}
	_ = b.store.List([]byte(prefix), nil, func(d store.Document) bool {
		all[string(d.Key)] = string(d.Value)
		return true
	})
	return all
}

type fakeDNS struct {
	mu    sync.Mutex
	texts map[string]string
	fail  error
	asked []string
}

func (d *fakeDNS) set(name, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.texts[name] = text
}

func (d *fakeDNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, name)
	if d.fail != nil {
		return nil, d.fail
	}
	if text, ok := d.texts[strings.TrimSuffix(name, ".")]; ok {
		return []string{"other", text}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// authority is the certificate of a new CA in PEM.
func authority(name string) string { return certificate(name, true) }

func certificate(name string, isCA bool) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: isCA, BasicConstraintsValid: true,
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func caBody(text string) string {
	b, _ := json.Marshal(map[string]any{"properties": map[string]any{"encodedCertificate": text}})
	return string(b)
}

func quote(v any) string { b, _ := json.Marshal(v); return string(b) }

// served is the plane behind a real HTTP server.
func (b *bench) served() *httptest.Server {
	s := httptest.NewServer(b.plane)
	b.t.Cleanup(s.Close)
	return s
}

func readAll(r io.Reader) string {
	var buf bytes.Buffer
	_, _ = buf.ReadFrom(r)
	return buf.String()
}

func number(v any) string { return fmt.Sprint(v) }
