package behaviour

import (
	"errors"
	"net"
	"net/url"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt3 "github.com/eclipse/paho.mqtt.golang"
)

// driver3 is paho.mqtt.golang, at 3.1.1 and never reconnecting by itself.
type driver3 struct {
	c    *client
	paho mqtt3.Client
	up   bool
}

func (d *driver3) connect(l login) (present bool, r result) {
	c := d.c
	o := mqtt3.NewClientOptions().AddBroker("tcp://dialled-by-us").
		SetCustomOpenConnectionFn(func(*url.URL, mqtt3.ClientOptions) (net.Conn, error) { return c.wire, nil }).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(patience).
		SetClientID(l.id).SetCleanSession(!l.durable).SetUsername(l.user).
		SetKeepAlive(time.Duration(l.alive) * time.Second).
		SetAutoAckDisabled(l.byHand).SetDefaultPublishHandler(d.receive).
		SetConnectionLostHandler(func(_ mqtt3.Client, err error) { c.down <- ended{err: err} })
	if w := l.will; w != nil {
		o.SetBinaryWill(w.topic, []byte(w.payload), w.qos, w.retain)
	}
	d.paho = mqtt3.NewClient(o)
	token := d.paho.Connect().(*mqtt3.ConnectToken)
	if !token.WaitTimeout(patience) {
		return false, result{err: errors.New("no CONNACK")}
	}
	if d.up = token.Error() == nil; !d.up && (token.ReturnCode() == 0 || token.ReturnCode() > 5) {
		return false, result{err: token.Error()} // it was not the broker that said no
	}
	return token.SessionPresent(), result{code: token.ReturnCode()}
}

func (d *driver3) receive(_ mqtt3.Client, m mqtt3.Message) {
	d.c.in <- message{
		topic: m.Topic(), payload: string(m.Payload()), qos: m.Qos(), retain: m.Retained(),
		dup: m.Duplicate(), id: m.MessageID(), at: time.Now(), ack: m.Ack,
	}
}

func (d *driver3) publish(m message) <-chan result {
	out := make(chan result, 1)
	token := d.paho.Publish(m.topic, m.qos, m.retain, m.payload)
	go func() {
		<-token.Done()
		if err := token.Error(); err != nil || d.paho.IsConnectionOpen() {
			out <- result{err: err}
			return
		}
		out <- result{err: errors.New("the connection is lost")} // which ends the tokens, too
	}()
	return out
}

func (d *driver3) subscribe(subs []paho.SubscribeOptions, _ int) ([]byte, error) {
	filters := map[string]byte{}
	for _, s := range subs {
		filters[s.Topic] = s.QoS
	}
	token := d.paho.SubscribeMultiple(filters, nil).(*mqtt3.SubscribeToken)
	if err := wait3(token); err != nil {
		return nil, err
	}
	granted := token.Result()
	codes := make([]byte, len(subs))
	for i, s := range subs {
		code, ok := granted[s.Topic]
		if !ok {
			return nil, errors.New("the connection is lost")
		}
		codes[i] = code
	}
	return codes, nil
}

func (d *driver3) unsubscribe(filters []string) ([]byte, error) {
	return nil, wait3(d.paho.Unsubscribe(filters...))
}

func wait3(token mqtt3.Token) error {
	if !token.WaitTimeout(patience) {
		return errors.New("no answer")
	}
	return token.Error()
}

func (d *driver3) disconnect(*paho.Disconnect) {
	if d.up {
		d.paho.Disconnect(uint(patience.Milliseconds()))
	}
}

func (d *driver3) stop() {}
