package gateway

import (
	"net/http"
	"net/url"
	"strings"
)

// A credential is what a request brings to say who it is from.
type credential struct {
	kind scheme
	text string
	// or is another way to read a key of the query string: a plus sign that was not
	// encoded has become a space.
	or string
}

type scheme uint8

const (
	none scheme = iota
	accessKey
	signature
	bearer
)

// schemes of Authorization, in lower case.
var schemes = map[string]scheme{"sharedaccesskey": accessKey, "sharedaccesssignature": signature, "bearer": bearer}

// credential finds it. The first of the carriers that is there decides alone
// (section 4.1).
func (c *call) credential() (credential, error) {
	h := c.r.Header
	for _, carrier := range []string{"Authorization", "aeg-sas-token", "aeg-sas-key"} {
		if len(h.Values(carrier)) > 1 {
			return credential{}, unauthorized("The header %s is there more than once.", carrier)
		}
	}
	if text := strings.TrimSpace(h.Get("Authorization")); text != "" {
		word, rest, _ := strings.Cut(text, " ")
		kind, known := schemes[strings.ToLower(word)]
		if rest = strings.TrimSpace(rest); !known || rest == "" {
			return credential{}, unauthorized("The header Authorization must be SharedAccessKey <key>, SharedAccessSignature <token> or Bearer <token>.")
		}
		return credential{kind: kind, text: rest}, nil
	}
	if text := h.Get("aeg-sas-token"); text != "" {
		return credential{kind: signature, text: text}, nil
	}
	if text := h.Get("aeg-sas-key"); text != "" {
		return credential{kind: accessKey, text: text}, nil
	}
	if raw, given := c.query.raw("aeg-sas-key"); given {
		text, err := url.QueryUnescape(raw)
		if err != nil {
			text = raw
		}
		return credential{kind: accessKey, text: text, or: strings.ReplaceAll(text, " ", "+")}, nil
	}
	return credential{}, unauthorized("The request needs a credential: a header Authorization with SharedAccessKey <key>, SharedAccessSignature <token> or Bearer <token>.")
}

func unauthorized(format string, args ...any) *Error {
	return Refuse(http.StatusUnauthorized, format, args...)
}

func forbidden(format string, args ...any) *Error {
	return Refuse(http.StatusForbidden, format, args...)
}
