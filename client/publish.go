package client

import (
	"context"
	"errors"
	"fmt"

	"gridmq/mqtt"
)

// Publish sends m and waits until the broker has acknowledged it; QoS 0 until it
// is on its way. A code that is an error comes with a *RefusedError; others, as
// NoMatchingSubscribers, are no failure. When ctx ends first, the outcome is
// unknown (ErrUnacknowledged), though the broker may still get it.
func (c *Client) Publish(ctx context.Context, m *Message) (mqtt.Code, error) {
	type outcome struct {
		code mqtt.Code
		err  error
	}
	result := make(chan outcome, 1)
	if err := c.PublishAsync(ctx, m, func(code mqtt.Code, err error) { result <- outcome{code, err} }); err != nil {
		return mqtt.Success, err
	}
	select {
	case r := <-result:
		return r.code, r.err
	case <-ctx.Done():
		return mqtt.Success, fmt.Errorf("%w: %w", ErrUnacknowledged, context.Cause(ctx))
	}
}

// PublishAsync sends m and returns; done is called once with the outcome, from
// the goroutine that reads: it must not block. PublishAsync waits only for room:
// in the window of unacknowledged messages and in the write buffer. When it
// returns an error, done is not called. m must not be changed before done.
func (c *Client) PublishAsync(ctx context.Context, m *Message, done func(mqtt.Code, error)) error {
	if done == nil {
		done = func(mqtt.Code, error) {}
	}
	if err := c.checkPublish(m); err != nil {
		return err
	}
	if m.QoS == 0 {
		if err := c.send(ctx, m, 0, false); err != nil {
			return err
		}
		done(mqtt.Success, nil)
		return nil
	}
	if err := c.slot(ctx); err != nil {
		return err
	}
	held := *m // Payload is dropped from ours when it is not needed any more
	d := &delivery{m: &held, done: done}
	if _, err := c.session.take(d); err != nil {
		<-c.slots
		return err
	}
	if err := c.send(ctx, d.m, d.id, false); err != nil {
		c.freeSlot()
		if !c.session.abandon(d) {
			return nil // the end of the connection has told done already
		}
		return err
	}
	if c.ctx.Err() != nil && c.o.Session == nil {
		// The connection ended while we sent. fail may have looked before d was there.
		c.session.fail(fmt.Errorf("%w: %w", ErrUnacknowledged, c.Err()))
	}
	return nil
}

// checkPublish refuses what cannot be sent, or the broker has said not to want.
func (c *Client) checkPublish(m *Message) error {
	msg, o := m.out(c.o.Version)
	if err := msg.Check(); err != nil {
		return fmt.Errorf("topic %q: %w", m.Topic, err)
	}
	if m.Properties.Has(mqtt.PropTopicAlias) {
		o.Alias = m.Properties.TopicAlias
	}
	return c.limits.check(m, mqtt.PublishSize(msg, o))
}

// slot waits for room in the window.
func (c *Client) slot(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-c.ctx.Done():
		return c.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// freeSlot makes room in the window; acknowledgements of messages that have not
// taken any (of a connection before) find nothing to free.
func (c *Client) freeSlot() {
	select {
	case <-c.slots:
	default:
	}
}

// send writes a PUBLISH. The aliases are looked up under the lock of the write
// buffer, so that the packet that sets one up goes first.
func (c *Client) send(ctx context.Context, m *Message, id uint16, again bool) error {
	if err := c.ctx.Err(); err != nil {
		return c.Err()
	}
	msg, o := m.out(c.o.Version)
	o.PacketID, o.Dup = id, again
	err := c.out.put(ctx, func(b []byte) []byte {
		if m.Properties.Has(mqtt.PropTopicAlias) && !again && c.o.Version == mqtt.V5 {
			o.Alias = m.Properties.TopicAlias
			o.OmitTopic = c.aliases[o.Alias] == m.Topic
			if c.aliases == nil {
				c.aliases = make(map[uint16]string)
			}
			c.aliases[o.Alias] = m.Topic
		}
		c.tracePublish(true, m, id, again) // here, so that the answer is not told first
		return mqtt.AppendPublish(b, msg, o)
	})
	if errors.Is(err, errClosing) && c.ctx.Err() != nil {
		return c.Err()
	}
	return err
}

// resume sends again what the connection before has left open, in order
// [MQTT-4.4.0-1]. On a new session of the broker's it is not again: section 4.1.
func (c *Client) resume(ctx context.Context) error {
	for _, d := range c.session.pending() {
		if err := c.slot(ctx); err != nil {
			return err
		}
		if d.released {
			c.ack(mqtt.PUBREL, d.id, mqtt.Success)
		} else if err := c.send(ctx, d.m, d.id, c.connack.SessionPresent); err != nil {
			return err
		}
	}
	return nil
}
