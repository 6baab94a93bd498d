package behaviour

import (
	"context"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// driver5 is paho.golang.
type driver5 struct {
	c    *client
	paho *paho.Client
	up   bool
}

// hour is the session expiry of durable clients, in seconds.
const hour = 3600

func (d *driver5) connect(l login) (present bool, r result) {
	c := d.c
	d.paho = paho.NewClient(paho.ClientConfig{
		Conn:                       packets.NewThreadSafeConn(c.wire),
		EnableManualAcknowledgment: l.byHand,
		SendAcksInterval:           time.Millisecond,
		PacketTimeout:              patience,
		OnPublishReceived:          []func(paho.PublishReceived) (bool, error){d.receive},
		OnServerDisconnect: func(p *paho.Disconnect) {
			c.down <- ended{code: p.ReasonCode, reason: p.Properties.ReasonString}
		},
		OnClientError: func(err error) {
			select {
			case c.down <- ended{err: err}:
			default: // it has been told
			}
		},
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ack, err := d.paho.Connect(ctx, connectPacket(l))
	if ack == nil {
		return false, result{err: err}
	}
	c.connack = ack
	if d.up = err == nil; !d.up && ack.ReasonCode < 0x80 {
		return false, result{err: err}
	}
	if ack.Properties.AssignedClientID != "" {
		c.id = ack.Properties.AssignedClientID
	}
	return ack.SessionPresent, result{code: ack.ReasonCode, reason: ack.Properties.ReasonString}
}

func connectPacket(l login) *paho.Connect {
	p := &paho.Connect{
		ClientID: l.id, CleanStart: !l.durable || l.fresh, KeepAlive: l.alive,
		UsernameFlag: l.user != "", Username: l.user,
		Properties: &paho.ConnectProperties{RequestProblemInfo: true},
	}
	if l.durable {
		p.Properties.SessionExpiryInterval = paho.Uint32(hour)
	}
	if w := l.will; w != nil {
		p.WillMessage = &paho.WillMessage{Topic: w.topic, Payload: []byte(w.payload), QoS: w.qos, Retain: w.retain}
		p.WillProperties = w.props
	}
	if l.more != nil {
		l.more(p)
	}
	return p
}

func (d *driver5) receive(got paho.PublishReceived) (bool, error) {
	p := got.Packet
	d.c.in <- message{
		topic: p.Topic, payload: string(p.Payload), qos: p.QoS, retain: p.Retain, props: p.Properties,
		dup: p.Duplicate(), id: p.PacketID, at: time.Now(),
		ack: func() { _ = d.paho.Ack(p) },
	}
	return true, nil
}

func (d *driver5) publish(m message) <-chan result {
	out := make(chan result, 1)
	go func() {
		p := &paho.Publish{Topic: m.topic, Payload: []byte(m.payload), QoS: m.qos, Retain: m.retain, Properties: m.props}
		r, err := d.paho.Publish(context.Background(), p)
		if r == nil {
			out <- result{err: err}
			return
		}
		var reason string
		if r.Properties != nil {
			reason = r.Properties.ReasonString
		}
		out <- result{code: r.ReasonCode, reason: reason}
	}()
	return out
}

func (d *driver5) subscribe(subs []paho.SubscribeOptions, id int) ([]byte, error) {
	p := &paho.Subscribe{Subscriptions: subs}
	if id != 0 {
		p.Properties = &paho.SubscribeProperties{SubscriptionIdentifier: &id}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ack, err := d.paho.Subscribe(ctx, p)
	if ack == nil {
		return nil, err
	}
	return ack.Reasons, nil // a refusal is an error for Paho, and a code for us
}

func (d *driver5) unsubscribe(filters []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ack, err := d.paho.Unsubscribe(ctx, &paho.Unsubscribe{Topics: filters})
	if ack == nil {
		return nil, err
	}
	return ack.Reasons, nil
}

func (d *driver5) disconnect(p *paho.Disconnect) {
	if d.up {
		_ = d.paho.Disconnect(p)
	}
}

func (d *driver5) stop() {
	if d.up {
		<-d.paho.Done()
	}
}
