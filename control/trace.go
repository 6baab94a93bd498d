package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"gridmq/control/audit"
	"gridmq/tap"
	"gridmq/topic"
)

const (
	traceDefault = 10 * time.Minute
	traceMost    = 24 * time.Hour
	// traceAlive is how often a trace says that it goes on, so that a reader that has gone
	// is noticed.
	traceAlive = 15 * time.Second
	// whyKept is for how long the reason of a decision is not looked for again.
	whyKept = 5 * time.Second
	whyMost = 1000
)

// trace streams what a client says and is told, one JSON object a line. It is in the
// audit log before the first one. Parameters: for, topic, payload.
func (c *call) trace(ns, clientID string) error {
	payload, err := c.boolParameter("payload")
	if err != nil {
		return err
	}
	action := "sessions/trace/action"
	o := tap.Options{Topic: c.query["topic"], Now: c.plane.o.Now}
	if payload != nil && *payload {
		o.Payload, action = true, "sessions/tracePayload/action"
	}
	r, err := c.about(ns, action)
	if err != nil {
		return err
	}
	c.target = "/gridmq/namespaces/" + r.Name + "/sessions/" + clientID
	if o.Topic != "" {
		if err := topic.ValidFilter(o.Topic); err != nil {
			return refuse(http.StatusBadRequest, codeInvalid, "topic is not a topic filter: %v.", err).at("topic")
		}
	}
	length, err := c.traceLength()
	if err != nil {
		return err
	}
	t := tap.New(o)
	stop, err := c.plane.o.Trace.Trace(r.Namespace, clientID, t)
	if errors.Is(err, ErrTooManyTraces) {
		e := refuse(http.StatusTooManyRequests, "TooManyRequests", "As many clients are traced as may be; end another trace.")
		e.RetryAfter = 10 * time.Second
		return e
	}
	if err != nil {
		return err
	}
	defer stop()
	c.note(audit.Succeeded, "")
	defer time.AfterFunc(length, func() { t.End("the time is over") }).Stop()
	c.tell(t, &whys{tracer: c.plane.o.Trace, namespace: r.Namespace})
	return nil
}

func (c *call) traceLength() (time.Duration, error) {
	text := c.query["for"]
	if text == "" {
		return traceDefault, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > traceMost {
		return 0, refuse(http.StatusBadRequest, codeInvalid, "for must be a duration such as 10m, of %v at most.", traceMost).at("for")
	}
	return d, nil
}

// tell writes what the tap has until it has ended or nobody reads.
func (c *call) tell(t *tap.Tap, why *whys) {
	s := c.stream("application/x-ndjson")
	out := json.NewEncoder(s)
	_ = s.control.Flush() // the headers: that it has begun
	for {
		ctx, cancel := context.WithTimeout(c.endless, traceAlive)
		events := t.Next(ctx)
		cancel()
		if c.endless.Err() != nil {
			return
		}
		if len(events) == 0 {
			events = []tap.Event{{Time: c.plane.o.Now().UTC(), Kind: tap.Alive}}
		}
		for i := range events {
			why.add(&events[i])
			if out.Encode(&events[i]) != nil {
				return // nobody reads any more
			}
		}
		if s.control.Flush() != nil || events[len(events)-1].Kind == tap.Ended {
			return
		}
	}
}

// whys explains decisions, in the goroutine of who reads of them. The same one is not
// looked for again and again.
type whys struct {
	tracer    Tracer
	namespace string
	known     map[string]string
	since     time.Time
}

func (r *whys) add(e *tap.Event) {
	if e.Kind != tap.Access || e.Topic == "" {
		return
	}
	if now := time.Now(); r.known == nil || now.Sub(r.since) > whyKept || len(r.known) >= whyMost {
		r.known, r.since = map[string]string{}, now
	}
	key := e.Action + " " + e.Topic
	text, found := r.known[key]
	if !found {
		text = r.tracer.Why(r.namespace, e.Who, e.Action, e.Topic)
		r.known[key] = text
	}
	if text != "" {
		e.Reason = text
	}
}
