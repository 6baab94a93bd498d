package listener

import "sync/atomic"

// A Reason says why a connection was refused before the hand-over. The set is
// closed, so that it can be a metric's label.
type Reason uint8

const (
	RefusedFull      Reason = iota // MaxConnections
	RefusedAddress                 // MaxConnectionsPerAddress
	RefusedPenalty                 // Penalty: too many refusals before
	RefusedProxy                   // bad or missing PROXY header
	RefusedTLS                     // TLS handshake failed
	RefusedUpgrade                 // not an HTTP request, or not a WebSocket upgrade we take
	RefusedSlow                    // HandshakeTimeout passed
	RefusedGone                    // the client left during the handshake
	RefusedClosing                 // the listener was closing
	RefusedChallenge               // no client: an ACME server, which has got its answer
	reasons
)

var reasonNames = [reasons]string{"full", "address", "penalty", "proxy", "tls", "upgrade", "slow", "gone", "closing", "challenge"}

func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Reasons lists all of them.
func Reasons() []Reason {
	all := make([]Reason, reasons)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// Stats counts what happened since Listen. Read it at any time.
type Stats struct {
	Accepted     atomic.Uint64 // connections taken from the system, refused ones included
	HandedOver   atomic.Uint64 // connections given to the handler
	Upgraded     atomic.Uint64 // of those, by WebSocket
	HTTP         atomic.Uint64 // connections given to Config.Handler
	AcceptErrors atomic.Uint64 // accepts that failed, as for want of file descriptors
	Open         atomic.Int64  // connections open now, handshakes included
	Greeting     atomic.Int64  // of those, still before the hand-over

	refused [reasons]atomic.Uint64
}

// Refused counts the connections refused for one reason.
func (s *Stats) Refused(r Reason) uint64 { return s.refused[r].Load() }
