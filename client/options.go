package client

import (
	"cmp"
	"context"
	"math"
	"net"
	"time"

	"gridmq/mqtt"
)

const (
	defaultConnectTimeout = 10 * time.Second
	defaultTimeout        = 10 * time.Second
	defaultKeepAlive      = 60 * time.Second
	defaultInFlight       = 100
	defaultQueue          = 256
)

// Never is a SessionExpiry without end.
const Never = time.Duration(math.MaxInt64)

// Options says how to connect. Only Target.URL is needed.
type Options struct {
	Target Target
	// Dial replaces Target, for tests and tunnels.
	Dial func(context.Context) (net.Conn, error)

	// Version is mqtt.V5 (the default) or mqtt.V311.
	Version mqtt.Version
	// BridgeMode sets the bit that brokers of 3.1.1 know bridges by: see mqtt.Connect.
	BridgeMode bool
	// ClientID names the session. Default: the broker assigns one (5.0, and with
	// a clean session 3.1.1).
	ClientID string
	Username string // "" sends none, unless there is a password
	Password []byte // nil sends none

	// Resume asks for the session of ClientID to go on (clean start off).
	Resume bool
	// SessionExpiry is how long the broker keeps the session after the
	// connection; Never is possible. Default 0: it ends with it. In 3.1.1 Resume
	// decides that too.
	SessionExpiry time.Duration
	// Session carries packet ids and unacknowledged messages from the connection
	// before. Default: a new one, whose messages fail with the connection.
	Session *Session

	// KeepAlive is the longest silence we promise. Default 60 s, negative: none.
	KeepAlive time.Duration
	// ConnectTimeout bounds dialling and the answer to CONNECT; default 10 s.
	// Timeout bounds the answer to each later packet but PUBLISH, and how long
	// a write may block; default 10 s.
	ConnectTimeout, Timeout time.Duration

	// Will is published by the broker when we are lost.
	Will *mqtt.Will
	// Properties of CONNECT, besides those that have a field here. 5.0.
	Properties mqtt.Properties
	// Goodbye are the properties of DISCONNECT, as another session expiry. 5.0.
	Goodbye mqtt.Properties

	// InFlight bounds our unacknowledged QoS 1 and 2 messages, together with the
	// broker's Receive Maximum. Default 100.
	InFlight int
	// Queue is how many messages may wait for OnMessage; it is our Receive
	// Maximum too. When it is full nothing is read, acknowledgements neither.
	// Default 256.
	Queue uint16
	// TopicAliasMaximum is how many aliases the broker may use. Default 0.
	TopicAliasMaximum uint16
	// MaximumPacketSize is the largest packet we accept. Default 0: MQTT's, 256 MiB.
	MaximumPacketSize uint32

	// OnMessage receives messages, one at a time and in order. The message is
	// acknowledged when it returns, unless ManualAck is set: then Message.Ack is
	// to be called. It may take its time: the connection is kept alive. It may
	// publish, but should not wait for that at QoS 1 and 2 (PublishAsync).
	OnMessage func(*Message)
	ManualAck bool
	// Trace is told every packet, for people to read. It must not block, and is
	// called from several goroutines.
	Trace func(sent bool, packet string)
}

func (o Options) withDefaults() Options {
	o.Version = cmp.Or(o.Version, mqtt.V5)
	o.KeepAlive = cmp.Or(o.KeepAlive, defaultKeepAlive)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, defaultConnectTimeout)
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.InFlight = cmp.Or(o.InFlight, defaultInFlight)
	o.Queue = cmp.Or(o.Queue, defaultQueue)
	o.Target.Timeout = cmp.Or(o.Target.Timeout, o.ConnectTimeout)
	if o.OnMessage == nil {
		o.OnMessage = func(*Message) {}
	}
	return o
}

// packet is the CONNECT that o asks for.
func (o *Options) packet() *mqtt.Connect {
	p := &mqtt.Connect{
		Version:     o.Version,
		BridgeMode:  o.BridgeMode,
		CleanStart:  !o.Resume,
		KeepAlive:   uint16(seconds(max(o.KeepAlive, 0), math.MaxUint16)),
		ClientID:    o.ClientID,
		HasUsername: o.Username != "" || o.Password != nil && o.Version == mqtt.V311, // [MQTT-3.1.2-22 of 3.1.1]
		Username:    o.Username,
		HasPassword: o.Password != nil,
		Password:    o.Password,
		Will:        o.Will,
	}
	if o.Version != mqtt.V5 {
		return p
	}
	p.Properties = o.Properties
	p.Properties.ReceiveMaximum = o.Queue
	p.Properties.Mark(mqtt.PropReceiveMaximum)
	if o.SessionExpiry > 0 {
		p.Properties.SessionExpiryInterval = seconds(o.SessionExpiry, math.MaxUint32)
		p.Properties.Mark(mqtt.PropSessionExpiryInterval)
	}
	if o.TopicAliasMaximum > 0 {
		p.Properties.TopicAliasMaximum = o.TopicAliasMaximum
		p.Properties.Mark(mqtt.PropTopicAliasMaximum)
	}
	if o.MaximumPacketSize > 0 {
		p.Properties.MaximumPacketSize = o.MaximumPacketSize
		p.Properties.Mark(mqtt.PropMaximumPacketSize)
	}
	return p
}

// seconds rounds d up to whole seconds, at most limit.
func seconds(d time.Duration, limit int64) uint32 {
	if d > time.Duration(math.MaxInt64)-time.Second {
		return uint32(limit)
	}
	return uint32(min(int64((d+time.Second-1)/time.Second), limit))
}
