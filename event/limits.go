package event

import (
	"cmp"
	"fmt"
)

// Limits bound what one publish may bring. The zero value has the defaults
// (section 6).
type Limits struct {
	// EventBytes is the size of one event as it came: its JSON, or body and
	// attribute headers in binary mode. Default 1,048,576.
	EventBytes int
	// RequestBytes is the size of a body. Default 1,048,576.
	RequestBytes int
	// Events is the number of events in a batch. Default 1,000.
	Events int
	// Extensions is the number of extensions of one event. CloudEvents has no
	// limit; we need one, since names are compared with each other. Default 128.
	Extensions int
}

func (l Limits) withDefaults() Limits {
	l.EventBytes = cmp.Or(l.EventBytes, 1<<20)
	l.RequestBytes = cmp.Or(l.RequestBytes, 1<<20)
	l.Events = cmp.Or(l.Events, 1000)
	l.Extensions = cmp.Or(l.Extensions, 128)
	return l
}

func (l Limits) checkEvent(size int) error {
	if size > l.EventBytes {
		return tooLarge("the event has %d bytes, at most %d are allowed: send the payload elsewhere and a reference to it here", size, l.EventBytes)
	}
	return nil
}

func (l Limits) checkRequest(size int) error {
	if size > l.RequestBytes {
		return tooLarge("the request has %d bytes, at most %d are allowed: send fewer events in one request", size, l.RequestBytes)
	}
	return nil
}

func tooLarge(format string, args ...any) error {
	return &Error{Kind: TooLarge, Index: -1, Reason: fmt.Sprintf(format, args...)}
}

func tooMany(l Limits) error {
	return invalid("", fmt.Sprintf("the event has more than %d extensions: put them into data", l.Extensions))
}
