package control

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"gridmq/control/audit"
	"gridmq/topic"
)

// ErrNoMQTT says that a namespace does not serve MQTT at present.
var ErrNoMQTT = errors.New("control: the namespace does not serve MQTT")

// A RetainedStore has the retained messages of all namespaces. Errors: ErrNoMQTT.
type RetainedStore interface {
	// RetainedMessages lists those that a filter matches, without payloads, in the
	// order of the levels of their topics, from after (exclusive) on. next is the after
	// of what follows; empty: the end.
	RetainedMessages(ctx context.Context, namespace, filter, after string, limit int) (page []RetainedMessage, next string, err error)
	// RetainedMessage returns that of a topic; nil: there is none.
	RetainedMessage(ctx context.Context, namespace, topic string) (*RetainedMessage, error)
	// DeleteRetained removes that of a topic, durably. Subscribers are sent nothing.
	DeleteRetained(ctx context.Context, namespace, topic string) (existed bool, err error)
}

// A RetainedMessage is one as it is shown. The last three are of a single message only.
type RetainedMessage struct {
	Topic          string         `json:"topic"`
	QoS            byte           `json:"qos"`
	Size           int            `json:"sizeInBytes"` // of the PUBLISH that a subscriber is sent
	Modified       time.Time      `json:"lastModifiedTime"`
	Expires        time.Time      `json:"expiresAt,omitzero"`
	ContentType    string         `json:"contentType,omitempty"`
	UserProperties []UserProperty `json:"userProperties,omitempty"`
	Payload        []byte         `json:"payload,omitempty"` // base64
}

// A UserProperty of a message. A name may be there more than once.
type UserProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// routeRetained has the topic of a single message in the query: a topic may have what no
// segment of a path can.
func (c *call) routeRetained(ns string, p path) func() error {
	switch {
	case len(p) == 0:
		return c.get(func() error { return c.listRetained(ns) })
	case len(p) == 1 && p.is("message"):
		return func() error { return c.retained(ns) }
	}
	return nil
}

// listRetained lists retained messages. Parameter besides $top: filter, an MQTT topic
// filter; left out: those of all topics but $-topics.
func (c *call) listRetained(ns string) error {
	r, err := c.about(ns, "retained/read")
	if err != nil {
		return err
	}
	g, err := c.pager()
	if err != nil {
		return err
	}
	filter := c.query["filter"]
	if filter == "" {
		filter = "#"
	}
	if err := topic.ValidFilter(filter); err != nil {
		return refuse(http.StatusBadRequest, codeInvalid, "filter must be an MQTT topic filter: %s.", plainly(err)).at("filter")
	}
	page, next, err := c.plane.o.Retained.RetainedMessages(c.r.Context(), r.Namespace, filter, g.after, g.top)
	if err != nil {
		return noMQTT(err)
	}
	for _, one := range page {
		g.value = append(g.value, one)
	}
	g.next = next
	return c.respond(g)
}

// retained is GET and DELETE of the message of a topic.
func (c *call) retained(ns string) error {
	verb := "read"
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodDelete:
		verb = "delete"
	default:
		if err := c.enter(); err != nil {
			return err
		}
		return noMethod("GET, HEAD, DELETE")
	}
	r, err := c.about(ns, "retained/"+verb)
	if err != nil {
		return err
	}
	name := c.query["topic"]
	if err := topic.ValidName(name); err != nil {
		return refuse(http.StatusBadRequest, codeInvalid, "topic must be the name of an MQTT topic: %s.", plainly(err)).at("topic")
	}
	if verb == "delete" {
		return c.deleteRetained(r.Namespace, r.Name, name)
	}
	m, err := c.plane.o.Retained.RetainedMessage(c.r.Context(), r.Namespace, name)
	if err != nil {
		return noMQTT(err)
	}
	if m == nil {
		return refuse(http.StatusNotFound, codeNotFound, "There is no retained message on topic %q.", name)
	}
	c.answer(http.StatusOK, m)
	return nil
}

func (c *call) deleteRetained(namespace, spelled, name string) error {
	c.target = "/gridmq/namespaces/" + spelled + "/retained/" + name
	existed, err := c.plane.o.Retained.DeleteRetained(c.r.Context(), namespace, name)
	if err != nil {
		return noMQTT(err)
	}
	if !existed {
		c.answer(http.StatusNoContent, nil)
		return nil
	}
	c.plane.audit.Record(c.r.Context(), audit.Entry{Operator: c.caller.Name, From: c.fromText(), Operation: c.operation, Resource: c.target,
		Result: audit.Succeeded, Request: c.id})
	c.answer(http.StatusOK, nil)
	return nil
}

func noMQTT(err error) error {
	if errors.Is(err, ErrNoMQTT) {
		return refuse(http.StatusConflict, codeConflict, "The namespace does not serve MQTT: set topicSpacesConfiguration.state to Enabled.")
	}
	return err
}

// plainly is an error of topic without the name of the package.
func plainly(err error) string { return strings.TrimPrefix(err.Error(), "topic: ") }
