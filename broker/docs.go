package broker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"gridmq/identity"
	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store/queue"
)

// Documents in the table, under "n/<namespace>/": see docs/formats/documents.md.
//
//	s/<id>         a session: sessionDoc
//	u/<id><slot>   a subscription of it: subscriptionDoc
//	g/<group>      a shared group that is durable: groupDoc
//	r/<topic>      a retained message: mqtt.AppendMessage
//	ids            the first session number not yet handed out
//	beat           when the node was last alive
type keys struct{ prefix string }

func newKeys(namespace string) keys { return keys{"n/" + namespace + "/"} }

func (k keys) sessions() []byte         { return []byte(k.prefix + "s/") }
func (k keys) subscriptions() []byte    { return []byte(k.prefix + "u/") }
func (k keys) groups() []byte           { return []byte(k.prefix + "g/") }
func (k keys) retained() []byte         { return []byte(k.prefix + "r/") }
func (k keys) ids() []byte              { return []byte(k.prefix + "ids") }
func (k keys) beat() []byte             { return []byte(k.prefix + "beat") }
func (k keys) group(name string) []byte { return append(k.groups(), name...) }
func (k keys) topic(name string) []byte { return append(k.retained(), name...) }

func (k keys) session(id queue.ID) []byte {
	return binary.BigEndian.AppendUint64(k.sessions(), uint64(id))
}

func (k keys) subscriptionsOf(id queue.ID) []byte {
	return binary.BigEndian.AppendUint64(k.subscriptions(), uint64(id))
}

func (k keys) subscription(id queue.ID, slot uint32) []byte {
	return binary.BigEndian.AppendUint32(k.subscriptionsOf(id), slot)
}

// sessionDoc is what must survive of a session besides its queue.
type sessionDoc struct {
	ClientID string       `json:"client"`
	Owner    string       `json:"owner,omitempty"`
	Version  mqtt.Version `json:"version"`
	Expiry   uint32       `json:"expiry"` // seconds; session.Never
	Epoch    uint64       `json:"epoch"`  // counts connections
	Online   bool         `json:"online,omitempty"`
	Closed   int64        `json:"closed,omitempty"`   // Unix ms: when the connection ended; while online: began
	Will     []byte       `json:"will,omitempty"`     // mqtt.AppendMessage
	Delay    uint32       `json:"delay,omitempty"`    // of the will, seconds
	WillLife uint32       `json:"willLife,omitempty"` // its expiry interval, seconds
	// Principal is who the will is from, so that a restart can judge it.
	Principal *identity.Principal `json:"principal,omitempty"`
	// Retired are the slots of subscriptions that lost their grant: what waits only
	// because of them is not sent.
	Retired []uint32 `json:"retired,omitempty"`
}

func (d *sessionDoc) setWill(w *session.Will) {
	d.Will, d.Delay, d.WillLife = nil, 0, 0
	if w != nil {
		d.Will, d.Delay, d.WillLife = mqtt.AppendMessage(nil, &w.Message), w.Delay, w.Expiry
	}
}

func (d *sessionDoc) will() (*session.Will, error) {
	if d.Will == nil {
		return nil, nil
	}
	m, err := mqtt.ReadMessage(d.Will)
	if err != nil {
		return nil, fmt.Errorf("read will: %w", err)
	}
	return &session.Will{Message: m, Delay: d.Delay, Expiry: d.WillLife}, nil
}

// subscriptionDoc is one subscription of a durable session.
type subscriptionDoc struct {
	Filter            string `json:"filter"` // as the client wrote it, $share included
	QoS               byte   `json:"qos"`
	NoLocal           bool   `json:"noLocal,omitempty"`
	RetainAsPublished bool   `json:"retainAsPublished,omitempty"`
	ID                uint32 `json:"id,omitempty"` // subscription identifier
}

// groupDoc is a shared group with its own durable queue.
type groupDoc struct {
	Queue queue.ID `json:"queue"`
}

// encode cannot fail: the documents are plain values.
func encode(doc any) []byte {
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return b
}

// willProps encodes the will's properties that a PUBLISH carries.
func willProps(p *mqtt.Properties) []byte { return p.Forward(nil) }
