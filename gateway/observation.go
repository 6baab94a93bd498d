package gateway

import (
	"net/netip"
	"time"
)

// An Observation is one request that was answered. Section 15 names the metrics that
// are made of it: Successful- and FailedPublishedEvents, ...ReceivedEvents,
// ...AcknowledgedEvents, ...ReleasedEvents, ...RejectedEvents of the two counts, and
// ...LatencyInMilliseconds of Took.
type Observation struct {
	Operation Operation
	// Known says that the path was one, and Operation counts.
	Known bool
	// Namespace, Topic and Subscription exist, or are empty: so they can be labels.
	Namespace, Topic, Subscription string
	Status                         int
	Code                           string // of the error; empty: none
	// Succeeded and Failed are events for Publish and Receive, tokens for settlements,
	// messages for PublishMessage. A refused request counts at least one failure; a
	// receive that failed, the events asked for.
	Succeeded, Failed int
	Took              time.Duration // a receive's waiting included

	Request string // x-ms-request-id
	Caller  string // "key", "sas", or the object id of a token; empty: nobody
	From    netip.Addr
	// Private says that the request came by a listener for private endpoints.
	Private bool
	TLS     uint16 // the version, as of crypto/tls; 0: without
}
