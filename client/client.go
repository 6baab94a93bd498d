package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gridmq/mqtt"
)

// A Client is one connection to a broker. All methods may be called from any
// goroutine.
//
// Its goroutines are the reader, the writer, the pinger and the one that calls
// OnMessage. All end with the connection; Wait waits for them.
type Client struct {
	o       Options
	nc      net.Conn
	in      inbox
	out     *outbox
	session *Session
	connack *mqtt.Connack
	limits  limits
	slots   chan struct{} // one token for each unacknowledged PUBLISH of ours

	aliases map[uint16]string // that we have set up; under the lock of out
	heard   atomic.Int64      // when something was read last, Unix nanoseconds
	leaving atomic.Bool       // Disconnect has been called
	stalled atomic.Bool       // the reader waits for OnMessage, and so sees no PINGRESP

	mu       sync.Mutex
	answers  map[uint16]chan<- answer // who waits for SUBACK or UNSUBACK
	pong     chan struct{}            // closed by PINGRESP; nil: nobody waits
	incoming []*Message               // QoS 1 and 2, in order of arrival, not yet acknowledged

	ctx  context.Context // ends with the connection; its cause is Err. Our own, not a caller's
	stop context.CancelCauseFunc
	wg   sync.WaitGroup
}

// limits are what the broker has said in CONNACK.
type limits struct {
	maximumQoS      byte
	retainAvailable bool
	packetSize      int // bytes; 0: MQTT's own
	aliases         uint16
	keepAlive       time.Duration // 0: none
}

// ErrDisconnected is the end of a connection that we asked for.
var ErrDisconnected = errors.New("disconnected")

// Connect dials, logs in and, with a Session that has messages under way, sends
// these again. ctx bounds all of that, and nothing later.
func Connect(ctx context.Context, o Options) (*Client, error) {
	o = o.withDefaults()
	ctx, cancel := context.WithTimeoutCause(ctx, o.ConnectTimeout,
		fmt.Errorf("no connection after %v", o.ConnectTimeout))
	defer cancel()
	nc, err := o.dial(ctx)
	if err != nil {
		return nil, cause(ctx, err)
	}
	c := &Client{o: o, nc: nc, session: o.Session, answers: make(map[uint16]chan<- answer)}
	c.in.nc = nc
	undo := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	if err := c.login(); err != nil {
		nc.Close()
		return nil, cause(ctx, err)
	}
	if !undo() {
		nc.Close()
		return nil, context.Cause(ctx)
	}
	c.start()
	if err := c.resume(ctx); err != nil {
		c.fail(err)
		return nil, cause(ctx, err)
	}
	return c, nil
}

func (o *Options) dial(ctx context.Context) (net.Conn, error) {
	if o.Dial != nil {
		return o.Dial(ctx)
	}
	return Dial(ctx, o.Target)
}

// cause prefers why ctx has ended to the error that came of it.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// start starts the goroutines. They end when c.ctx does, see fail.
func (c *Client) start() {
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	c.out = newOutbox(c.nc, c.o.Timeout, c.ctx.Done())
	c.heard.Store(time.Now().UnixNano())
	deliveries := make(chan *Message, c.o.Queue)
	c.wg.Go(func() { c.fail(c.out.run()) })
	c.wg.Go(func() {
		defer close(deliveries)
		c.fail(c.readLoop(deliveries))
	})
	c.wg.Go(func() {
		for m := range deliveries {
			c.o.OnMessage(m)
			if !c.o.ManualAck {
				m.Ack(mqtt.Success)
			}
		}
	})
	if c.limits.keepAlive > 0 {
		c.wg.Go(func() { c.fail(c.keepAlive()) })
	}
}

// fail ends the connection, once, with the reason. nil is no reason.
func (c *Client) fail(err error) {
	if err == nil {
		return
	}
	if ce, ok := errors.AsType[*ClosedError](err); ok && c.leaving.Load() && ce.Code == mqtt.Success {
		err = ErrDisconnected // the broker was quicker to close than we were
	}
	first := c.ctx.Err() == nil
	c.stop(err)
	c.nc.Close()
	if first && c.o.Session == nil {
		c.session.fail(fmt.Errorf("%w: %w", ErrUnacknowledged, err))
	}
}

// Done is closed when the connection has ended. Messages that came before may
// still be on their way to OnMessage; Wait waits for them too.
func (c *Client) Done() <-chan struct{} { return c.ctx.Done() }

// Err says why the connection has ended: ErrDisconnected if we did it; nil
// before.
func (c *Client) Err() error { return context.Cause(c.ctx) }

// Wait returns when the connection has ended and OnMessage has seen all. It must
// not be called from OnMessage.
func (c *Client) Wait() error {
	c.wg.Wait()
	return c.Err()
}

// MaximumQoS and RetainAvailable are what the broker has said that it takes.
func (c *Client) MaximumQoS() byte { return c.limits.maximumQoS }

// RetainAvailable says whether a message may be published with RETAIN.
func (c *Client) RetainAvailable() bool { return c.limits.retainAvailable }

// Connack is what the broker said to our CONNECT.
func (c *Client) Connack() *mqtt.Connack { return c.connack }

// ID is our client id: the one asked for, or the one assigned.
func (c *Client) ID() string {
	if c.connack.Properties.Has(mqtt.PropAssignedClientIdentifier) {
		return c.connack.Properties.AssignedClientIdentifier
	}
	return c.o.ClientID
}

// Disconnect says goodbye with a reason (Success, or DisconnectWithWill) and the
// properties of Options.Goodbye, after all that was sent before. It does not wait
// for acknowledgements.
func (c *Client) Disconnect(ctx context.Context, code mqtt.Code) error {
	if c.ctx.Err() != nil {
		return c.Err()
	}
	d := &mqtt.Disconnect{Code: code, Properties: c.o.Goodbye}
	c.trace(true, d)
	c.leaving.Store(true)
	err := c.out.last(ctx, func(b []byte) []byte { return d.Append(b, c.o.Version) })
	c.fail(ErrDisconnected)
	return err
}

// Close ends the connection without a word: the broker will publish the will.
func (c *Client) Close() { c.fail(ErrDisconnected) }
