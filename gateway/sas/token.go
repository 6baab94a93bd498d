package sas

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// MaxToken bounds the text of a token, in bytes: far more than a URL needs.
const MaxToken = 4096

// skew is how far the clock of whoever made a token may be ahead of ours.
const skew = 5 * time.Minute

// A Token is a shared access signature that was read, not yet one that is believed.
type Token struct {
	Resource Resource

	expires   time.Time
	signed    string // what the signature covers, as it was sent
	signature []byte
}

func (Token) String() string       { return "[token]" }
func (Token) GoString() string     { return "[token]" }
func (Token) LogValue() slog.Value { return slog.StringValue("[token]") }

// Parse reads a token.
func Parse(text string) (Token, error) {
	if len(text) > MaxToken {
		return Token{}, errors.New("the shared access signature is too long")
	}
	at := strings.LastIndex(text, "&s=")
	if at < 0 {
		return Token{}, errors.New("the shared access signature must have the form r=<resource>&e=<expiry>&s=<signature>")
	}
	t := Token{signed: text[:at]}
	var err error
	if t.signature, err = readSignature(text[at+len("&s="):]); err != nil {
		return Token{}, err
	}
	resource, expiry, err := parts(t.signed)
	if err != nil {
		return Token{}, err
	}
	if t.expires, err = readExpiry(expiry); err != nil {
		return Token{}, err
	}
	t.Resource, err = readResource(resource)
	return t, err
}

// parts decodes r and e, which must be there once each, and nothing else.
func parts(signed string) (resource, expiry string, err error) {
	given := map[string]string{}
	for part := range strings.SplitSeq(signed, "&") {
		name, value, _ := strings.Cut(part, "=")
		if _, twice := given[name]; twice || name != "r" && name != "e" {
			return "", "", errors.New("the shared access signature must have r, e and s once each, and nothing else")
		}
		if given[name], err = url.QueryUnescape(value); err != nil {
			return "", "", errors.New("r and e of the shared access signature must be percent-encoded")
		}
	}
	if given["r"] == "" || given["e"] == "" {
		return "", "", errors.New("r or e of the shared access signature is missing")
	}
	return given["r"], given["e"], nil
}

// readSignature takes base64 that is percent-encoded, or not: then its plus signs
// may have become spaces on the way.
func readSignature(text string) ([]byte, error) {
	if decoded, err := url.PathUnescape(text); err == nil {
		text = decoded
	}
	b, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, " ", "+"))
	if err != nil || len(b) != sha256.Size {
		return nil, errors.New("s of the shared access signature must be the base64 of an HMAC-SHA-256")
	}
	return b, nil
}

// Signed says whether the token was made with an access key, which is base64. The
// signature covers the text as it was sent: encoders differ, and to decode and encode
// again would make another one.
func (t *Token) Signed(key string) bool {
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(secret) == 0 {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t.signed))
	return hmac.Equal(mac.Sum(nil), t.signature)
}

// Valid says whether the token has not expired. Its maker's clock may be 5 minutes off.
func (t *Token) Valid(now time.Time) bool { return now.Before(t.expires.Add(skew)) }
