package identity

import "encoding/hex"

const (
	maxDescription = 4096 // characters
	maxPassword    = 1024 // characters
	maxThumbprints = 2
)

// DecodeClient reads the properties of a client. The error is a joined *FieldError
// for everything wrong. A password in plain text becomes a hash here, which takes
// some 20 ms ([HashPassword]). Source: spec/control-plane.md, section 4.5.
func DecodeClient(name string, properties []byte) (*Client, error) {
	p := ReadProperties(properties)
	p.Join(CheckClientName(name))
	c := &Client{Name: name}
	c.readName(p)
	if at, given := p.Enum("state", stateNames[:]...); given {
		c.State = State(at)
	}
	c.readCertificateRules(p)
	if raw, given := p.Raw("attributes"); given {
		var err error
		c.Attributes, err = ParseAttributes(raw, false)
		p.Join(err)
	}
	c.Description, _ = p.Text("description", maxDescription)
	c.readPassword(p)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Client) readName(p *Properties) {
	c.AuthenticationName, c.given.authenticationName = p.Text("authenticationName", MaxName)
	if !c.given.authenticationName {
		c.AuthenticationName = c.Name
	} else if reason := CheckAuthenticationName(c.AuthenticationName); reason != "" {
		p.Fail("authenticationName", reason)
	}
}

func (c *Client) readCertificateRules(p *Properties) {
	rules, _ := p.Object("clientCertificateAuthentication")
	if at, given := rules.Enum("validationScheme", schemeNames[:]...); given {
		c.Scheme = Scheme(at)
	}
	// An empty list is what tools send for none.
	c.Thumbprints, _ = rules.Texts("allowedThumbprints", maxThumbprints)
	for _, t := range c.Thumbprints {
		if _, ok := ParseThumbprint(t); !ok {
			rules.Fail("allowedThumbprints", "want 64 (SHA-256) or 40 (SHA-1) hexadecimal digits")
			break
		}
	}
	switch {
	case c.Scheme == ThumbprintMatch && len(c.Thumbprints) == 0:
		rules.Fail("allowedThumbprints", "want one or two with ThumbprintMatch")
	case c.Scheme != ThumbprintMatch && len(c.Thumbprints) > 0:
		rules.Fail("allowedThumbprints", "must be absent unless validationScheme is ThumbprintMatch")
	}
}

// readPassword reads our extension: properties.gridmq.password, or passwordHash.
// An empty one takes the password away.
func (c *Client) readPassword(p *Properties) {
	ours, _ := p.Object("gridmq")
	ours.Only("password", "passwordHash", "hasPassword") // the last as it was shown
	plain, isPlain := ours.Text("password", maxPassword)
	hash, isHash := ours.Text("passwordHash", maxPassword)
	c.given.password = isPlain || isHash
	switch {
	case isPlain && isHash:
		ours.Fail("password", "want either password or passwordHash")
	case isHash && hash != "":
		c.Password = PasswordHash(hash)
		if err := CheckPasswordHash(c.Password); err != nil {
			ours.Fail("passwordHash", err.Error())
		}
	case isPlain && plain != "" && p.Err() == nil: // costs too much for a document that is refused
		c.Password = HashPassword([]byte(plain))
		c.given.verify = func(h PasswordHash) bool { return h.matches([]byte(plain)) }
	}
}

// ParseThumbprint reads the SHA-256 or SHA-1 of a certificate in hexadecimal,
// ignoring case, colons and spaces. Source: spec/identity.md, section 3.
func ParseThumbprint(s string) (sum []byte, ok bool) {
	const longest = 2 * 32 // digits
	digits := make([]byte, 0, longest)
	for i := range len(s) {
		switch {
		case s[i] == ':' || s[i] == ' ':
		case len(digits) == longest:
			return nil, false
		default:
			digits = append(digits, s[i])
		}
	}
	n, err := hex.Decode(digits, digits)
	return digits[:n], err == nil && (n == 32 || n == 20)
}

type clientJSON struct {
	AuthenticationName string      `json:"authenticationName"`
	State              string      `json:"state"`
	Certificates       certRules   `json:"clientCertificateAuthentication"`
	Attributes         Attributes  `json:"attributes,omitempty"`
	Description        string      `json:"description,omitempty"`
	Ours               *clientOurs `json:"gridmq,omitempty"`
}

type certRules struct {
	Scheme      string   `json:"validationScheme"`
	Thumbprints []string `json:"allowedThumbprints,omitempty"`
}

type clientOurs struct {
	HasPassword  bool   `json:"hasPassword,omitempty"`
	PasswordHash string `json:"passwordHash,omitempty"`
}

// Encode writes the properties as the management plane shows them: without the
// password, only gridmq.hasPassword says that there is one.
func (c *Client) Encode() []byte { return c.encode(&clientOurs{HasPassword: true}) }

// EncodeStored writes the properties for the store, with the password's hash.
func (c *Client) EncodeStored() []byte {
	return c.encode(&clientOurs{PasswordHash: string(c.Password)})
}

func (c *Client) encode(ours *clientOurs) []byte {
	if c.Password == "" {
		ours = nil
	}
	return EncodeProperties(clientJSON{
		c.AuthenticationName, c.State.String(), certRules{c.Scheme.String(), c.Thumbprints}, c.Attributes, c.Description, ours})
}
