package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"gridmq/internal/outbound"
)

// Mechanisms of SASL.Mechanism.
const (
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
	OAuthBearer = "oauthbearer"
)

// A SASL says who we are. Event Hubs and Fabric eventstreams take Plain, with the user
// $ConnectionString and a connection string as the password, and OAuthBearer.
type SASL struct {
	Mechanism string // empty: none
	Username  string
	Password  Secret
	Tokens    TokenOptions // of OAuthBearer
}

// A Secret says where a secret is, file:PATH or env:NAME of an environment variable, so that
// it is in no configuration. A file is read whenever it is needed: it can be changed.
type Secret string

const (
	inFile     = "file:"
	inVariable = "env:"
)

// LogValue implements slog.LogValuer: what was meant as a reference may be the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

func (s Secret) valid() bool {
	for _, kind := range []string{inFile, inVariable} {
		if where, ok := strings.CutPrefix(string(s), kind); ok && where != "" {
			return true
		}
	}
	return false
}

const maxSecret = 64 << 10

// read returns the secret without the line end behind it.
func (s Secret) read() (string, error) {
	var text, missing string
	if file, ok := strings.CutPrefix(string(s), inFile); ok {
		b, err := outbound.ReadFile(file, maxSecret)
		if err != nil {
			return "", err
		}
		text, missing = string(b), file+": is empty"
	} else {
		name := strings.TrimPrefix(string(s), inVariable)
		text, missing = os.Getenv(name), "the environment variable "+name+" is not set"
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return "", errors.New(missing)
	}
	return text, nil
}

// validate appends what is wrong. secure: nobody on the way reads what we say.
func (s *SASL) validate(wrong []*FieldError, secure bool) []*FieldError {
	fail := func(field, text string) { wrong = append(wrong, &FieldError{field, text}) }
	switch s.Mechanism {
	case "":
		if *s != (SASL{}) {
			fail("sasl.mechanism", "is required with what is below sasl: plain, scram-sha-256, scram-sha-512 or oauthbearer")
		}
	case Plain, ScramSHA256, ScramSHA512:
		if s.Username == "" {
			fail("sasl.username", "is required; of Event Hubs it is $ConnectionString")
		}
		if !s.Password.valid() {
			fail("sasl.password", wantSecret)
		}
	case OAuthBearer:
		wrong = s.Tokens.validate(wrong)
	default:
		fail("sasl.mechanism", fmt.Sprintf("want plain, scram-sha-256, scram-sha-512 or oauthbearer, have %q", s.Mechanism))
	}
	if (s.Mechanism == Plain || s.Mechanism == OAuthBearer) && !secure {
		fail("tls", "want true with "+s.Mechanism+": without TLS everybody on the way reads the secret")
	}
	return wrong
}

// wantSecret does not show what there is: somebody may have put the secret there.
const wantSecret = "want where the secret is: file:/run/secrets/kafka, or env:NAME of an environment variable"

// mechanism is s as the client wants it; nil: none. Errors: a secret cannot be read.
func (s *SASL) mechanism() (sasl.Mechanism, error) {
	var err error
	switch s.Mechanism {
	case Plain:
		_, err = s.Password.read()
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			password, err := s.Password.read()
			return plain.Auth{User: s.Username, Pass: password}, asCredential(err)
		}), err
	case ScramSHA256, ScramSHA512:
		auth := func(context.Context) (scram.Auth, error) {
			password, err := s.Password.read()
			return scram.Auth{User: s.Username, Pass: password}, asCredential(err)
		}
		_, err = s.Password.read()
		if s.Mechanism == ScramSHA256 {
			return scram.Sha256(auth), err
		}
		return scram.Sha512(auth), err
	case OAuthBearer:
		source, err := newTokens(s.Tokens)
		if err != nil {
			return nil, err
		}
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := source.token(ctx)
			return oauth.Auth{Token: token}, asCredential(err)
		}), nil
	}
	return nil, nil
}

// errCredential says that there was nothing to show to a broker: our trouble, not its.
var errCredential = errors.New("no credential for the brokers")

func asCredential(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errCredential, err)
}
