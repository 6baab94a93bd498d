package client

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"gridmq/mqtt"
)

// A Backoff is how long to wait before the next attempt: First, then twice as
// long each time up to Most, each less a random share of up to half, so that
// clients that fell together do not rise together. The zero value is 1 s to 1
// min.
type Backoff struct {
	First, Most time.Duration
	step        time.Duration // of the next attempt; 0: the first one
}

// Next is the pause before the next attempt.
func (b *Backoff) Next() time.Duration {
	first, most := b.First, b.Most
	if first <= 0 {
		first = time.Second
	}
	if most <= 0 {
		most = time.Minute
	}
	d := min(cmp.Or(b.step, first), most)
	b.step = d + min(d, most-d) // twice as long, and no overflow
	return d - time.Duration(rand.Int64N(int64(d)/2+1))
}

// Reset starts again with First, after a success.
func (b *Backoff) Reset() { b.step = 0 }

// stable is how long a connection has to last to count as a success.
const stable = 30 * time.Second

// Reconnect keeps a connection up: it connects, calls up with the Client, waits
// for its end, pauses and begins again, until ctx ends (whose cause it returns)
// or the broker's refusal is one that repeating will not change (see Permanent).
// up subscribes and so on; an error of it ends this connection. Messages under
// way carry over, in o.Session or a session of Reconnect's own. down, if not nil,
// is told why an attempt or a connection ended, and the pause that follows.
func Reconnect(ctx context.Context, o Options, b Backoff, up func(context.Context, *Client) error, down func(err error, pause time.Duration)) error {
	if o.Session == nil {
		o.Session = &Session{}
		defer o.Session.Discard()
	}
	for {
		began := time.Now()
		err := once(ctx, o, up)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if Permanent(err) {
			return err
		}
		if time.Since(began) > stable {
			b.Reset()
		}
		pause := b.Next()
		if down != nil {
			down(err, pause)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// once is one connection from its beginning to its end, which is never nil.
func once(ctx context.Context, o Options, up func(context.Context, *Client) error) error {
	c, err := Connect(ctx, o)
	if err != nil {
		return err
	}
	defer c.Wait()
	err = up(ctx, c)
	if err == nil {
		select {
		case <-c.Done():
			return c.Err()
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	c.Disconnect(bye, mqtt.Success) // best effort: err is what counts
	return err
}

// goodbye is how long the last packet may take.
const goodbye = 2 * time.Second

// Permanent says that the broker has refused in a way that trying again will not
// change: credentials, rights, names, or another client that took the session.
func Permanent(err error) bool {
	var code mqtt.Code
	if r, ok := errors.AsType[*RefusedError](err); ok {
		code = r.Code
	}
	if c, ok := errors.AsType[*ClosedError](err); ok {
		code = c.Code
	}
	switch code {
	case mqtt.BadUserNameOrPassword, mqtt.NotAuthorized, mqtt.Banned, mqtt.ClientIdentifierNotValid,
		mqtt.UnsupportedProtocolVersion, mqtt.BadAuthenticationMethod, mqtt.SessionTakenOver,
		mqtt.TopicFilterInvalid, mqtt.TopicNameInvalid, mqtt.UseAnotherServer, mqtt.ServerMoved:
		return true
	}
	return false
}
