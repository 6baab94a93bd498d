package namespace

import (
	"encoding/json"
	"strings"

	"gridmq/control/tree"
	"gridmq/identity"
	"gridmq/identity/jwtauth"
)

const (
	maxPEM          = 64 << 10 // characters
	maxCertificates = 16       // jwtauth has the last word
)

// tokens reads what is said about tokens; jwtauth says what is wrong with it.
func (r *reader) tokens(properties, auth *identity.Properties) {
	n := r.n
	ours, _ := properties.Object("gridmq")
	n.GridMQ.CustomJWT = respelled(ours, "customJwtAuthentication")
	n.GridMQ.Directory = respelled(ours, "directoryAuthentication")
	doc, _ := auth.Raw("customJwtAuthentication")
	var err error
	n.Tokens, err = jwtauth.DecodeCustom(doc, n.GridMQ.CustomJWT, n.GridMQ.Profile == Azure)
	r.below(err)
	n.Directory, err = jwtauth.DecodeDirectory(n.GridMQ.Directory)
	r.below(err)
	if jwt, given := auth.Object("customJwtAuthentication"); given {
		n.JWT = r.jwt(jwt)
	}
}

// jwt reads what is written back. It adds only the faults that jwtauth cannot know.
func (r *reader) jwt(p *identity.Properties) *JWT {
	j := &JWT{}
	j.TokenIssuer, _ = p.Text("tokenIssuer", maxText)
	each(p, "issuerCertificates", maxCertificates, func(entry *identity.Properties) {
		c := IssuerCertificate{}
		c.URL, _ = entry.Text("certificateUrl", maxText)
		if id, given := entry.Object("identity"); given {
			c.Identity = r.use(id, "SystemAssigned", "UserAssigned")
		}
		j.ByURL = append(j.ByURL, c)
	})
	each(p, "encodedIssuerCertificates", maxCertificates, func(entry *identity.Properties) {
		c := EncodedCertificate{}
		c.KeyID, _ = entry.Text("kid", maxText)
		c.PEM, _ = entry.Text("encodedCertificate", maxPEM)
		j.Encoded = append(j.Encoded, c)
	})
	return j
}

// ourMembers are those of our extensions in their spelling.
var ourMembers = []string{
	"clockSkewInSeconds", "strictTokenType", "tokenAsPassword", "audiences", "objectIdClaim", "groupClaims",
	"issuers", "issuer", "jwksUrl", "discovery", "algorithms", "notBeforeOptional", "caFile", "publicKeyPins",
	"encodedIssuerCertificates", "kid", "encodedCertificate",
	"credential", "type", "tokenUrl", "clientId", "scope", "secret", "secretFile", "headerName", "certificateFile", "keyFile",
	"allowLoopbackHttp", "timeoutInSeconds", "maximumConcurrentCalls", "maximumWaitingClients", "cacheInSeconds",
}

// readOnly is what withoutSecret adds, and a GET followed by a PUT brings back.
const readOnly = "hasSecret"

// respelled is an object whose members are in the spelling of ourMembers.
func respelled(p *identity.Properties, name string) json.RawMessage {
	raw, given := p.Raw(name)
	if !given {
		return nil
	}
	v, err := tree.Parse(raw)
	if err != nil {
		return raw // its reader says what is wrong
	}
	return tree.Encode(spell(v))
}

func spell(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := make(map[string]any, len(v))
		for name, one := range v {
			if strings.EqualFold(name, readOnly) {
				continue
			}
			for _, known := range ourMembers {
				if strings.EqualFold(known, name) {
					name = known
				}
			}
			o[name] = spell(one)
		}
		return o
	case []any:
		l := make([]any, len(v))
		for i, one := range v {
			l[i] = spell(one)
		}
		return l
	}
	return v
}
