package delivery

// An Outcome is what became of an attempt to push (section 12.4). Its numbers are on
// disk; 0: there was none, or a crash has hidden it.
type Outcome uint8

const (
	Succeeded       Outcome = 1
	BadRequest      Outcome = 2
	Unauthorized    Outcome = 3
	Forbidden       Outcome = 4
	NotFound        Outcome = 5
	PayloadTooLarge Outcome = 6
	TimedOut        Outcome = 7
	Busy            Outcome = 8
	SocketError     Outcome = 9
	ResolutionError Outcome = 10
	Aborted         Outcome = 11 // anything else, and what a crash ended
	Canceled        Outcome = 12 // by us: not an attempt
)

var outcomeNames = [...]string{
	Succeeded: "Succeeded", BadRequest: "BadRequest", Unauthorized: "Unauthorized", Forbidden: "Forbidden",
	NotFound: "NotFound", PayloadTooLarge: "PayloadTooLarge", TimedOut: "TimedOut", Busy: "Busy",
	SocketError: "SocketError", ResolutionError: "ResolutionError", Aborted: "Aborted", Canceled: "Canceled",
}

// String is the name in logs, metrics and dead letters.
func (o Outcome) String() string {
	if o == 0 || int(o) >= len(outcomeNames) {
		return outcomeNames[Aborted]
	}
	return outcomeNames[o]
}
