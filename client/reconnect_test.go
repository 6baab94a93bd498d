package client

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
)

// TestBackoff: never longer than Most, never less than half of the step.
func TestBackoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Backoff{
			First: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "first")),
			Most:  time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "most")),
		}
		step, most := b.First, b.Most
		if step == 0 {
			step = time.Second
		}
		if most == 0 {
			most = time.Minute
		}
		check := func(d, step time.Duration) {
			if step = min(step, most); d < step/2 || d > step {
				t.Fatalf("waits %v where the step is %v", d, step)
			}
		}
		first := step
		for range 40 {
			check(b.Next(), step)
			step = min(2*step, most)
		}
		b.Reset()
		check(b.Next(), first)
	})
}

func TestPermanent(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&RefusedError{Code: mqtt.NotAuthorized}, true},
		{&RefusedError{Code: mqtt.ServerBusy}, false},
		{&ClosedError{Code: mqtt.SessionTakenOver}, true},
		{&ClosedError{Code: mqtt.ServerShuttingDown}, false},
		{&ClosedError{Err: net.ErrClosed}, false},
		{errors.New("no such host"), false},
		{nil, false},
	} {
		if got := Permanent(test.err); got != test.want {
			t.Errorf("Permanent(%v) = %t", test.err, got)
		}
	}
}

// dials makes o connect to one fake after the other; each has the script that
// plays the broker.
func dials(t *testing.T, o *Options, scripts ...func(f *fake)) {
	n := 0
	o.Version = mqtt.V5
	o.Dial = func(context.Context) (net.Conn, error) {
		if n == len(scripts) {
			return nil, errors.New("nobody is there")
		}
		near, far := net.Pipe()
		f, script := &fake{t: t, nc: far, v: mqtt.V5}, scripts[n]
		n++
		go func() { // ends with the script, which reads to the end of the connection
			defer far.Close()
			f.want(mqtt.CONNECT)
			script(f)
		}()
		return near, nil
	}
}

// TestReconnect: messages outlive connections, refusals do not stop it unless
// they are for good, and pauses are told.
func TestReconnect(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		accept := func(f *fake, present bool) { f.send((&mqtt.Connack{SessionPresent: present}).Append(nil, f.v)) }
		var o Options
		o.Resume = true
		var downs []error
		var ups int
		var outcomes []error
		dials(t, &o,
			func(f *fake) { // takes a message and is gone
				accept(f, false)
				f.wantPublish()
			},
			func(f *fake) { // is busy
				f.send((&mqtt.Connack{Code: mqtt.ServerBusy}).Append(nil, f.v))
			},
			func(f *fake) { // has the session; acknowledges; says goodbye
				accept(f, true)
				p := f.wantPublish()
				if !p.Dup {
					t.Error("the message was not marked as sent again")
				}
				f.sendAck(mqtt.PUBACK, p.PacketID, 0)
				f.send((&mqtt.Disconnect{Code: mqtt.ServerShuttingDown}).Append(nil, f.v))
				f.wantEnd()
			},
			func(f *fake) { // does not know us any more
				f.send((&mqtt.Connack{Code: mqtt.NotAuthorized}).Append(nil, f.v))
			},
		)
		up := func(ctx context.Context, c *Client) error {
			if ups++; ups == 1 {
				return c.PublishAsync(ctx, &Message{Topic: "t", QoS: 1}, func(_ mqtt.Code, err error) { outcomes = append(outcomes, err) })
			}
			return nil
		}
		begin, sum := time.Now(), time.Duration(0)
		err := Reconnect(t.Context(), o, Backoff{}, up, func(err error, pause time.Duration) {
			downs = append(downs, err)
			sum += pause
		})
		refused(t, err, mqtt.NotAuthorized)
		if len(downs) != 3 || ups != 2 || len(outcomes) != 1 || outcomes[0] != nil {
			t.Fatalf("downs %v, %d ups, outcomes %v", downs, ups, outcomes)
		}
		closed(t, downs[0], mqtt.Success)
		refused(t, downs[1], mqtt.ServerBusy)
		closed(t, downs[2], mqtt.ServerShuttingDown)
		if took := time.Since(begin); took != sum {
			t.Errorf("took %v, the pauses were %v in all", took, sum)
		}
	})
}

// TestReconnectEnds: the end of the context is polite, in a connection or in a
// pause, and tells who still waits for an acknowledgement.
func TestReconnectEnds(t *testing.T) {
	why := errors.New("enough")
	t.Run("in a connection", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var o Options
			var outcome error
			dials(t, &o, func(f *fake) {
				f.send((&mqtt.Connack{}).Append(nil, f.v))
				f.wantPublish()
				cancel(why)
				if code, said := f.wantEnd(); !said || code != mqtt.Success {
					t.Errorf("DISCONNECT %t with %v", said, code)
				}
			})
			err := Reconnect(ctx, o, Backoff{}, func(ctx context.Context, c *Client) error {
				return c.PublishAsync(ctx, &Message{Topic: "t", QoS: 1}, func(_ mqtt.Code, err error) { outcome = err })
			}, nil)
			if err != why || !errors.Is(outcome, ErrUnacknowledged) {
				t.Errorf("ended with %v, the message with %v", err, outcome)
			}
		})
	})
	t.Run("in a pause", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var o Options
			dials(t, &o)
			err := Reconnect(ctx, o, Backoff{First: time.Hour, Most: time.Hour}, nil, func(error, time.Duration) { cancel(why) })
			if err != why {
				t.Errorf("ended with %v", err)
			}
		})
	})
	t.Run("up fails", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var o Options
			var down error
			dials(t, &o, func(f *fake) {
				f.send((&mqtt.Connack{}).Append(nil, f.v))
				f.wantEnd()
			})
			bad := errors.New("cannot subscribe")
			Reconnect(ctx, o, Backoff{}, func(context.Context, *Client) error { return bad }, func(err error, _ time.Duration) {
				down = err
				cancel(why)
			})
			if down != bad {
				t.Errorf("down was told %v", down)
			}
		})
	})
}
