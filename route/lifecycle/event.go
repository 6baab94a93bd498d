package lifecycle

import (
	"encoding/json"
	"time"
)

// A Kind is one of the four events (section 1).
type Kind uint8

const (
	SessionConnected Kind = iota
	SessionDisconnected
	ClientCreatedOrUpdated
	ClientDeleted
)

var kindNames = [...]string{
	SessionConnected:       "Microsoft.EventGrid.MQTTClientSessionConnected",
	SessionDisconnected:    "Microsoft.EventGrid.MQTTClientSessionDisconnected",
	ClientCreatedOrUpdated: "Microsoft.EventGrid.MQTTClientCreatedOrUpdated",
	ClientDeleted:          "Microsoft.EventGrid.MQTTClientDeleted",
}

// String is the type of the event.
func (k Kind) String() string { return kindNames[k] }

// A Namespace is where events come from.
type Namespace struct {
	Name       string
	ResourceID string // in full: /subscriptions/.../namespaces/{name}
}

// A Notice is what any event needs besides what it is about.
type Notice struct {
	ID   string    // the event's own; unique
	Time time.Time // when the broker noticed (section 2)
}

// A Session is one connection of a client.
type Session struct {
	AuthenticationName string
	Name               string // the ClientId
	// Sequence grows with each connection of the session; Disconnected has that of its
	// Connected (section 5).
	Sequence uint64
}

// A Client is a client resource.
type Client struct {
	Name               string
	AuthenticationName string
	// The others are of a client that is there.
	Created, Updated time.Time // the same if it was never updated
	Enabled          bool
	Attributes       json.RawMessage // an object; nil: none
}

// An Event is one life-cycle event, in no schema yet.
type Event struct {
	Kind      Kind
	Namespace Namespace
	Notice    Notice
	Session   Session // of the first two kinds
	Reason    Reason  // of SessionDisconnected
	Client    Client  // of the last two kinds
}

// Connected says that a session has connected.
func Connected(ns Namespace, n Notice, s Session) Event {
	return Event{Kind: SessionConnected, Namespace: ns, Notice: n, Session: s}
}

// Disconnected says that the connection of a session has ended.
func Disconnected(ns Namespace, n Notice, s Session, why Reason) Event {
	return Event{Kind: SessionDisconnected, Namespace: ns, Notice: n, Session: s, Reason: why}
}

// CreatedOrUpdated says what a client is now.
func CreatedOrUpdated(ns Namespace, n Notice, c Client) Event {
	return Event{Kind: ClientCreatedOrUpdated, Namespace: ns, Notice: n, Client: c}
}

// Deleted says that a client is gone.
func Deleted(ns Namespace, n Notice, c Client) Event {
	return Event{Kind: ClientDeleted, Namespace: ns, Notice: n, Client: c}
}

// subject is what the event is about, without a slash before it (section 2).
func (e *Event) subject() string {
	if e.Kind <= SessionDisconnected {
		return "clients/" + e.Session.AuthenticationName + "/sessions/" + e.Session.Name
	}
	return "clients/" + e.Client.Name
}
