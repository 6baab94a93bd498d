package x509auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gridmq/identity"
	"gridmq/identity/strictjson"
	"gridmq/internal/outbound"
)

// An OCSPMode says what happens when OCSP gives no answer.
type OCSPMode uint8

const (
	_        OCSPMode = iota // not said: off
	OCSPOff                  // nobody is asked
	OCSPSoft                 // no answer lets a client in
	OCSPHard                 // no answer refuses it
)

var (
	ocspModes     = []string{"off", "soft", "hard"} // by OCSPMode, from OCSPOff
	stalePolicies = []string{"refuse", "accept"}    // by StalePolicy
)

// Revocation is how a CA certificate's owner wants to learn of certificates that were
// revoked: properties.gridmq of caCertificates. The zero value asks nobody.
type Revocation struct {
	CRL  CRLSettings
	OCSP OCSPSettings
}

// CRLSettings are where the revocation lists of a CA are. With any of them, nobody is
// let in below the CA while there is no list of it.
type CRLSettings struct {
	PEM   string   // lists in the resource itself
	Files []string // of the server, PEM or DER
	// Refresh is how often files are looked at, whole seconds. Default 10 s.
	Refresh time.Duration
	Stale   StalePolicy
}

// asked says whether anybody is asked.
func (s *OCSPSettings) asked() bool { return s.Mode > OCSPOff }

// asked says whether revocation lists are wanted.
func (s *CRLSettings) asked() bool { return s.PEM != "" || len(s.Files) > 0 }

// OCSPSettings say whether the issuer of a certificate is asked if it is still good.
type OCSPSettings struct {
	Mode OCSPMode
	// URL is asked instead of what certificates name.
	URL string
	// CAFile is whom to trust for an https URL, as in [outbound.Options].
	CAFile string
	// Timeout bounds all questions about one client, Cache how long answers are
	// remembered; whole seconds. Defaults: 5 s, 1 h.
	Timeout, Cache time.Duration
}

const (
	revocationPath = "gridmq"
	maxListText    = 512 << 10 // characters of lists in the resource
	maxListFiles   = 16
	maxText        = 2048

	defaultRefresh = 10 * time.Second
	defaultTimeout = 5 * time.Second
)

var revocationNames = []string{
	"crl", "crl.pem", "crl.files", "crl.refreshInSeconds", "crl.stale",
	"ocsp", "ocsp.mode", "ocsp.url", "ocsp.caFile", "ocsp.timeoutInSeconds", "ocsp.cacheInSeconds",
}

// decodeRevocation reads properties.gridmq of ca, which may be missing. Nothing is
// opened. The error is a joined *identity.FieldError.
func decodeRevocation(doc json.RawMessage, ca *CA) (r Revocation, err error) {
	p, end := strictjson.Settings(revocationPath, doc, revocationNames...)
	if c, given := p.Object("crl"); given {
		r.CRL.read(c, ca)
	}
	if o, given := p.Object("ocsp"); given {
		r.OCSP.read(o)
	}
	return r, end()
}

func (s *CRLSettings) read(p *identity.Properties, ca *CA) {
	var isText, isFiles bool
	s.PEM, isText = p.Text("pem", maxListText)
	s.Files, isFiles = p.Texts("files", maxListFiles)
	for i, name := range s.Files {
		if name == "" || len(name) > maxText {
			p.Fail(fmt.Sprintf("files[%d]", i), "want the name of a file on the server")
		}
	}
	s.Refresh = seconds(p, "refreshInSeconds", 3600)
	at, _ := p.Enum("stale", stalePolicies...)
	s.Stale = StalePolicy(at)
	_, givenText := p.Raw("pem")
	_, givenFiles := p.Raw("files")
	switch {
	case s.PEM != "" && ca.Certificate != nil:
		if _, err := readLists(ca, []byte(s.PEM)); err != nil {
			p.Fail("pem", err.Error())
		}
	case !s.asked() && isText == givenText && isFiles == givenFiles:
		p.Fail("files", "want the files of revocation lists, or pem, the text of some")
	}
}

func (s *OCSPSettings) read(p *identity.Properties) {
	at, given := p.Enum("mode", ocspModes...)
	if _, wrong := p.Raw("mode"); !given && !wrong {
		p.Fail("mode", "want off, soft (no answer lets a client in) or hard (no answer refuses it)")
	}
	s.Mode = OCSPOff + OCSPMode(at)
	s.CAFile, _ = p.Text("caFile", maxText)
	s.Timeout = seconds(p, "timeoutInSeconds", 30)
	s.Cache = seconds(p, "cacheInSeconds", 86_400)
	var named bool
	if s.URL, named = p.Text("url", maxText); named && s.URL != "" {
		if reason := checkResponder(s.URL); reason != "" {
			p.Fail("url", reason)
		}
	}
}

func seconds(p *identity.Properties, name string, most int64) time.Duration {
	n, _ := p.Integer(name, 1, most)
	return time.Duration(n) * time.Second
}

// checkResponder says what is wrong with the URL of a responder, or "". Answers are
// signed, so that http, which is what nearly all responders speak, gives nothing away.
func checkResponder(address string) string {
	if u, err := url.Parse(address); err == nil && strings.EqualFold(u.Scheme, "http") {
		address = "https" + address[len("http"):]
	}
	if reason := outbound.CheckURL(address, false); reason != "" {
		return strings.NewReplacer("want https", "want http or https", "absolute https", "absolute http or https").Replace(reason)
	}
	return ""
}

// readLists reads revocation lists that have to be a CA's. It does not depend on the
// time: what is stored must stay readable.
func readLists(ca *CA, file []byte) (all []*list, err error) {
	for _, der := range crlsIn(file) {
		crl, l, err := readList(der)
		if err != nil {
			return nil, fmt.Errorf("want revocation lists of this CA certificate, PEM or DER: %w", err)
		}
		if !bytes.Equal(crl.RawIssuer, ca.Certificate.RawSubject) {
			return nil, fmt.Errorf("the revocation list is of another issuer, %.200q", crl.Issuer.String())
		}
		if err := crl.CheckSignatureFrom(ca.Certificate); err != nil {
			return nil, fmt.Errorf("this CA certificate has not signed the revocation list, or may not: %w", err)
		}
		all = append(all, l)
	}
	return all, nil
}

// CheckFiles says what is wrong with the files that c names: that they cannot be read,
// or are no lists of it. The error is a joined *identity.FieldError.
func (c *CA) CheckFiles() error {
	var faults []error
	for i, name := range c.Revocation.CRL.Files {
		if _, err := readFile(c, name); err != nil {
			faults = append(faults, &identity.FieldError{Field: fmt.Sprintf("gridmq.crl.files[%d]", i), Reason: err.Error()})
		}
	}
	if o := c.Revocation.OCSP; o.CAFile != "" {
		if _, err := outbound.NewClient(outbound.Options{CAFile: o.CAFile}); err != nil {
			faults = append(faults, &identity.FieldError{Field: "gridmq.ocsp.caFile", Reason: err.Error()})
		}
	}
	return errors.Join(faults...)
}

// json is r as properties.gridmq shows it; nil: nothing is set.
func (r *Revocation) json() map[string]any {
	m := map[string]any{}
	if r.CRL.asked() {
		m["crl"] = shown(map[string]any{"pem": r.CRL.PEM, "files": r.CRL.Files, "refreshInSeconds": r.CRL.Refresh, "stale": stalePolicies[r.CRL.Stale]})
	}
	if o := r.OCSP; o != (OCSPSettings{}) {
		m["ocsp"] = shown(map[string]any{"mode": ocspModes[o.Mode-OCSPOff], "url": o.URL, "caFile": o.CAFile, "timeoutInSeconds": o.Timeout, "cacheInSeconds": o.Cache})
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// shown leaves out what was not given, and turns times into seconds.
func shown(m map[string]any) map[string]any {
	for name, v := range m {
		switch v := v.(type) {
		case string:
			if v == "" {
				delete(m, name)
			}
		case []string:
			if len(v) == 0 {
				delete(m, name)
			}
		case time.Duration:
			if m[name] = int64(v / time.Second); v == 0 {
				delete(m, name)
			}
		}
	}
	return m
}
