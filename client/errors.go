package client

import (
	"errors"
	"fmt"

	"gridmq/mqtt"
)

// ErrUnacknowledged says that the connection ended before the broker had
// acknowledged: the message may have been delivered or not.
var ErrUnacknowledged = errors.New("connection ended before the broker acknowledged")

// A RefusedError is the broker's answer "no" to one packet.
type RefusedError struct {
	Op     string    // what was refused, as "CONNECT" or `SUBSCRIBE "a/b"`
	Code   mqtt.Code // the reason; 3.1.1 answers are translated
	Reason string    // the broker's reason string, if it gave one
}

func (e *RefusedError) Error() string {
	s := fmt.Sprintf("broker refused %s: %v (0x%02x)", e.Op, e.Code, byte(e.Code))
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// A ClosedError says who ended a connection that we had not closed.
type ClosedError struct {
	Code   mqtt.Code // of the broker's DISCONNECT; Success: it sent none
	Reason string    // the broker's reason string, if it gave one
	Err    error     // the network's error, if it was not a DISCONNECT
}

func (e *ClosedError) Error() string {
	switch {
	case e.Reason != "":
		return fmt.Sprintf("broker disconnected: %v (0x%02x): %s", e.Code, byte(e.Code), e.Reason)
	case e.Code != mqtt.Success:
		return fmt.Sprintf("broker disconnected: %v (0x%02x)", e.Code, byte(e.Code))
	case e.Err != nil:
		return fmt.Sprintf("connection ended: %v", e.Err)
	}
	return "broker disconnected"
}

func (e *ClosedError) Unwrap() error { return e.Err }
