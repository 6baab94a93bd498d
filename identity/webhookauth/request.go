package webhookauth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
	"unicode/utf8"

	"gridmq/identity"
)

// A request is the body. What the client did not send is left out; what it sent
// empty is there and empty. []byte is base64 in JSON. Source: spec/identity.md, 7.2.
type request struct {
	ClientID       string     `json:"clientId"`
	UserName       *string    `json:"userName,omitempty"`
	Password       *[]byte    `json:"password,omitempty"`
	Method         *string    `json:"authenticationMethod,omitempty"`
	Data           *[]byte    `json:"authenticationData,omitempty"`
	Certificate    string     `json:"clientCertificate,omitempty"`
	Chain          string     `json:"clientCertificateChain,omitempty"`
	UserProperties []property `json:"userProperties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// errText is for text that JSON cannot hold as it is: the webhook would judge
// another client than ours.
var errText = errors.New("a text of the CONNECT is not UTF-8")

func encodeRequest(c *identity.Credentials) ([]byte, error) {
	r := request{ClientID: c.ClientID, UserName: c.Username}
	texts := []string{c.ClientID, c.Method}
	if c.Username != nil {
		texts = append(texts, *c.Username)
	}
	if c.Password != nil {
		r.Password = &c.Password
	}
	if c.Method != "" {
		r.Method = &c.Method
		if c.Data != nil {
			r.Data = &c.Data
		}
	}
	for i, cert := range c.Certificates {
		block := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
		if i == 0 {
			r.Certificate = block
		} else {
			r.Chain += block
		}
	}
	for _, p := range c.UserProperties {
		r.UserProperties = append(r.UserProperties, property(p))
		texts = append(texts, p.Name, p.Value)
	}
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return nil, errText
		}
	}
	return identity.EncodeProperties(r), nil
}

// thumbprint is that of the client's certificate, if it sent one.
func thumbprint(c *identity.Credentials) string {
	if len(c.Certificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(c.Certificates[0].Raw)
	return hex.EncodeToString(sum[:])
}

// clean makes text of a webhook fit for one line of our log.
func clean(s string) string {
	const most = 256
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || isBidi(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// isBidi says whether r turns the direction of text, and so shows a line that is
// not the one that was written.
func isBidi(r rune) bool {
	return r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
