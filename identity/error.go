package identity

// A Kind is why somebody is refused. Reason codes: spec/mqtt-protocol.md, section 10.
type Kind uint8

const (
	NotAuthorized  Kind = iota // unknown client, wrong certificate, bad token, denied: 0x87
	BadCredentials             // user name or password was judged: 0x86
	Disabled                   // the client is: 0x87
	UnknownMethod              // of authentication, or it is not configured: 0x8C
	Unavailable                // who could tell does not answer: 0x88
	Overloaded                 // too many at once: 0x9F
)

// An Error says why a client is refused. Reason is for the operator's log and
// list of refusals, and says what to do about it; it holds no secret. The peer is
// told only the Kind.
type Error struct {
	Kind   Kind
	Reason string
	Err    error // the cause, for the log; nil when Reason says it all
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Reason + ": " + e.Err.Error()
	}
	return e.Reason
}

func (e *Error) Unwrap() error { return e.Err }
