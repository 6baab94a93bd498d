package mqtt

import (
	"errors"
	"fmt"
)

// An Error says why we refused what a peer sent, and what to tell it.
type Error struct {
	Op   string // what we were doing, as "read CONNECT"
	Code Code   // sent to the peer, section 2.4
	Err  error  // the cause, for our log only
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %v (0x%02X)", e.Op, e.Code, byte(e.Code))
	}
	return fmt.Sprintf("%s: %v (0x%02X): %v", e.Op, e.Code, byte(e.Code), e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// refuse makes the error of a packet of type t. It costs an allocation, which
// a peer pays for with its connection.
func refuse(t Type, c Code, why string) *Error {
	return &Error{Op: "read " + t.String(), Code: c, Err: errors.New(why)}
}
