package resource

import (
	"fmt"
	"strings"

	"gridmq/identity"
)

// A Reason is why a request cannot be done.
type Reason uint8

const (
	Invalid      Reason = iota // the content
	WrongType                  // a member is not what it must be, as a text for an object
	NotFound                   // the resource
	NoParent                   // the namespace or topic that it lies below
	Conflict                   // with another resource
	InUse                      // another resource refers to it
	OverQuota                  // as many as there may be
	Precondition               // If-Match, If-None-Match
	Busy                       // too many changes at once; try again
)

// An Error says what the caller did wrong.
type Error struct {
	Reason  Reason
	Target  string // member or name, as "properties.query"
	Message string
	// Faults are all that is wrong with the content, when there are several.
	Faults []Fault
}

// A Fault is one thing that is wrong with the content of a request.
type Fault struct{ Target, Message string }

func (e *Error) Error() string { return e.Message }

func fail(r Reason, target, format string, args ...any) *Error {
	return &Error{Reason: r, Target: target, Message: fmt.Sprintf(format, args...)}
}

// invalid makes one error of the faults of a noun.
func invalid(k *Kind, err error) error {
	faults := faultsOf(k, err)
	if len(faults) == 0 {
		return err // not about the content
	}
	e := &Error{Reason: Invalid, Target: faults[0].Target, Message: faults[0].Message}
	if isType(faults[0].Message) {
		e.Reason = WrongType
	}
	e.Message = e.Target + ": " + e.Message
	if len(faults) > 1 {
		e.Faults = faults
		e.Message = fmt.Sprintf("%d members cannot be accepted; %s", len(faults), e.Message)
	}
	return e
}

func faultsOf(k *Kind, err error) (faults []Fault) {
	seen := map[Fault]bool{}
	for _, f := range identity.FieldErrors(err) {
		target := f.Field
		switch {
		case target == "name" || k.whole: // the name of the resource; a path from the top
		case target == "":
			target = "properties"
		default:
			target = "properties." + target
		}
		if target == "" {
			target = "body"
		}
		if one := (Fault{target, f.Reason}); !seen[one] { // two rooms may have found it
			seen[one] = true
			faults = append(faults, one)
		}
	}
	return faults
}

// isType says whether a fault is about the type of a member, not its value.
func isType(message string) bool {
	for _, want := range []string{"want a string", "want an array of", "want true or false", "want a JSON object"} {
		if strings.HasPrefix(message, want) {
			return true
		}
	}
	return false
}
