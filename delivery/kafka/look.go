package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gridmq/delivery"
)

// look asks a broker for the topic of h. Its errors are for whoever makes an event
// subscription.
func (h *hub) look(ctx context.Context, client *kgo.Client) error {
	r := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(h.d.Topic)
	r.Topics = append(r.Topics, topic)
	r.AllowAutoTopicCreation = false
	start := time.Now()
	answer, err := r.RequestWith(ctx, client)
	if err != nil {
		return h.whyNot(err, start)
	}
	if len(answer.Topics) != 1 {
		return errors.New("the brokers know nothing of the topic")
	}
	err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("the topic %q (kafka.%s) does not exist: make it first", h.d.Topic, h.d.Name)
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return fmt.Errorf("the brokers do not let us see the topic %q (kafka.%s): give the user of the broker the right to write to it", h.d.Topic, h.d.Name)
	case err != nil && !kerr.IsRetriable(err): // a leader will be elected
		return fmt.Errorf("the topic %q (kafka.%s): %w", h.d.Topic, h.d.Name, err)
	}
	return nil
}

func (h *hub) whyNot(err error, since time.Time) error {
	v := judge(err, h.last.failure(since))
	switch {
	case v.Outcome == delivery.TimedOut:
		return fmt.Errorf("no broker of kafka.%s has answered within %v", h.d.Name, validateTime)
	case isAuthentication(v.Err):
		return fmt.Errorf("the brokers of kafka.%s refuse the credentials of the broker: %w", h.d.Name, v.Err)
	default:
		return fmt.Errorf("the brokers of kafka.%s cannot be reached: %w", h.d.Name, v.Err)
	}
}
