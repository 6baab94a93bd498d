package mqtt

import "log/slog"

// Connect is the CONNECT packet (section 3.1).
type Connect struct {
	// Version is the protocol level. After a refusal it is what the client
	// asked for, 0 if that was not reached.
	Version Version
	// BridgeMode is the upper bit of the level of 3.1.1 and older, which some
	// brokers set on the connections of their bridges. No document describes it.
	BridgeMode bool
	CleanStart bool   // CleanSession in 3.1.1
	KeepAlive  uint16 // seconds; 0: none
	ClientID   string
	Will       *Will // nil: none

	HasUsername, HasPassword bool
	Username                 string
	Password                 []byte
	Properties               Properties // 5.0
}

// LogValue is what a log may say of a CONNECT: no credentials, no payload.
func (c *Connect) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client", c.ClientID), slog.String("version", c.Version.String()),
		slog.Bool("clean_start", c.CleanStart), slog.Int("keep_alive", int(c.KeepAlive)),
		slog.Bool("will", c.Will != nil), slog.Bool("password", c.HasPassword))
}

// Will is the message to publish when the client is lost (section 3.1.2.5).
type Will struct {
	Topic      string
	Payload    []byte
	QoS        byte
	Retain     bool
	Properties Properties // 5.0, with Will Delay Interval
}

// Message is the will as an application message. Its time and publisher are
// the caller's to set. Payload is shared with w.
func (w *Will) Message() Message {
	return Message{Topic: w.Topic, QoS: w.QoS, Retain: w.Retain, Payload: w.Payload, Props: w.Properties.Forward(nil)}
}

// Bits of the Connect Flags (section 3.1.2.3).
const (
	flagReserved = 1 << iota
	flagCleanStart
	flagWill
	_ // Will QoS, two bits
	_
	flagWillRetain
	flagPassword
	flagUsername

	willQoSShift = 3
	bridgeBit    = 0x80 // of the protocol level
)
