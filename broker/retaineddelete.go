package broker

import (
	"context"
	"fmt"

	"gridmq/mqtt"
	"gridmq/store"
)

// DeleteRetained removes the retained message of a topic, durably when it returns, and
// says whether there was one. Nobody is sent anything: an operator tidies up, no client
// speaks. Errors: ErrDisabled, that of ctx, and those of the store.
func (b *Broker) DeleteRetained(ctx context.Context, namespace, topic string) (existed bool, err error) {
	if !b.enter() {
		return false, protocolError("publish", mqtt.ServerShuttingDown, "the broker is shutting down")
	}
	defer b.serving.Done()
	t, err := b.removeRetained(namespace, topic)
	if err != nil {
		return false, err
	}
	return t != 0, b.settled(ctx, t)
}

func (b *Broker) removeRetained(namespace, topic string) (store.Ticket, error) {
	ns := b.namespace(namespace)
	if ns == nil {
		return 0, ErrDisabled
	}
	ns.outside.RLock() // the namespace is not removed meanwhile
	defer ns.outside.RUnlock()
	if ns.disabled.Load() {
		return 0, ErrDisabled
	}
	e, ok := ns.retained.names.Get(topic)
	if !ok {
		return 0, nil
	}
	t, err := ns.removeRetained(e, nowMillis())
	if err != nil {
		return 0, fmt.Errorf("delete a retained message: %w", err)
	}
	return t, nil
}
