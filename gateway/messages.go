package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"gridmq/gateway/message"
	"gridmq/identity"
	"gridmq/mqtt"
)

// A Publisher publishes MQTT messages of callers that have no session, as a client
// whose identifier is their object id. The rules are those of a PUBLISH: topic spaces,
// sizes, rates, retained messages, routes.
type Publisher interface {
	// PublishMessage returns when all that must survive is durable. routed says that
	// the message became an event. The payload and what hangs on the properties are
	// the caller's again afterwards. An error that is an *mqtt.Error is told by its
	// Code; its cause is not. who is nil in a namespace that is open.
	PublishMessage(ctx context.Context, p Publication) (routed bool, err error)
}

// A Publication is one message by HTTP, and whose it is.
type Publication struct {
	Namespace string
	Who       *identity.Principal
	From      netip.Addr
	Request   string // x-ms-request-id, for logs
	message.Message
}

// publishMessage publishes an MQTT message (retain-and-http-publish.md, section 3).
func (c *call) publishMessage() error {
	limit := cmp.Or(c.ns.MessageBytes, 512<<10)
	body, err := c.readBody(limit)
	if err != nil {
		return err
	}
	for _, name := range []string{"topic", "qos", "retain"} {
		if _, _, bad := c.query.text(name); bad != nil {
			return bad
		}
	}
	m, err := message.Read(c.r.Header, c.parameter, body)
	if err != nil {
		return badRequest("%v", err)
	}
	c.traceMessage(&m.Properties)
	ctx, cancel := context.WithTimeout(c.r.Context(), callTimeout)
	defer cancel()
	routed, err := c.g.o.Messages.PublishMessage(ctx, Publication{c.ns.Name, c.caller.principal, c.from, c.id, m})
	if e, ok := errors.AsType[*mqtt.Error](err); ok {
		return c.refusedBy(e)
	}
	if err != nil {
		return err
	}
	c.succeeded = 1
	if routed {
		c.write(http.StatusAccepted, nil)
	} else {
		c.write(http.StatusNoContent, nil)
	}
	return nil
}

// parameter is a query parameter that was found to be good, decoded.
func (c *call) parameter(name string) (string, bool) {
	text, given, bad := c.query.text(name)
	return text, given && bad == nil
}

// refusedBy tells a refusal of the broker (section 3.3).
func (c *call) refusedBy(e *mqtt.Error) error {
	switch e.Code {
	case mqtt.NotAuthorized, mqtt.Banned:
		return forbidden("The topic is in no topic space that this caller may publish to.")
	case mqtt.TopicNameInvalid, mqtt.PayloadFormatInvalid, mqtt.MalformedPacket, mqtt.ProtocolError:
		return badRequest("The message is not one that the broker takes: %v.", e.Code)
	case mqtt.RetainNotSupported, mqtt.QoSNotSupported:
		return badRequest("The namespace does not take this: %v.", e.Code)
	case mqtt.PacketTooLarge:
		return Refuse(http.StatusRequestEntityTooLarge, "The message is larger than the namespace allows.")
	case mqtt.QuotaExceeded, mqtt.MessageRateTooHigh, mqtt.ReceiveMaximumExceeded:
		return Refuse(http.StatusTooManyRequests, "The namespace or the caller is at a limit: too many messages, or no room to retain this one.")
	case mqtt.ServerBusy, mqtt.ServerUnavailable, mqtt.ServerShuttingDown:
		return busy("The server cannot take messages at the moment.")
	}
	return e
}

// A Retained has the retained messages of namespaces.
type Retained interface {
	// Get returns the message of a topic; ok is false if there is none.
	Get(ctx context.Context, namespace, topic string) (m RetainedMessage, ok bool, err error)
	// List returns up to limit messages whose topics match the filter and come after a
	// topic ("": from the beginning), in the order of the levels of their topics, and
	// whether there are more. Payloads may be missing.
	List(ctx context.Context, namespace, filter, after string, limit int) (list []RetainedMessage, more bool, err error)
}

// A RetainedMessage is one that a broker keeps for a topic.
type RetainedMessage struct {
	Topic    string
	QoS      byte
	Size     int       // of the whole MQTT message, in bytes
	Expires  time.Time // zero: never
	Modified time.Time
	// Payload and the rest are of Get only.
	Payload        []byte
	ContentType    string
	UserProperties []mqtt.UserProperty
}
