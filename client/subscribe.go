package client

import (
	"context"
	"fmt"

	"gridmq/mqtt"
)

// An answer is a SUBACK or UNSUBACK.
type answer struct {
	codes  []mqtt.Code
	reason string
}

// Subscribe asks for subscriptions and returns the broker's code for each: the
// granted QoS, or an error. If any is an error, err is a *RefusedError of the
// first; the others stand.
func (c *Client) Subscribe(ctx context.Context, subs ...mqtt.Subscription) ([]mqtt.Code, error) {
	return c.SubscribeWith(ctx, mqtt.Properties{}, subs...)
}

// SubscribeWith is Subscribe with properties: a subscription identifier, user
// properties.
func (c *Client) SubscribeWith(ctx context.Context, p mqtt.Properties, subs ...mqtt.Subscription) ([]mqtt.Code, error) {
	a, err := c.ask(ctx, func(id uint16) packet {
		return &mqtt.Subscribe{PacketID: id, Properties: p, Subscriptions: subs}
	})
	if err != nil {
		return nil, err
	}
	if len(a.codes) != len(subs) { // [MQTT-3.9.3-1]
		return nil, &mqtt.Error{Op: "read SUBACK", Code: mqtt.ProtocolError, Err: fmt.Errorf("%d codes for %d filters", len(a.codes), len(subs))}
	}
	return a.codes, a.firstError("SUBSCRIBE", func(i int) string { return subs[i].Filter })
}

// Unsubscribe takes subscriptions away. Codes and err are as with Subscribe;
// 3.1.1 knows no codes.
func (c *Client) Unsubscribe(ctx context.Context, filters ...string) ([]mqtt.Code, error) {
	a, err := c.ask(ctx, func(id uint16) packet {
		return &mqtt.Unsubscribe{PacketID: id, Filters: filters}
	})
	if err != nil {
		return nil, err
	}
	if c.o.Version == mqtt.V5 && len(a.codes) != len(filters) { // [MQTT-3.11.3-1]
		return nil, &mqtt.Error{Op: "read UNSUBACK", Code: mqtt.ProtocolError, Err: fmt.Errorf("%d codes for %d filters", len(a.codes), len(filters))}
	}
	return a.codes, a.firstError("UNSUBSCRIBE", func(i int) string { return filters[i] })
}

func (a *answer) firstError(op string, filter func(i int) string) error {
	for i, code := range a.codes {
		if code.IsError() {
			return &RefusedError{Op: fmt.Sprintf("%s %q", op, filter(i)), Code: code, Reason: a.reason}
		}
	}
	return nil
}

// A packet can be written, whatever it is.
type packet interface {
	Append(b []byte, v mqtt.Version) []byte
}

// ask sends a SUBSCRIBE or UNSUBSCRIBE and waits for its answer. An id whose
// answer has not come stays taken while the connection lasts.
func (c *Client) ask(ctx context.Context, with func(id uint16) packet) (*answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Timeout, fmt.Errorf("no answer from the broker after %v", c.o.Timeout))
	defer cancel()
	id, err := c.session.take(nil)
	if err != nil {
		return nil, err
	}
	result := make(chan answer, 1)
	c.mu.Lock()
	c.answers[id] = result
	c.mu.Unlock()
	p := with(id)
	c.trace(true, p)
	if err := c.out.put(ctx, func(b []byte) []byte { return p.Append(b, c.o.Version) }); err != nil {
		c.answered(id, answer{}) // it was not sent: nobody will answer
		if c.ctx.Err() != nil {
			err = c.Err()
		}
		return nil, err
	}
	select {
	case a := <-result:
		return &a, nil
	case <-c.ctx.Done():
		return nil, c.Err()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// answered hands an answer to who waits for it.
func (c *Client) answered(id uint16, a answer) {
	c.mu.Lock()
	result := c.answers[id]
	delete(c.answers, id)
	c.mu.Unlock()
	if result != nil {
		result <- a // capacity 1, one answer
		c.session.free(id)
	}
}
