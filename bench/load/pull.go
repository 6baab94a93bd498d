package load

import (
	"bytes"
	"context"
	"fmt"
)

// receiveBatch is how many events a consumer asks for: as many as it may.
const receiveBatch = 100

var tokenMark = []byte(`"lockToken":"`)

// A consumer receives events from a subscription and acknowledges them, a batch after
// the other.
type consumer struct {
	plane        *dataPlane
	subscription string // as topics/t/eventsubscriptions/s
	census       *census
	meter        *meter // told what is acknowledged
}

// run ends with ctx, which is no error.
func (c *consumer) run(ctx context.Context) error {
	receive := fmt.Sprintf("/%s:receive%s&maxEvents=%d&maxWaitTime=10", c.subscription, apiVersion, receiveBatch)
	acknowledge := "/" + c.subscription + ":acknowledge" + apiVersion
	var in, out, answer []byte
	for {
		var err error
		if in, err = c.plane.post(ctx, receive, "", nil, in); err != nil {
			return unlessOver(ctx, err)
		}
		n := c.census.see(in)
		var tokens int
		if out, tokens = appendTokens(out[:0], in); tokens != n {
			return fmt.Errorf("%s: %d lock tokens with %d events", receive, tokens, n)
		}
		if n == 0 {
			continue
		}
		if answer, err = c.plane.post(ctx, acknowledge, "application/json", out, answer); err != nil {
			return unlessOver(ctx, err)
		}
		if !bytes.Contains(answer, []byte(`"failedLockTokens":[]`)) {
			return fmt.Errorf("%s: %.300s", acknowledge, answer)
		}
		c.meter.got.Add(uint64(n))
	}
}

func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// appendTokens appends the request that settles all deliveries of an answer.
func appendTokens(b, answer []byte) (_ []byte, tokens int) {
	b = append(b, `{"lockTokens":[`...)
	for {
		at := bytes.Index(answer, tokenMark)
		if at < 0 {
			break
		}
		answer = answer[at+len(tokenMark):]
		end := bytes.IndexByte(answer, '"')
		if end < 0 {
			break
		}
		if tokens++; tokens > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), answer[:end]...), '"')
		answer = answer[end:]
	}
	return append(b, "]}"...), tokens
}

// pull has consumers receive and acknowledge until expected events have been, or
// nothing comes any more. It is a phase.
func (r *run) pull(ctx context.Context, phase, subscription string, c *census, expected uint64) error {
	plane := r.Events.open(r.Subscribers)
	defer plane.close()
	work, crew := newCrew(ctx)
	defer crew.wg.Wait()
	defer crew.cancel(nil)
	r.begin(phase)
	before := r.meter.got.Load()
	for range r.Subscribers {
		crew.start((&consumer{plane, subscription, c, &r.meter}).runIn(work))
	}
	took, err := r.settle(work, func() bool { return r.meter.got.Load()-before >= expected })
	r.endAfter(phase, r.meter.got.Load()-before, "events", took)
	if err == nil {
		err = sleep(work, quiet) // what comes now comes twice
	}
	return err
}

func (c *consumer) runIn(ctx context.Context) func() error { return func() error { return c.run(ctx) } }

// pushed waits until expected events have been pushed to h. It is a phase.
func (r *run) pushed(ctx context.Context, phase string, h *Hook, c *census, expected uint64) error {
	r.begin(phase)
	begun := c.received()
	h.Release()
	took, err := r.settleOn(ctx, c.received, func() bool { return c.received() >= expected })
	r.endAfter(phase, c.received()-begun, "events", took)
	if err == nil {
		err = sleep(ctx, quiet)
	}
	return err
}
