package bridge

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gridmq/client"
	"gridmq/internal/outbound"
)

// maxSecretFile bounds files with a password, a secret or a token.
const maxSecretFile = 64 << 10

// Credentials say who the bridge is at the other broker. All files are read again for
// every connection, so that a renewal is a new file.
type Credentials struct {
	TLS          client.TLSFiles
	Username     string
	PasswordFile string
	Token        Token
}

// A credential is what one CONNECT shows.
type credential struct {
	username string
	password []byte
	method   string // of authentication, MQTT 5; its data is the token
	token    []byte
	tls      *tls.Config
	expires  time.Time // zero: not known, or never
}

// LogValue keeps secrets out of logs.
func (credential) LogValue() slog.Value { return slog.StringValue("[credential]") }

// load reads the files and, with a token endpoint, asks it.
func (c *Credentials) load(ctx context.Context) (cr credential, err error) {
	if cr.tls, err = c.TLS.Config(); err != nil {
		return cr, err
	}
	cr.username = c.Username
	if pairs := cr.tls.Certificates; len(pairs) > 0 {
		leaf := pairs[0].Leaf
		if leaf == nil {
			if leaf, err = x509.ParseCertificate(pairs[0].Certificate[0]); err != nil {
				return cr, fmt.Errorf("client certificate %s: %w", c.TLS.Cert, err)
			}
		}
		cr.expires = leaf.NotAfter
	}
	if c.PasswordFile != "" {
		if cr.password, err = readSecret(c.PasswordFile); err != nil {
			return cr, fmt.Errorf("password: %w", err)
		}
	}
	if !c.Token.used() {
		return cr, nil
	}
	token, expires, err := c.Token.get(ctx)
	if err != nil {
		return cr, fmt.Errorf("token: %w", err)
	}
	if cr.expires.IsZero() || !expires.IsZero() && expires.Before(cr.expires) {
		cr.expires = expires
	}
	if c.Token.Method == "" {
		cr.password = token
	} else {
		cr.method, cr.token = c.Token.Method, token
	}
	return cr, nil
}

// readSecret reads a file without the white space around its content.
func readSecret(file string) ([]byte, error) {
	b, err := outbound.ReadFile(file, maxSecretFile)
	if err != nil {
		return nil, err
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return nil, errors.New(file + " is empty")
	}
	return b, nil
}

// renewal is when to look for a later credential: with a fifth of its life left, ten
// minutes before its end at the earliest; once that has passed, more and more often.
func renewal(now, loaded, expires time.Time) time.Duration {
	lead := min(expires.Sub(loaded)/5, 10*time.Minute)
	if wait := expires.Add(-lead).Sub(now); wait > 0 {
		return wait
	}
	return max(expires.Sub(now)/4, 5*time.Second)
}
