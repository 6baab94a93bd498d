package tenants

import (
	"context"
	"errors"
	"net/http"
	"time"

	"gridmq/broker"
	"gridmq/gateway"
	"gridmq/identity"
	"gridmq/mqtt"
	"gridmq/store"
)

// PublishMessage implements gateway.Publisher: an MQTT message of a caller who has a token
// and no session. The caller is a client whose name and identifier are its object id, with
// the rights of a connection by OAUTH2-JWT. Source: spec/retain-and-http-publish.md,
// section 3.2.
func (t *Tenants) PublishMessage(ctx context.Context, p gateway.Publication) (routed bool, err error) {
	n, b := t.tenant(p.Namespace), t.serving()
	switch {
	case n == nil || p.Who == nil: // no namespace of ours is open
		return false, &mqtt.Error{Op: "publish", Code: mqtt.NotAuthorized, Err: errors.New("nobody is known")}
	case b == nil:
		return false, &mqtt.Error{Op: "publish", Code: mqtt.ServerUnavailable, Err: errors.New("the broker is not there yet")}
	}
	if err := n.admitted(p.Who.Name, p.Who.Name, p.From); err != nil { // the gateway has asked the network rules
		return false, &mqtt.Error{Op: "publish", Code: mqtt.Banned, Err: err}
	}
	routed, err = b.Publish(ctx, n.name, n.caller(p.Who), &broker.Post{
		Topic: p.Topic, QoS: p.QoS, Retain: p.Retain, Properties: p.Properties, Payload: p.Payload})
	return routed, overHTTP(err)
}

// caller is the broker's view of somebody who has no session.
func (n *tenant) caller(p *identity.Principal) *broker.Identity {
	return &broker.Identity{Name: p.Name, Principal: p}
}

// overHTTP is an error of the broker as an HTTP client is told, where the reason code
// does not say enough.
func overHTTP(err error) error {
	switch {
	case errors.Is(err, broker.ErrDisabled):
		return gateway.Refuse(http.StatusNotFound, "The MQTT broker of this namespace is disabled: set topicSpacesConfiguration.state to Enabled.")
	case errors.Is(err, store.ErrFull):
		return gateway.Refuse(http.StatusServiceUnavailable, "The server has no room to store the message, or the topic that it is routed to keeps as many bytes as it may.")
	}
	return err
}

// RetainedMessages are those of all namespaces, for HTTP: gateway.Retained.
type RetainedMessages struct{ t *Tenants }

// Retained returns the retained messages of all namespaces.
func (t *Tenants) Retained() RetainedMessages { return RetainedMessages{t} }

// Get implements gateway.Retained.
func (r RetainedMessages) Get(_ context.Context, namespace, topic string) (out gateway.RetainedMessage, ok bool, err error) {
	b, name, err := r.reader(namespace)
	if err != nil {
		return out, false, err
	}
	m, err := b.Retained(name, topic)
	if err != nil || m == nil {
		return out, false, overHTTP(err)
	}
	p, err := m.Properties()
	if err != nil {
		return out, false, err
	}
	out = retainedOf(m)
	out.Payload, out.ContentType, out.UserProperties = m.Payload, p.ContentType, p.UserProperties
	return out, true, nil
}

// List implements gateway.Retained.
func (r RetainedMessages) List(ctx context.Context, namespace, filter, after string, limit int) (list []gateway.RetainedMessage, more bool, err error) {
	b, name, err := r.reader(namespace)
	if err != nil {
		return nil, false, err
	}
	found, more, err := b.RetainedList(ctx, name, filter, after, limit)
	if err != nil {
		return nil, false, overHTTP(err)
	}
	list = make([]gateway.RetainedMessage, len(found))
	for i, m := range found {
		list[i] = retainedOf(m)
	}
	return list, more, nil
}

func (r RetainedMessages) reader(namespace string) (*broker.Broker, string, error) {
	n, b := r.t.tenant(namespace), r.t.serving()
	if n == nil || b == nil {
		return nil, "", overHTTP(broker.ErrDisabled)
	}
	return b, n.name, nil
}

// retainedOf is what both answers tell. The size is that of the PUBLISH with which MQTT 5
// would be sent the message.
func retainedOf(m *mqtt.Message) gateway.RetainedMessage {
	out := gateway.RetainedMessage{Topic: m.Topic, QoS: m.QoS, Modified: time.UnixMilli(m.Published)}
	out.Size = mqtt.PublishSize(m, &mqtt.Out{Version: mqtt.V5, QoS: m.QoS, HasExpiry: m.Expires != 0})
	if m.Expires != 0 {
		out.Expires = time.UnixMilli(m.Expires)
	}
	return out
}
