package gateway

import (
	"context"
	"time"

	"gridmq/delivery"
	"gridmq/event"
)

// Events are the namespace topics.
type Events interface {
	// Topic returns a topic, nil if there is none. Names ignore case.
	Topic(namespace, topic string) Topic
}

// A Topic takes events. *delivery.Stream is one but for the type of its queues.
type Topic interface {
	// Name is in the topic's first spelling.
	Name() string
	// Publish stores all events or none; they are durable when it returns. It does
	// not keep them.
	Publish(ctx context.Context, events []event.Event) error
	// Queue returns an event subscription, nil if there is none.
	Queue(subscription string) Queue
}

// A Queue is an event subscription. *delivery.Queue is one, and says what the errors are.
type Queue interface {
	Name() string
	Mode() delivery.Mode
	Receive(ctx context.Context, limit int, wait time.Duration) ([]delivery.Delivery, error)
	Acknowledge(ctx context.Context, tokens []string) ([]delivery.Settlement, error)
	Release(ctx context.Context, tokens []string, after time.Duration) ([]delivery.Settlement, error)
	Reject(ctx context.Context, tokens []string) ([]delivery.Settlement, error)
	RenewLock(ctx context.Context, tokens []string) ([]delivery.Settlement, error)
}

var _ Queue = (*delivery.Queue)(nil)
