package webhookauth

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"gridmq/internal/outbound"
)

// maxSecret bounds a secret and a token.
const maxSecret = 16 << 10

// A Secret is text that is never shown, or the file that it is in, which is read
// each time, so that it can be replaced.
type Secret struct{ Value, File string }

// LogValue and String keep it out of logs.
func (Secret) LogValue() slog.Value             { return slog.StringValue("[secret]") }
func (Secret) String() string                   { return "[secret]" }
func (Secret) Format(f fmt.State, verb rune)    { f.Write([]byte("[secret]")) }
func (Secret) MarshalJSON() (b []byte, e error) { return []byte(`"[secret]"`), nil }

func (s Secret) empty() bool { return s.Value == "" && s.File == "" }

// read returns the text, without white space around what is in a file.
func (s Secret) read() (string, error) {
	if s.File == "" {
		return s.Value, nil
	}
	b, err := outbound.ReadFile(s.File, maxSecret)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

// headerValue returns the text, which must be able to stand in a header.
func (s Secret) headerValue() (string, error) {
	text, err := s.read()
	if err == nil && !fitsHeader(text) {
		err = errors.New("the secret is empty or cannot stand in a header")
	}
	return text, err
}

// fitsHeader wants printable ASCII.
func fitsHeader(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= maxSecret
}
