package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"gridmq/delivery"
	"gridmq/event/rawjson"
)

// receive gives out events, or waits for the first (section 9.1).
func (c *call) receive() error {
	if c.queue.Mode() == delivery.Push {
		return wrongMode()
	}
	most, bad := c.query.number("maxEvents", 1, 100, 1)
	if bad != nil {
		return bad
	}
	c.failed = most
	seconds, bad := c.query.number("maxWaitTime", 10, 120, 60)
	if bad != nil {
		return bad
	}
	if err := c.ignoreBody(); err != nil {
		return err
	}
	if c.tenant.waiting.Add(1) > int64(c.g.o.Receives) {
		c.tenant.waiting.Add(-1)
		return Refuse(http.StatusTooManyRequests, "The namespace has too many receives that wait.")
	}
	defer c.tenant.waiting.Add(-1)
	c.tenant.serving.Add(-1) // it waits, and is counted as that
	defer c.tenant.serving.Add(1)

	list, err := c.await(most, time.Duration(seconds)*time.Second)
	if err != nil {
		return err
	}
	c.succeeded, c.failed = len(list), 0
	body := appendDeliveries(make([]byte, 0, 1024), list)
	c.tenant.charge(&c.tenant.egress, len(list), len(body))
	c.answer(http.StatusOK, body)
	return nil
}

// await receives. Its context ends with the client's connection and the gateway.
func (c *call) await(most int, wait time.Duration) ([]delivery.Delivery, error) {
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(c.g.closing, cancel)()
	began := time.Now()
	limited, stop := context.WithTimeout(ctx, wait)
	defer stop()
	if !c.tenant.wait(limited, &c.tenant.egress) {
		if c.g.closing.Err() != nil {
			return nil, busy("The server is stopping.")
		}
		return nil, throttled()
	}
	left := max(0, wait-time.Since(began))
	bounded, end := context.WithTimeout(ctx, left+callTimeout)
	defer end()
	list, err := c.queue.Receive(bounded, most, left)
	if err != nil && c.g.closing.Err() != nil {
		return nil, busy("The server is stopping.")
	}
	return list, err
}

// appendDeliveries appends the answer. value is always an array: clients fail otherwise.
func appendDeliveries(b []byte, list []delivery.Delivery) []byte {
	b = append(b, `{"value":[`...)
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"brokerProperties":{"lockToken":`...)
		b = rawjson.AppendQuoted(b, list[i].LockToken)
		b = append(b, `,"deliveryCount":`...)
		b = strconv.AppendInt(b, int64(list[i].Count), 10)
		b = append(b, `},"event":`...)
		b = list[i].Event.AppendJSON(b)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}
