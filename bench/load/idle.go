package load

import (
	"context"
	"fmt"
	"time"
)

// idle opens connections, leaves them alone for Duration, and asks each whether
// it is still there. What one costs is for the caller's hook to see: the phase
// "connect" ends a second after the last CONNACK, when the broker has put away
// what the handshakes took.
func (r *run) idle(ctx context.Context) error {
	r.result.Publishers = 0
	took := make([]time.Duration, r.Subscribers)
	start := make([]time.Time, r.Subscribers)
	r.begin("connect")
	conns, err := r.openAll(ctx, r.Subscribers,
		func(i int) login {
			start[i] = time.Now()
			return r.login("idle", i, i)
		},
		func(i int, c *conn) error { took[i] = time.Since(start[i]); return nil })
	if err != nil {
		return err
	}
	defer func() {
		each(context.WithoutCancel(ctx), len(conns), r.Connecting, func(_ context.Context, i int) error {
			conns[i].leave(true)
			return nil
		})
	}()
	connecting := time.Since(r.began)
	if err := sleep(ctx, time.Second); err != nil {
		return err
	}
	r.endAfter("connect", uint64(len(conns)), "connections", connecting)
	var h Histogram
	for _, d := range took {
		h.Add(d, 1)
	}
	r.result.Latency = latencyOf("connect", &h)
	return r.hold(ctx, conns)
}

// hold waits, and pings often enough that the keep-alive time never passes.
func (r *run) hold(ctx context.Context, conns []*conn) error {
	r.begin("hold")
	until := time.Now().Add(r.Duration)
	for time.Now().Before(until) {
		wait := time.Until(until)
		if r.KeepAlive > 0 {
			wait = min(wait, r.KeepAlive/2)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		if !time.Now().Before(until) {
			r.end("hold", uint64(len(conns)), "connections") // before the pings: they are not idleness
		}
		if err := r.pingAll(ctx, conns); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) pingAll(ctx context.Context, conns []*conn) error {
	return each(ctx, len(conns), r.Connecting, func(_ context.Context, i int) error {
		if err := conns[i].ping(); err != nil {
			return fmt.Errorf("client %s did not live through the idle time: %w", conns[i].id, err)
		}
		return nil
	})
}
