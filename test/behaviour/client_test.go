package behaviour

import (
	"fmt"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// A login is what a client says in CONNECT. The zero value is a transient
// client: its session ends with its connection.
type login struct {
	id      string
	durable bool // the session is resumed and kept for an hour; in 3.1.1 as long as the broker likes
	fresh   bool // MQTT 5: with durable, whatever was there before is gone
	byHand  bool // messages are acknowledged by message.ack only
	user    string
	alive   uint16 // keep alive in seconds
	will    *will
	flare   bool                // see vanish
	more    func(*paho.Connect) // MQTT 5 only: whatever else
}

type will struct {
	topic, payload string
	qos            byte
	retain         bool
	props          *paho.WillProperties // MQTT 5
}

// A message, received or to be published.
type message struct {
	topic, payload string
	qos            byte
	retain         bool
	props          *paho.PublishProperties // MQTT 5

	dup bool
	id  uint16
	at  time.Time // when it came
	ack func()
}

func (m message) String() string {
	return fmt.Sprintf("%q on %q (QoS %d, retain %t, dup %t, id %d)", m.payload, m.topic, m.qos, m.retain, m.dup, m.id)
}

// A result is the broker's answer to CONNECT or PUBLISH: a code, as the
// version has it, or no answer at all.
type result struct {
	code   byte
	reason string // reason string
	err    error  // no answer: the connection is lost, or the time is over
}

// ended says how a connection came to its end.
type ended struct {
	code   byte // of the broker's DISCONNECT; 0 without one
	reason string
	err    error
}

// A driver is one of the libraries.
type driver interface {
	connect(l login) (present bool, r result)
	publish(m message) <-chan result // one result, when the flow is over
	subscribe(subs []paho.SubscribeOptions, id int) (codes []byte, err error)
	unsubscribe(filters []string) (codes []byte, err error) // no codes in 3.1.1
	disconnect(d *paho.Disconnect)                          // DISCONNECT, and the end
	stop()                                                  // clean up, whatever the state
}

// A client is connected, or was.
type client struct {
	e       *env
	version int
	id      string
	wire    *wire
	driver  driver
	settles bool          // see settle
	present bool          // CONNACK said so
	connack *paho.Connack // MQTT 5

	in   chan message
	down chan ended // one, when the connection is over and it was not us
}

// connect opens a connection that must be accepted.
func (e *env) connect(l login) *client {
	e.Helper()
	c, r := e.tryConnect(l)
	if r.err != nil || r.code != 0 {
		e.Fatalf("connect %q: code %#x %q, %v", l.id, r.code, r.reason, r.err)
	}
	return c
}

// tryConnect opens a connection that may be refused; then the client is nil.
func (e *env) tryConnect(l login) (*client, result) {
	e.Helper()
	if l.flare {
		l.will = &will{topic: e.topic("flares/" + l.id), payload: l.id, qos: 1}
		e.watchFlares()
	}
	w, err := e.broker().dial(e.transport)
	if err != nil {
		e.Fatalf("dial %s: %v", e.transport, err)
	}
	c := &client{e: e, version: e.version, id: l.id, wire: w,
		in: make(chan message, 1<<14), down: make(chan ended, 4)}
	if e.version == v5 {
		c.driver = &driver5{c: c}
	} else {
		c.driver = &driver3{c: c}
	}
	e.Cleanup(c.stop)
	var r result
	if c.present, r = c.driver.connect(l); r.err != nil || r.code != 0 {
		c.stop()
		return nil, r
	}
	return c, r
}

func (c *client) stop() {
	c.wire.flow()
	_ = c.wire.Close()
	c.driver.stop()
}

// publish sends a message and wants it accepted.
func (c *client) publish(qos byte, topic string, payloads ...string) {
	c.e.Helper()
	for _, p := range payloads {
		c.send(message{topic: topic, payload: p, qos: qos})
	}
}

// send is publish for a message in full.
func (c *client) send(m message) {
	c.e.Helper()
	if r := c.try(m); r.err != nil || r.code >= 0x80 {
		c.e.Fatalf("%s: publish %v: code %#x %q, %v", c.id, m, r.code, r.reason, r.err)
	}
}

// try publishes and returns the answer.
func (c *client) try(m message) result {
	c.e.Helper()
	select {
	case r := <-c.driver.publish(m):
		return r
	case <-time.After(patience):
		c.e.Fatalf("%s: no end of the flow of %v", c.id, m)
		return result{}
	}
}

// later publishes and gives the answer when it comes.
func (c *client) later(qos byte, topic, payload string) <-chan result {
	return c.driver.publish(message{topic: topic, payload: payload, qos: qos})
}

// subscribe wants exactly this QoS granted for each filter.
func (c *client) subscribe(qos byte, filters ...string) {
	c.e.Helper()
	for _, f := range filters {
		if code := c.trySubscribe(qos, f); code != qos {
			c.e.Fatalf("%s: subscribe %q at QoS %d: code %#x", c.id, f, qos, code)
		}
	}
}

// trySubscribe returns the code for one filter.
func (c *client) trySubscribe(qos byte, filter string) byte {
	c.e.Helper()
	return c.subscribeTo(0, paho.SubscribeOptions{Topic: filter, QoS: qos})[0]
}

// subscribeTo is one SUBSCRIBE in full: options and a subscription identifier
// (0: none) are for MQTT 5.
func (c *client) subscribeTo(id int, subs ...paho.SubscribeOptions) []byte {
	c.e.Helper()
	codes, err := c.driver.subscribe(subs, id)
	if err != nil {
		c.e.Fatalf("%s: subscribe %v: %v", c.id, subs, err)
	}
	return codes
}

func (c *client) unsubscribe(filters ...string) []byte {
	c.e.Helper()
	codes, err := c.driver.unsubscribe(filters)
	if err != nil {
		c.e.Fatalf("%s: unsubscribe %v: %v", c.id, filters, err)
	}
	return codes
}

// next waits for the next message.
func (c *client) next() message {
	c.e.Helper()
	select {
	case m := <-c.in:
		return m
	case <-time.After(patience):
		c.e.Fatalf("%s: no message", c.id)
		return message{}
	}
}

// want waits for messages with exactly these payloads, in this order.
func (c *client) want(payloads ...string) []message {
	c.e.Helper()
	var got []message
	for i, p := range payloads {
		select {
		case m := <-c.in:
			if m.payload != short(p) && m.payload != p {
				c.e.Fatalf("%s: message %d is %v, want payload %q", c.id, i+1, m, short(p))
			}
			got = append(got, m)
		case d := <-c.down:
			c.e.Fatalf("%s: the connection ended (%+v) instead of message %d, %q", c.id, d, i+1, short(p))
		case <-time.After(patience):
			c.e.Fatalf("%s: no message %d, want %q", c.id, i+1, short(p))
		}
	}
	return got
}

func short(p string) string {
	if len(p) > 100 {
		return p[:100] + "..."
	}
	return p
}

// silent proves that nothing comes.
func (c *client) silent() {
	c.e.Helper()
	select {
	case m := <-c.in:
		c.e.Fatalf("%s: got %v, want nothing", c.id, m)
	case d := <-c.down:
		c.e.Fatalf("%s: the connection ended: %+v", c.id, d)
	case <-time.After(silence):
	}
}

// settle makes sure that what was received has been acknowledged (QoS 2: at
// least with PUBREC): the libraries write that before they hand over another.
func (c *client) settle() {
	c.e.Helper()
	topic := c.e.topic("settles/" + c.id)
	if !c.settles {
		c.settles = true
		c.subscribe(0, topic)
	}
	c.publish(0, topic, "settled")
	c.want("settled")
}

// leave says goodbye, and waits until the broker has heard it.
func (c *client) leave() { c.leaveWith(&paho.Disconnect{}) }

// leaveWith is leave with a DISCONNECT of MQTT 5.
func (c *client) leaveWith(d *paho.Disconnect) {
	c.wire.bePolite()
	c.driver.disconnect(d)
}

// drop loses the connection without a word.
func (c *client) drop() {
	_ = c.wire.Close()
	c.driver.stop()
}

// vanish is drop, and waits until the broker knows. The login has flare: a will
// that tells.
func (c *client) vanish() {
	c.e.Helper()
	c.drop()
	c.e.flare(c.id)
}

func (e *env) watchFlares() {
	e.Helper()
	if e.flares == nil {
		e.flares = e.connect(login{id: e.id("watcher-of-flares")})
		e.flares.subscribe(1, e.topic("flares/#"))
	}
}

func (e *env) flare(id string) {
	e.Helper()
	for {
		if m := e.flares.next(); m.payload == id {
			return
		}
	}
}

// end waits until the broker has ended the connection.
func (c *client) end() ended {
	c.e.Helper()
	select {
	case d := <-c.down:
		return d
	case <-time.After(patience):
		c.e.Fatalf("%s: the broker did not end the connection", c.id)
		return ended{}
	}
}

// wantEnd wants the broker's DISCONNECT with a code, which 3.1.1 has not.
func (c *client) wantEnd(code byte) ended {
	c.e.Helper()
	d := c.end()
	if c.version == v5 && d.code != code {
		c.e.Errorf("%s: DISCONNECT %#x (%s, %v), want %#x", c.id, d.code, d.reason, d.err, code)
	}
	return d
}

// ackAll acknowledges in order.
func ackAll(messages []message) {
	for _, m := range messages {
		m.ack()
	}
}

// numbered makes payloads: prefix-1 to prefix-n.
func numbered(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%d", prefix, i+1)
	}
	return list
}

// answered waits for the answer to a publish.
func answered(t testing.TB, r <-chan result) result {
	t.Helper()
	select {
	case got := <-r:
		return got
	case <-time.After(patience):
		t.Fatal("a publish was not answered")
		return result{}
	}
}

// unanswered proves that the answer is held back.
func unanswered(t testing.TB, r <-chan result) {
	t.Helper()
	select {
	case got := <-r:
		t.Fatalf("a publish was answered (%+v), want it held back", got)
	case <-time.After(silence):
	}
}
