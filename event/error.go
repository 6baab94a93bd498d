package event

import (
	"fmt"
	"strings"
)

// ErrorKind is the class of an error: the status of the answer (section 3.3).
type ErrorKind uint8

const (
	Invalid          ErrorKind = iota // 400
	TooLarge                          // 413
	UnsupportedMedia                  // 415
)

// An Error says why an event or a request is refused. Its text is meant for the
// publisher.
type Error struct {
	Kind ErrorKind
	// Index is the place in a batch, counted from 0, or -1.
	Index int
	// Attribute is the name of what is wrong, or "" if it is the whole.
	Attribute string
	// Reason reads on after the name, as "must be a non-empty string".
	Reason string
}

// Error begins as the real service does: "`id` must be a non-empty string".
func (e *Error) Error() string {
	text := e.Reason
	if e.Attribute != "" {
		text = "`" + e.Attribute + "` " + text
	}
	if e.Index >= 0 {
		text = fmt.Sprintf("event %d of the batch, counted from 0: %s", e.Index, text)
	}
	return text
}

func invalid(attribute, reason string) *Error {
	return &Error{Index: -1, Attribute: clip(attribute), Reason: reason}
}

// clip makes a name from a stranger fit for an error.
func clip(name string) string {
	const most = 40
	if len(name) > most {
		return strings.ToValidUTF8(name[:most], "") + "..."
	}
	return name
}
