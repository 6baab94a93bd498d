package kafka

import (
	"cmp"
	"context"
	"net"
	"time"
)

// What the client of one destination holds at most. Whoever sends more waits, for its
// time. Records and bytes count from Send until the answer.
const (
	MaxRecords = 10_000
	MaxBytes   = 16 << 20
)

// Options are what Producers work with. The zero value is ready to use, and knows no
// destination.
type Options struct {
	// Destinations are those that event subscriptions can name.
	Destinations []Destination
	// Idle is how long a client stays that nobody uses. Default 5 minutes.
	Idle time.Duration
	// Dial connects instead of a net.Dialer, for tests. TLS comes on top of it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	dialTime = 5 * time.Second
	// requestTime is what a broker has for its answer: 20 seconds, the least of Event
	// Hubs, and some for the way. An attempt has 30.
	requestTime = 20 * time.Second
	wayTime     = 5 * time.Second
	// idleTime is before Event Hubs closes connections that are idle, after 4 minutes.
	idleTime = 3 * time.Minute
	// linger lets what one Send brings become one batch for a partition.
	linger = 2 * time.Millisecond
	// validateTime bounds the check of a new event subscription.
	validateTime = 20 * time.Second
)

func (o Options) withDefaults() Options {
	o.Idle = cmp.Or(o.Idle, 5*time.Minute)
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: dialTime}).DialContext
	}
	return o
}
