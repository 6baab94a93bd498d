package dashboard

import "encoding/json"

// signInFile is where the page reads it, as one of its own files: it is the same for
// all, and nothing in it is a secret.
const signInFile = "signin.json"

// A SignIn is the OpenID provider at which people sign in from their browser, with an
// authorization code and PKCE (RFC 7636). The plane takes the access token.
type SignIn struct {
	Issuer   string   `json:"issuer"`
	ClientID string   `json:"clientId"` // a public client: there is no secret
	Audience string   `json:"audience"` // of the tokens that the plane takes
	Scopes   []string `json:"scopes"`
	Origins  []string `json:"origins"` // where its documents and endpoints may be
}

// Reach are the origins that the page may talk to for it.
func (s *SignIn) Reach() []string {
	if s == nil {
		return nil
	}
	return s.Origins
}

// file is what the page reads: an empty object where there is no provider, as a browser
// would report a missing file as an error.
func (s *SignIn) file() *file {
	body := []byte("{}")
	if s != nil {
		body, _ = json.Marshal(s) // strings: they can be written
	}
	return newFile(signInFile, body)
}
