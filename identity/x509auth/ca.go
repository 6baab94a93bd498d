package x509auth

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"gridmq/identity"
)

const (
	maxEncoded     = 64 << 10 // characters of a certificate's text
	maxDescription = 4096     // characters
)

// A CA is a certificate that the clients of a namespace may be signed by. It does
// not change. Source: spec/control-plane.md, section 4.7.
type CA struct {
	Name        string
	Encoded     string // as given
	Description string
	Certificate *x509.Certificate
	// Revocation is properties.gridmq, our extension.
	Revocation Revocation

	givenOurs bool // the request has said something about it
}

// DecodeCA reads the properties of a CA certificate. The error is a joined
// *identity.FieldError for everything wrong. A certificate that has expired is
// accepted; its clients are not.
func DecodeCA(name string, properties []byte) (*CA, error) {
	p := identity.ReadProperties(properties)
	p.Join(identity.CheckName(name))
	ca := &CA{Name: name}
	text, given := p.Text("encodedCertificate", maxEncoded)
	if ca.Encoded = text; given {
		var err error
		if ca.Certificate, err = ParseCA(text); err != nil {
			p.Fail("encodedCertificate", err.Error())
		}
	} else if _, wrong := p.Raw("encodedCertificate"); !wrong {
		p.Fail("encodedCertificate", "want a certificate, in PEM")
	}
	ca.Description, _ = p.Text("description", maxDescription)
	ours, given := p.Raw("gridmq")
	if ca.givenOurs = given; given {
		var err error
		ca.Revocation, err = decodeRevocation(ours, ca)
		p.Join(err)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return ca, nil
}

// Encode writes the properties.
func (c *CA) Encode() []byte {
	return identity.EncodeProperties(struct {
		Description string         `json:"description,omitempty"`
		Encoded     string         `json:"encodedCertificate"`
		Issued      string         `json:"issueTimeInUtc"`
		Expires     string         `json:"expiryTimeInUtc"`
		Ours        map[string]any `json:"gridmq,omitempty"`
	}{c.Description, c.Encoded, c.Certificate.NotBefore.UTC().Format(time.RFC3339), c.Certificate.NotAfter.UTC().Format(time.RFC3339), c.Revocation.json()})
}

// Replaces says whether c may take the place of old, which may be nil: always, since
// nothing of a CA certificate is immutable. It keeps old's way to learn of revocations
// if c does not mention one: a tool that knows only Resource Manager's members must
// not switch it off. An empty properties.gridmq does.
func (c *CA) Replaces(old *CA) error {
	if old == nil || c.givenOurs {
		return nil
	}
	c.Revocation = old.Revocation
	if text := c.Revocation.CRL.PEM; text != "" {
		if _, err := readLists(c, []byte(text)); err != nil {
			return &identity.FieldError{Field: "gridmq.crl.pem", Reason: "is kept from the certificate of before, and does not fit: " + err.Error()}
		}
	}
	return nil
}

// SameCertificate returns the entry of cas with another name and the certificate of
// c, or nil: a namespace has a certificate once.
func SameCertificate(cas []*CA, c *CA) *CA {
	for _, other := range cas {
		if other.Name != c.Name && other.Certificate.Equal(c.Certificate) {
			return other
		}
	}
	return nil
}

// What is wrong with the text of a CA certificate.
var (
	errForm    = errors.New("want one certificate, as PEM (line breaks may be missing), base64 of PEM, or base64 of DER")
	errSeveral = errors.New("want one certificate only; register each by itself")
	errKey     = errors.New("contains a private key, which must not leave its owner; want the certificate")
	errNotCA   = errors.New("is not a CA certificate: its basic constraints or key usage do not allow it to sign others")
	errKeyType = errors.New("has a kind of public key that is not supported")
)

// ParseCA reads the certificate of a CA in any form that is sent for one: PEM, PEM
// without line breaks, base64 of PEM, base64 of DER.
func ParseCA(text string) (*x509.Certificate, error) {
	der, err := decodeText(text)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	switch {
	case err != nil && strings.Contains(err.Error(), "trailing data"):
		return nil, errSeveral
	case err != nil:
		return nil, errForm
	case cert.PublicKey == nil:
		return nil, errKeyType
	case !mayCertify(cert):
		return nil, errNotCA
	}
	return cert, nil
}

// mayCertify says whether a certificate may sign others. One of before version 3
// cannot say so; it may when it is a root.
func mayCertify(c *x509.Certificate) bool {
	if c.Version < 3 {
		return bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
	}
	return c.BasicConstraintsValid && c.IsCA && (c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCertSign != 0)
}

const (
	pemBegin = "-----BEGIN "
	pemCert  = "-----BEGIN CERTIFICATE-----"
	pemEnd   = "-----END CERTIFICATE-----"
)

// decodeText gives the DER in a text of any form.
func decodeText(text string) ([]byte, error) {
	if strings.Contains(text, pemBegin) {
		return decodePEM(text)
	}
	raw, err := decodeBase64(text)
	switch {
	case err != nil || len(raw) == 0:
		return nil, errForm
	case bytes.Contains(raw, []byte(pemBegin)):
		return decodePEM(string(raw))
	}
	return raw, nil
}

// decodePEM is not pem.Decode, which wants the line breaks.
func decodePEM(text string) ([]byte, error) {
	if strings.Contains(text, "PRIVATE KEY-----") {
		return nil, errKey
	}
	if strings.Count(text, pemBegin) > 1 {
		return nil, errSeveral
	}
	_, body, found := strings.Cut(text, pemCert)
	if !found {
		return nil, errForm
	}
	body, _, found = strings.Cut(body, pemEnd)
	if !found {
		return nil, errForm
	}
	der, err := decodeBase64(body)
	if err != nil {
		return nil, errForm
	}
	return der, nil
}

func decodeBase64(s string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
}
