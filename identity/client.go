package identity

import (
	"bytes"
	"fmt"
)

// A Client is an entry of the registry. It is not changed once it is in there.
// Source: spec/identity.md, section 1.
type Client struct {
	// Name is the resource's name, case-sensitive.
	Name string
	// AuthenticationName is what the client is called when it connects, in its
	// original spelling. It never changes, and no other client of the namespace has
	// it in any spelling ([Fold]).
	AuthenticationName string
	State              State
	// Scheme says how a certificate proves the authentication name.
	Scheme Scheme
	// Thumbprints are one or two with ThumbprintMatch and none otherwise, as given.
	Thumbprints []string
	Attributes  Attributes
	Description string
	// Password is empty for a client that has none.
	Password PasswordHash

	given given
}

// given says what a document mentioned, of the members that are kept when a PUT
// leaves them out.
type given struct {
	authenticationName, password bool
	// verify says whether a hash is of the password in plain text that was given; nil:
	// there was none. A function does not print what it knows.
	verify func(PasswordHash) bool
}

// A State says whether a client may connect.
type State uint8

const (
	StateEnabled State = iota
	StateDisabled
)

var stateNames = [...]string{"Enabled", "Disabled"}

func (s State) String() string { return stateNames[s] }

// A Scheme is a validation scheme: where a certificate has to have the
// authentication name. Source: spec/identity.md, section 3.
type Scheme uint8

const (
	SubjectMatches  Scheme = iota // the subject's common name, or all of it
	DNSMatches                    // a dNSName
	URIMatches                    // a uniformResourceIdentifier
	IPMatches                     // an iPAddress
	EmailMatches                  // an rfc822Name
	ThumbprintMatch               // nowhere: the certificate's thumbprint is registered
)

var schemeNames = [...]string{
	"SubjectMatchesAuthenticationName", "DnsMatchesAuthenticationName", "UriMatchesAuthenticationName",
	"IpMatchesAuthenticationName", "EmailMatchesAuthenticationName", "ThumbprintMatch",
}

func (s Scheme) String() string { return schemeNames[s] }

// Replaces says whether c may take the place of old, which may be nil, and takes
// over from it what the document of c left out: the authentication name, which
// cannot change, and the password, which a reader of old never saw. A password that is
// given again keeps its hash if nothing else changes: the same document twice is the
// same client. It forgets the password in plain text. The error is a *FieldError.
func (c *Client) Replaces(old *Client) error {
	verify := c.given.verify
	c.given.verify = nil
	if old == nil {
		return nil
	}
	if !c.given.authenticationName {
		c.AuthenticationName = old.AuthenticationName
	}
	if !c.given.password {
		c.Password = old.Password
	}
	if c.AuthenticationName != old.AuthenticationName {
		return &FieldError{"authenticationName", fmt.Sprintf("cannot change after creation, and is %q", old.AuthenticationName)}
	}
	if verify != nil && old.Password != "" {
		again := *c
		again.Password = old.Password
		if bytes.Equal(again.EncodeStored(), old.EncodeStored()) && verify(old.Password) { // in this order: it costs some 20 ms
			c.Password = old.Password
		}
	}
	return nil
}

// Principal is the client as one that has proved who it is by how.
func (c *Client) Principal(how Method) *Principal {
	return &Principal{Name: c.AuthenticationName, Method: how, Client: c.Name, Attributes: c.Attributes}
}
