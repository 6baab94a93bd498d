package tenants

import (
	"context"
	"errors"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/mqtt"
)

// RetainedMessages implements control.RetainedStore.
func (t *Tenants) RetainedMessages(ctx context.Context, namespace, filter, after string, limit int) (page []control.RetainedMessage, next string, err error) {
	b := t.serving()
	if b == nil {
		return nil, "", control.ErrNoMQTT
	}
	list, more, err := b.RetainedList(ctx, namespace, filter, after, limit)
	if err != nil {
		return nil, "", overManagement(err)
	}
	for _, m := range list {
		page = append(page, shownRetained(m))
	}
	if more && len(list) > 0 {
		next = list[len(list)-1].Topic
	}
	return page, next, nil
}

// RetainedMessage implements control.RetainedStore.
func (t *Tenants) RetainedMessage(_ context.Context, namespace, topic string) (*control.RetainedMessage, error) {
	b := t.serving()
	if b == nil {
		return nil, control.ErrNoMQTT
	}
	m, err := b.Retained(namespace, topic)
	if err != nil || m == nil {
		return nil, overManagement(err)
	}
	p, err := m.Properties()
	if err != nil {
		return nil, err
	}
	one := shownRetained(m)
	one.ContentType, one.Payload = p.ContentType, m.Payload
	for _, u := range p.UserProperties {
		one.UserProperties = append(one.UserProperties, control.UserProperty{Name: u.Name, Value: u.Value})
	}
	return &one, nil
}

// DeleteRetained implements control.RetainedStore.
func (t *Tenants) DeleteRetained(ctx context.Context, namespace, topic string) (existed bool, err error) {
	b := t.serving()
	if b == nil {
		return false, control.ErrNoMQTT
	}
	existed, err = b.DeleteRetained(ctx, namespace, topic)
	return existed, overManagement(err)
}

// shownRetained is what the HTTP data plane tells, as the management plane does.
func shownRetained(m *mqtt.Message) control.RetainedMessage {
	r := retainedOf(m)
	return control.RetainedMessage{Topic: r.Topic, QoS: r.QoS, Size: r.Size, Modified: r.Modified.UTC(), Expires: r.Expires.UTC()}
}

func overManagement(err error) error {
	if errors.Is(err, broker.ErrDisabled) {
		return control.ErrNoMQTT
	}
	return err
}
