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

// A Secret is where a secret is: in a file, or in an environment variable, never in the
// configuration. It is read whenever it is needed, so that it can be changed.
type Secret struct {
	File     string
	Variable string
}

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

func (s Secret) given() bool { return s != Secret{} }

const maxSecret = 64 << 10

// read returns the secret without the line end behind it.
func (s Secret) read() (string, error) {
	text := ""
	if s.File != "" {
		b, err := outbound.ReadFile(s.File, maxSecret)
		if err != nil {
			return "", err
		}
		text = string(b)
	} else {
		text = os.Getenv(s.Variable)
	}
	if text = strings.TrimRight(text, "\r\n"); text != "" {
		return text, nil
	}
	if s.File != "" {
		return "", fmt.Errorf("%s: is empty", s.File)
	}
	return "", fmt.Errorf("the environment variable %s is not set", s.Variable)
}

func (s *SASL) validate(secure bool) error {
	var errs []error
	fail := func(field, text string) { errs = append(errs, &FieldError{field, text}) }
	if s.Password.File != "" && s.Password.Variable != "" {
		fail("password_file", "want either password_file or password_variable")
	}
	switch s.Mechanism {
	case "":
		if s.Username != "" || s.Password.given() || s.Tokens != (TokenOptions{}) {
			fail("mechanism", "is required with a user name, a password or tokens: plain, scram-sha-256, scram-sha-512 or oauthbearer")
		}
	case Plain, ScramSHA256, ScramSHA512:
		if s.Username == "" {
			fail("username", "is required; of Event Hubs it is $ConnectionString")
		}
		if !s.Password.given() {
			fail("password_file", "is required, or password_variable, the name of an environment variable")
		}
	case OAuthBearer:
		errs = append(errs, s.Tokens.validate())
	default:
		fail("mechanism", fmt.Sprintf("want plain, scram-sha-256, scram-sha-512 or oauthbearer, have %q", s.Mechanism))
	}
	if (s.Mechanism == Plain || s.Mechanism == OAuthBearer) && !secure {
		fail("tls", "is required with this mechanism: it shows the secret to everybody on the way")
	}
	return errors.Join(errs...)
}

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
