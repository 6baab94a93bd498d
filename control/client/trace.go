package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"gridmq/tap"
)

// What a trace tells.
type (
	TraceEvent  = tap.Event
	TraceFilter = tap.Filter
	TracePair   = tap.Pair
)

// Kinds of TraceEvents that a reader does something about.
const (
	TracePacket    = tap.Packet
	TraceAccess    = tap.Access
	TracePublished = tap.Published
	TraceLost      = tap.Lost
	TraceAlive     = tap.Alive
	TraceEnded     = tap.Ended
	TraceIn        = tap.In
)

// A TraceQuery says what to trace.
type TraceQuery struct {
	ClientID string
	Topic    string // a filter; empty: everything
	For      time.Duration
	Payload  bool
}

// Trace calls visit for what the broker sees of a client, until the trace has ended, ctx
// is done or visit returns an error.
func (c *Client) Trace(ctx context.Context, namespace string, q TraceQuery, visit func(*TraceEvent) error) error {
	v := url.Values{"for": {q.For.String()}, "payload": {strconv.FormatBool(q.Payload)}}
	if q.Topic != "" {
		v.Set("topic", q.Topic)
	}
	body, err := c.stream(ctx, http.MethodPost, tool(namespace, "trace", q.ClientID), v)
	if err != nil {
		return err
	}
	defer body.Close()
	for lines := json.NewDecoder(body); ; {
		e := new(TraceEvent)
		switch err := lines.Decode(e); {
		case errors.Is(err, io.EOF):
			return errors.New("the trace was cut off")
		case err != nil:
			return err
		}
		if err := visit(e); err != nil || e.Kind == tap.Ended {
			return err
		}
	}
}
