package control

import (
	"context"
	"errors"
	"io"
	"time"

	"gridmq/control/resource"
	"gridmq/delivery"
	"gridmq/tap"
)

// What the server plugs in. All methods may be called concurrently, and namespaces
// are named in lower case.

// ErrNoSession says that a namespace has no session of that client identifier.
var ErrNoSession = errors.New("control: no such session")

// A SessionDirectory knows the sessions of all namespaces.
type SessionDirectory interface {
	// Sessions lists sessions in the order of their client identifiers, from
	// q.After (exclusive) on. next is the After of what follows; empty: the end.
	Sessions(ctx context.Context, namespace string, q SessionQuery) (page []Session, next string, err error)
	// Session returns one. ErrNoSession.
	Session(ctx context.Context, namespace, clientID string) (*Session, error)
	// Disconnect ends the connection and leaves the session. The client is told
	// the reason. ErrNoSession; a session that is away is no error.
	Disconnect(ctx context.Context, namespace, clientID, reason string) error
	// Delete ends the connection and the session, with what waits in it. ErrNoSession.
	Delete(ctx context.Context, namespace, clientID, reason string) error
}

// A Tracer watches clients.
type Tracer interface {
	// Trace has t told of a client, who need not be there, until stop is called.
	// ErrTooManyTraces.
	Trace(namespace, clientID string, t *tap.Tap) (stop func(), err error)
	// Why explains a decision, as Explainer does; who is that of the event ([tap.Event]).
	// Empty: nothing can be said.
	Why(namespace string, who any, action, topic string) string
}

// ErrTooManyTraces says that as many clients are traced as may be.
var ErrTooManyTraces = errors.New("control: too many traces")

// A SlowDirectory knows in which sessions most waits.
type SlowDirectory interface {
	// Slow lists the sessions with the longest queues, the worst first, at most limit.
	Slow(ctx context.Context, namespace string, by SlowBy, limit int) ([]Session, error)
}

// A SlowBy is what is long about a queue.
type SlowBy string

// What queues are compared by.
const (
	ByMessages SlowBy = "messages"
	ByBytes    SlowBy = "bytes"
	ByAge      SlowBy = "age" // of the oldest message that is not acknowledged, of QoS 1 or 2
)

// A SessionQuery chooses sessions. Empty members choose all.
type SessionQuery struct {
	After              string
	Limit              int
	AuthenticationName string // ignoring case
	ClientID           string // a part of it
	Connected          *bool
}

// A Session is one as it is shown.
type Session struct {
	ClientID           string         `json:"clientId"`
	AuthenticationName string         `json:"authenticationName"`
	Client             string         `json:"client,omitempty"` // of the registry
	Method             string         `json:"authenticationMethod,omitempty"`
	Connected          bool           `json:"connected"`
	Protocol           string         `json:"protocol,omitempty"` // MQTT3, MQTT5, MQTT3-WS, MQTT5-WS
	Remote             string         `json:"remote,omitempty"`   // address and port
	Since              time.Time      `json:"since,omitzero"`     // connected or away since
	ExpiresAt          time.Time      `json:"expiresAt,omitzero"` // of a session that is away
	CredentialExpires  time.Time      `json:"credentialExpiresAt,omitzero"`
	SessionExpiry      uint32         `json:"sessionExpiryInSeconds"`
	KeepAlive          uint16         `json:"keepAliveInSeconds"`
	QueuedMessages     int            `json:"queuedMessages"`
	QueuedBytes        int64          `json:"queuedBytes"`
	InFlight           int            `json:"inFlightMessages"`
	OldestPublished    time.Time      `json:"oldestPublished,omitzero"` // of what waits; in the list of slow ones only
	Groups             []string       `json:"clientGroups,omitempty"`
	Subscriptions      []Subscription `json:"subscriptions,omitempty"` // of a single session only
}

// A Subscription of a session.
type Subscription struct {
	Filter string `json:"filter"`
	QoS    byte   `json:"qos"`
	Share  string `json:"share,omitempty"`
}

// An EndpointValidator asks the endpoint of a push subscription whether it wants the
// events of a namespace. An error is told to whoever makes the subscription.
type EndpointValidator interface {
	// ValidateEndpoint takes half a minute at most. What it is told holds secrets.
	ValidateEndpoint(ctx context.Context, namespace string, d *delivery.Destination) error
}

// ErrNoBackup says that there is nothing that a backup could be made of.
var ErrNoBackup = errors.New("control: the store cannot be backed up")

// A Backuper makes backups of everything that the server keeps.
type Backuper interface {
	// Backup takes a state that is consistent, with all that was acknowledged before.
	// ErrNoBackup; store.ErrFull.
	Backup(ctx context.Context) (Backup, error)
}

// A Backup is a state that was taken. It keeps space of the disk until it is closed.
type Backup interface {
	// Stream writes it. After an error what was written is no backup.
	Stream(ctx context.Context, w io.Writer) error
	Close() error
}

// A RefusalLog remembers who was not let in lately, and why.
type RefusalLog interface {
	// Refusals lists the newest first, at most limit. An empty namespace stands for
	// the connections that reached none.
	Refusals(ctx context.Context, namespace string, limit int) ([]Refusal, error)
}

// A Refusal is a connection that was refused. The same one again counts up.
type Refusal struct {
	Time               time.Time `json:"time"` // the last
	ClientID           string    `json:"clientId"`
	AuthenticationName string    `json:"authenticationName,omitempty"`
	Remote             string    `json:"remote"`
	Code               string    `json:"code"`   // reason code, as "0x87"
	Reason             string    `json:"reason"` // for the operator: what to do about it
	Count              int       `json:"count"`
}

// A HistoryLog remembers who came, went and was refused lately.
type HistoryLog interface {
	// History lists what happened with a client, named by its identifier or its
	// authentication name; empty: with all. Newest first, at most limit.
	History(ctx context.Context, namespace, client string, limit int) ([]HistoryEvent, error)
}

// A HistoryKind is what happened.
type HistoryKind string

// What happens with clients.
const (
	WasConnected    HistoryKind = "connected"
	WasDisconnected HistoryKind = "disconnected"
	WasRefused      HistoryKind = "refused"
)

// A HistoryEvent is one thing that happened. A refusal that comes again counts up.
type HistoryEvent struct {
	Time               time.Time   `json:"time"` // the last
	Event              HistoryKind `json:"event"`
	ClientID           string      `json:"clientId"`
	AuthenticationName string      `json:"authenticationName,omitempty"`
	Remote             string      `json:"remote,omitempty"` // address
	Protocol           string      `json:"protocol,omitempty"`
	Code               string      `json:"code,omitempty"`   // reason code, as "0x87"
	Reason             string      `json:"reason,omitempty"` // why it ended, or was refused
	Count              int         `json:"count"`
}

// An Explainer says why something would be allowed or refused, by the same rules
// that decide it.
type Explainer interface {
	Explain(ctx context.Context, namespace string, q Question) (*Explanation, error)
}

// A Question is about one client and one topic.
type Question struct {
	Action string `json:"action"`          // connect, publish, subscribe
	Client string `json:"client"`          // name in the registry, or authentication name
	Topic  string `json:"topic,omitempty"` // topic name, or filter to subscribe to
	// Attributes are those of a client that comes with a token; as in the registry.
	Attributes map[string]any `json:"attributes,omitempty"`
	// Assume are changes that are not made: the answer is what it would be with them.
	Assume []Assumption `json:"assume,omitempty"`

	// Changes are what Assume means, for the Explainer.
	Changes []resource.Change `json:"-"`
}

// An Explanation answers a Question.
type Explanation struct {
	Allowed bool              `json:"allowed"`
	Reason  string            `json:"reason"` // one sentence
	Steps   []ExplanationStep `json:"steps,omitempty"`
}

// An ExplanationStep is one thing that was looked at, in order.
type ExplanationStep struct {
	What   string `json:"what"`             // as "client group presses"
	Result string `json:"result"`           // as "holds the client"
	Passed bool   `json:"passed"`           // it speaks for allowing
	Link   string `json:"id,omitempty"`     // resource id
	Detail string `json:"detail,omitempty"` // as the template after substitution
}
