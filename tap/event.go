package tap

import "time"

// A Kind is what an event tells.
type Kind string

// What is told.
const (
	Packet    Kind = "packet"        // read from the client, or written to it
	Access    Kind = "access"        // a decision: may it?
	Published Kind = "published"     // what became of a message of the client
	Queued    Kind = "queued"        // a message waits for the client
	Dropped   Kind = "dropped"       // a message is not delivered to the client
	Held      Kind = "held"          // an acknowledgement waits for slow subscribers
	Refused   Kind = "refused"       // a connection
	Gone      Kind = "disconnected"  // the connection has ended
	Over      Kind = "session ended" // with what waited in it
	Lost      Kind = "lost"          // events that are missing here: there were too many
	Alive     Kind = "alive"         // nothing has happened for a while
	Ended     Kind = "ended"         // the trace
)

// An Event is one thing that has happened.
type Event struct {
	Time time.Time `json:"time"`
	Kind Kind      `json:"event"`

	// Direction is "in" of what the client has sent, "out" of what it is sent.
	Direction string `json:"direction,omitempty"`
	Packet    string `json:"packet,omitempty"` // as "PUBLISH"
	Bytes     int    `json:"bytes,omitempty"`  // of the packet
	PacketID  uint16 `json:"packetId,omitempty"`

	Topic  string `json:"topic,omitempty"` // or the filter of a decision
	QoS    *byte  `json:"qos,omitempty"`
	Dup    bool   `json:"dup,omitempty"`
	Retain bool   `json:"retain,omitempty"`

	PayloadBytes  *int   `json:"payloadBytes,omitempty"`
	Payload       string `json:"payload,omitempty"`       // if it is text
	PayloadBase64 []byte `json:"payloadBase64,omitempty"` // if it is none
	Truncated     bool   `json:"truncated,omitempty"`     // there is more of the payload

	Properties     map[string]any `json:"properties,omitempty"`
	UserProperties []Pair         `json:"userProperties,omitempty"`
	Subscriptions  []Filter       `json:"subscriptions,omitempty"`
	Connect        *Hello         `json:"connect,omitempty"`
	SessionPresent *bool          `json:"sessionPresent,omitempty"`

	Code   string   `json:"code,omitempty"`  // reason code, as "0x87"
	Codes  []string `json:"codes,omitempty"` // of SUBACK and UNSUBACK
	Reason string   `json:"reason,omitempty"`

	Action  string `json:"action,omitempty"` // connect, publish, subscribe
	Allowed *bool  `json:"allowed,omitempty"`
	Who     any    `json:"-"` // whom the decision is about, for whoever explains it

	Receivers *int   `json:"receivers,omitempty"`
	Stored    int    `json:"stored,omitempty"` // of those, in the store
	Event     bool   `json:"routed,omitempty"` // it became an event
	Messages  int    `json:"waitingMessages,omitempty"`
	Waiting   int    `json:"waitingBytes,omitempty"`
	Number    uint64 `json:"number,omitempty"` // of a message in the session's queue

	Address   string `json:"remote,omitempty"`
	Transport string `json:"transport,omitempty"`
	Count     int    `json:"count,omitempty"`
}

// A Pair is a user property.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Filter is what is subscribed to, or not any more.
type Filter struct {
	Filter            string `json:"filter"`
	QoS               byte   `json:"qos"`
	NoLocal           bool   `json:"noLocal,omitempty"`
	RetainAsPublished bool   `json:"retainAsPublished,omitempty"`
	RetainHandling    byte   `json:"retainHandling,omitempty"`
}

// A Hello is what a CONNECT says, without what is secret of it.
type Hello struct {
	Version     string `json:"version"`
	ClientID    string `json:"clientId"`
	Username    string `json:"username,omitempty"`
	HasPassword bool   `json:"hasPassword,omitempty"`
	CleanStart  bool   `json:"cleanStart,omitempty"`
	KeepAlive   uint16 `json:"keepAliveInSeconds"`
	Will        *Will  `json:"will,omitempty"`
}

// A Will is that of a CONNECT.
type Will struct {
	Topic        string `json:"topic"`
	QoS          byte   `json:"qos"`
	Retain       bool   `json:"retain,omitempty"`
	PayloadBytes int    `json:"payloadBytes"`
	Delay        uint32 `json:"delayInSeconds,omitempty"`
}

// size is roughly what the event takes.
func (e *Event) size() int {
	n := 400 + len(e.Topic) + len(e.Reason) + len(e.Payload) + len(e.PayloadBase64) + 16*len(e.Codes)
	for _, p := range e.UserProperties {
		n += len(p.Name) + len(p.Value)
	}
	for _, f := range e.Subscriptions {
		n += len(f.Filter)
	}
	for _, v := range e.Properties {
		if s, ok := v.(string); ok {
			n += len(s)
		}
		n += 40
	}
	return n
}
