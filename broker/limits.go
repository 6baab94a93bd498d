package broker

import (
	"time"

	"gridmq/session"
)

// Limits is what one namespace allows. Zero is "no limit" unless a field says
// otherwise. Start from StandardLimits or AzureLimits.
type Limits struct {
	// MaximumPacketSize in bytes, header included (section 3.1.2.11.4).
	MaximumPacketSize uint32
	// MaximumTopicBytes and MaximumTopicLevels bound topic names and filters.
	MaximumTopicBytes  int
	MaximumTopicLevels int
	// MaximumPropertyBytes bounds response topic, content type and correlation data, each.
	MaximumPropertyBytes int
	// MaximumUserPropertyBytes bounds all names and values of one PUBLISH together.
	MaximumUserPropertyBytes int
	// MaximumQoS is the highest QoS for publishing and subscribing.
	MaximumQoS byte
	// TopicAliasIn is announced to clients, TopicAliasOut is used towards them at most.
	TopicAliasIn, TopicAliasOut uint16
	// ReceiveMaximum bounds unacknowledged inbound messages of a session; above it the
	// connection ends. ReceiveBytes bounds those that wait for the disk: MQTT cannot
	// announce it, so nothing more is read until there is room.
	ReceiveMaximum uint16
	ReceiveBytes   int
	// SendMaximum and SendBytes bound unacknowledged outbound messages.
	SendMaximum uint16
	SendBytes   int

	// KeepAliveMaximum in seconds; a client that asks for more, or for none, gets this.
	KeepAliveMaximum uint16
	// SessionExpiryMaximum in seconds; larger wishes are reduced. It is also the
	// expiry of persistent 3.1.1 sessions.
	SessionExpiryMaximum uint32
	// WillDelayMaximum in seconds.
	WillDelayMaximum uint32
	// ClientIDBytes bounds client identifiers.
	ClientIDBytes int
	// Sessions bounds sessions, SessionsPerName those of one authentication name.
	Sessions, SessionsPerName int

	// Rates are per second, 0 is no limit, and a second's worth may come at once.
	// ConnectRate and SubscribeRate (SUBSCRIBE and UNSUBSCRIBE) bound the namespace,
	// PublishRate and PublishBytes its inbound messages and their payload bytes.
	ConnectRate, SubscribeRate, PublishRate, PublishBytes int
	// The same of one session.
	SessionConnectRate, SessionSubscribeRate, SessionPublishRate, SessionPublishBytes int

	// DeliveryRate and DeliveryBytes bound what the namespace sends to its clients in
	// the same way, the other two what one session is sent. What is too much waits in
	// the session's queue.
	DeliveryRate, DeliveryBytes, SessionDeliveryRate, SessionDeliveryBytes int

	// ReconnectRate bounds the CONNECTs a second of one client, once it has proved who
	// it is; ReconnectBurst is how many may come at once (default: a second's worth).
	// It is for clients in a loop: far above what a sane one does.
	ReconnectRate, ReconnectBurst int

	// Queue bounds what waits in one session, and says what gives way.
	Queue session.Bounds
	// HoldAcknowledgements is how long a publisher's acknowledgement waits while
	// a receiver that is online is above half of its queue bounds.
	HoldAcknowledgements time.Duration

	// Subscriptions per session and namespace, filters per SUBSCRIBE packet.
	Subscriptions, NamespaceSubscriptions, FiltersPerSubscribe int
	// SharedV311 allows $share to 3.1.1 clients; else they are disconnected.
	SharedV311 bool
	// SharedPerSession and SharedGroups bound shared subscriptions of a session
	// and of the namespace, SharedMembers the sessions that share one.
	SharedPerSession, SharedGroups, SharedMembers int

	// RetainedBytes bounds one retained message, RetainedMessages and
	// RetainedTotalBytes those of the namespace.
	RetainedBytes, RetainedMessages int
	RetainedTotalBytes              int64
	// RetainedExpiryMaximum in seconds: what is retained goes then, whatever its publisher
	// says. A change concerns messages published afterwards, and all after a restart.
	RetainedExpiryMaximum uint32
	// StoredBytes bounds the log of queued messages of the namespace, and
	// StoredDropOldest says that the oldest give way instead of new ones being refused.
	StoredBytes      int64
	StoredDropOldest bool

	// ExpiryZeroNever reads a Message Expiry Interval of 0 as "never".
	ExpiryZeroNever bool
	// NegativeAckDisconnects ends the connection of a client that answers with an error code.
	NegativeAckDisconnects bool

	// SystemInterval is how often what the broker tells of the namespace is published
	// below $SYS. 0: never.
	SystemInterval time.Duration

	// ConnectTimeout is the time from the connection to a whole CONNECT.
	ConnectTimeout time.Duration
	// ConnectBytes bounds the CONNECT packet.
	ConnectBytes uint32
	// WriteTimeout is how long a client may leave its socket full.
	WriteTimeout time.Duration
}

const day = 24 * 60 * 60

// StandardLimits is MQTT in full: design.md section 6.
func StandardLimits() Limits {
	return Limits{
		MaximumPacketSize: 1 << 20, MaximumTopicBytes: 65535, MaximumTopicLevels: 128, MaximumQoS: 2,
		TopicAliasIn: 64, TopicAliasOut: 64, ReceiveMaximum: 1024, SendMaximum: 1024,
		SessionExpiryMaximum: 30 * day, ClientIDBytes: 65535,
		ReconnectRate: 5, ReconnectBurst: 60,
		Queue:                session.Bounds{Messages: 10_000, Bytes: 64 << 20, Policy: session.DropOldest},
		HoldAcknowledgements: 10 * time.Second,
		Subscriptions:        10_000, FiltersPerSubscribe: 1000, SharedV311: true,
		RetainedBytes: 1 << 20, RetainedTotalBytes: 16 << 30,
		SystemInterval: 10 * time.Second,
		ConnectTimeout: 10 * time.Second, ConnectBytes: 256 << 10, WriteTimeout: 30 * time.Second,
	}
}

// AzureLimits are the documented limits of an Event Grid namespace with one
// throughput unit: spec/limits-and-metrics.md.
func AzureLimits() Limits {
	return Limits{
		MaximumPacketSize: 512 << 10, MaximumTopicBytes: 256, MaximumTopicLevels: 15, MaximumQoS: 1,
		MaximumPropertyBytes: 256, MaximumUserPropertyBytes: 32 << 10,
		TopicAliasIn: 10, ReceiveMaximum: 1000, ReceiveBytes: 64 << 10, SendMaximum: 100, SendBytes: 64 << 10,
		KeepAliveMaximum: 1160, SessionExpiryMaximum: 3600, WillDelayMaximum: 300, ClientIDBytes: 128,
		Sessions: 10_000, SessionsPerName: 1,
		ConnectRate: 200, SubscribeRate: 200, PublishRate: 1000, PublishBytes: 1 << 20,
		SessionConnectRate: 1, SessionSubscribeRate: 5, SessionPublishRate: 1000, SessionPublishBytes: 1 << 20,
		DeliveryRate: 1000, DeliveryBytes: 1 << 20, SessionDeliveryRate: 100, SessionDeliveryBytes: 1 << 20,
		Queue:                session.Bounds{Messages: 100, Bytes: 1 << 20, Policy: session.Terminate},
		HoldAcknowledgements: 10 * time.Second,
		Subscriptions:        50, NamespaceSubscriptions: 1_000_000, FiltersPerSubscribe: 10,
		SharedPerSession: 10, SharedGroups: 100, SharedMembers: 100,
		RetainedBytes: 64 << 10, RetainedMessages: 10_000, RetainedTotalBytes: 640 << 20, RetainedExpiryMaximum: 365 * day,
		ExpiryZeroNever: true, NegativeAckDisconnects: true,
		ConnectTimeout: 10 * time.Second, ConnectBytes: 512 << 10, WriteTimeout: 30 * time.Second,
	}
}
