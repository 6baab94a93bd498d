package control_test

import (
	"context"
	"strings"
	"testing"

	"gridmq/control"
)

// fakeSessions notes why a connection is ended; it is asked nothing else.
type fakeSessions struct {
	control.SessionDirectory
	reason *string
}

func (f fakeSessions) Disconnect(_ context.Context, _, _, reason string) error {
	*f.reason = reason
	return nil
}

// A reason goes to a device, into the history and onto terminals.
func TestDisconnectReason(t *testing.T) {
	tests := map[string]struct {
		body, want string // want is empty: it is refused
	}{
		"none":                  {``, "ended by an operator"},
		"empty":                 {`{"reason":""}`, "ended by an operator"},
		"words":                 {`{"reason":"the pump is repaired, é"}`, "the pump is repaired, é"},
		"as long as may be":     {`{"reason":"` + strings.Repeat("é", 256) + `"}`, strings.Repeat("é", 256)},
		"too long":              {`{"reason":"` + strings.Repeat("é", 257) + `"}`, ""},
		"two lines":             {`{"reason":"a\nb"}`, ""},
		"a NUL":                 {`{"reason":"a\u0000b"}`, ""},
		"a terminal's escape":   {`{"reason":"\u001b[2J"}`, ""},
		"an escape of 8 bits":   {`{"reason":"\u009b2J"}`, ""},
		"half of a character":   {`{"reason":"\ud800"}`, "\ufffd"},
		"what is not an object": {`"no"`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			said := ""
			b := newBench(t, func(o *control.Options) { o.Sessions = fakeSessions{reason: &said} })
			b.must(201, "PUT "+plant, `{"location":"local"}`)
			status := 200
			if tt.want == "" {
				status = 400
			}
			b.must(status, "POST /gridmq/namespaces/plant/sessions/p7/disconnect", tt.body)
			if said != tt.want {
				t.Errorf("the client is told %q, want %q", said, tt.want)
			}
		})
	}
}
