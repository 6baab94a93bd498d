package behaviour

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	manage "gridmq/control/client"
	"gridmq/mqtt"
)

// list is a revocation list of our CA, PEM.
func (s *siege) list(number int64, revoked ...*tls.Certificate) string {
	s.Helper()
	l := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: s.parsed(c).SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, s.ca.Certificate, s.ca.Key)
	if err != nil {
		s.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

func (s *siege) parsed(c *tls.Certificate) *x509.Certificate {
	s.Helper()
	cert, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		s.Fatal(err)
	}
	return cert
}

// heed registers our CA with a way to learn of revocations.
func (s *siege) heed(ns string, ours map[string]any) error {
	s.Helper()
	body, err := json.Marshal(map[string]any{"properties": map[string]any{"encodedCertificate": string(s.ca.CertificatePEM()), "gridmq": ours}})
	if err != nil {
		s.Fatal(err)
	}
	_, _, _, err = s.plane.Put(s.Context(), place.ID(ns, "caCertificates", "ca1"), body, manage.Condition{})
	return err
}

// TestRevocationList: a certificate that a new list names is out at once, the others
// stay. The list may be in the resource or in a file.
func TestRevocationList(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "plant.crl") // goes after the broker
	s := besieged(t)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	const revoked = "is on the revocation list of its issuer"
	for ns, change := range map[string]struct {
		ours func(text string) map[string]any
		next func(text string)
	}{
		"crl-file": {
			func(text string) map[string]any {
				write(text)
				return map[string]any{"crl": map[string]any{"files": []string{file}, "refreshInSeconds": 1}}
			}, write,
		},
		"crl-text": {
			func(text string) map[string]any { return map[string]any{"crl": map[string]any{"pem": text}} }, nil,
		},
	} {
		s.open(ns, "", "")
		if err := s.heed(ns, change.ours(s.list(1))); err != nil {
			t.Fatal(err)
		}
		s.put(ns, "clients", "press-1", `{}`)
		s.put(ns, "clients", "press-2", `{}`)
		lost := caller{ns: ns, id: "lost", cert: s.badge("press-1")}
		live := s.enter(lost)
		stays := s.enter(caller{ns: ns, id: "stays", cert: s.badge("press-2")})
		if text := s.list(2, lost.cert); change.next != nil {
			change.next(text)
		} else if err := s.heed(ns, change.ours(text)); err != nil {
			t.Fatal(err)
		}
		live.wantEnd(mqtt.NotAuthorized)
		s.refuse(lost, mqtt.NotAuthorized, revoked)
		s.enter(caller{ns: ns, id: "next", cert: s.badge("press-1")}) // another certificate of the same client
		if !stays.publishes("devices/press-2/x") {
			t.Errorf("%s: a client whose certificate is good was disturbed", ns)
		}
	}
	for field, ours := range map[string]map[string]any{
		"properties.gridmq.crl.files[0]": {"crl": map[string]any{"files": []string{file + ".not"}}},
		"properties.gridmq.ocsp.mode":    {"ocsp": map[string]any{"mode": "perhaps"}},
		"properties.gridmq.ocsp.caFile":  {"ocsp": map[string]any{"mode": "hard", "caFile": file}},
	} {
		if err := s.heed("crl-text", ours); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v: %v, want an error that names %s", ours, err, field)
		}
	}
}

// TestRevocationOCSP: what a responder says counts; without an answer soft lets in, and
// hard refuses, in bounded time.
func TestRevocationOCSP(t *testing.T) {
	t.Parallel()
	s := besieged(t)
	var hangs atomic.Bool
	var bad atomic.Pointer[big.Int] // the serial number that is revoked
	bad.Store(new(big.Int))
	responder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); hangs.Load() {
			<-r.Context().Done()
		} else if q, err2 := ocsp.ParseRequest(body); err == nil && err2 == nil {
			_, _ = w.Write(s.answer(q, bad.Load()))
		}
	}))
	t.Cleanup(responder.Close)
	for ns, mode := range map[string]string{"ocsp-hard": "hard", "ocsp-soft": "soft"} {
		hangs.Store(false)
		s.open(ns, "", "")
		if err := s.heed(ns, map[string]any{"ocsp": map[string]any{"mode": mode, "url": responder.URL, "timeoutInSeconds": 1}}); err != nil {
			t.Fatal(err)
		}
		s.put(ns, "clients", "press-1", `{}`)
		live := s.enter(caller{ns: ns, id: "good", cert: s.badge("press-1")})
		lost := caller{ns: ns, id: "revoked", cert: s.badge("press-1")}
		bad.Store(s.parsed(lost.cert).SerialNumber)
		s.refuse(lost, mqtt.NotAuthorized, "was revoked, says OCSP")
		hangs.Store(true)
		if next := (caller{ns: ns, id: "nobody knows", cert: s.badge("press-1")}); mode == "hard" {
			s.refuse(next, mqtt.ServerUnavailable, "OCSP did not tell whether the certificate is revoked")
		} else {
			s.enter(next)
		}
		s.put(ns, "clients", "press-1", `{"attributes":{"kind":"press"}}`) // asks nobody about those who are there
		if !live.publishes("devices/press-1/x") {
			t.Errorf("%s: a client that is connected was disturbed", ns)
		}
	}
}

func (s *siege) answer(q *ocsp.Request, bad *big.Int) []byte {
	now := time.Now().Truncate(time.Minute)
	r := ocsp.Response{Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour), IssuerHash: crypto.SHA1}
	if q.SerialNumber.Cmp(bad) == 0 {
		r.Status, r.RevokedAt = ocsp.Revoked, now
	}
	body, err := ocsp.CreateResponse(s.ca.Certificate, s.ca.Certificate, r, s.ca.Key)
	if err != nil {
		s.Errorf("OCSP: %v", err)
	}
	return body
}
