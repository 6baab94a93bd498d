package client

import (
	"context"
	"fmt"
	"time"

	"gridmq/mqtt"
)

// keepAlive is the pinger: a PINGREQ when for three quarters of the time we
// promised we have sent nothing [MQTT-3.1.2-20], or heard nothing (who only talks
// would not notice that nobody listens); and the end of the connection when it
// is not answered.
func (c *Client) keepAlive() error {
	every := c.limits.keepAlive * 3 / 4
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return nil
		case <-timer.C:
		}
		quiet := max(time.Since(c.out.lastWrite()), time.Since(time.Unix(0, c.heard.Load())))
		if quiet < every {
			timer.Reset(every - quiet)
			continue
		}
		if err := c.Ping(c.ctx); err != nil {
			return err
		}
		timer.Reset(every)
	}
}

// Ping sends a PINGREQ and waits for the answer. While other packets come the
// broker is there, and the answer may be behind them: only silence for
// Options.Timeout is an error.
func (c *Client) Ping(ctx context.Context) error {
	c.mu.Lock()
	pong := c.pong
	if pong == nil {
		pong = make(chan struct{})
		c.pong = pong
	}
	c.mu.Unlock()
	c.traceText(true, "PINGREQ")
	c.out.putNow(mqtt.AppendPingreq)
	timer := time.NewTimer(c.o.Timeout)
	defer timer.Stop()
	for {
		select {
		case <-pong:
			return nil
		case <-timer.C:
			left := c.o.Timeout    // the answer may be there: we do not read while OnMessage takes its time
			if !c.stalled.Load() { // asked first: it is reset after heard is set
				left -= time.Since(time.Unix(0, c.heard.Load()))
			}
			if left <= 0 {
				return &ClosedError{Err: fmt.Errorf("the broker has not answered a PINGREQ for %v", c.o.Timeout)}
			}
			timer.Reset(left)
		case <-c.ctx.Done():
			return c.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
