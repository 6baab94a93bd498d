package broker

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/listener"
	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/faulty"
	"gridmq/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// A house is a broker on a store that can fail, crash and start again.
type house struct {
	t      tb
	b      *Broker
	st     *faulty.Store
	inner  store.Store
	limits Limits
	auth   Authorizer
	who    Authenticator
	router Router
	seen   Observer // nil: nobody
	keep   bool     // RememberConnections
	exempt Exempt
}

// build starts a house with one namespace, "test", that allows everything.
func build(t tb, change ...func(*Limits)) *house {
	h := &house{t: t, inner: memory.New(memory.Options{}), limits: StandardLimits(), auth: AllowAll{}, who: AllowAll{}}
	h.limits.ReconnectRate = 0 // the clients of tests do nothing else; see patient
	for _, f := range change {
		f(&h.limits)
	}
	h.st = faulty.New(h.inner)
	h.start()
	return h
}

func newHouse(t testing.TB, change ...func(*Limits)) *house {
	h := build(t, change...)
	t.Cleanup(h.close)
	return h
}

func (h *house) start() {
	h.t.Helper()
	var err error
	h.b, err = New(Options{Store: h.st, Namespaces: []NamespaceConfig{{
		Name: "test", Limits: h.limits, Authenticator: h.who, Authorizer: h.auth, Router: h.router, RememberConnections: h.keep, Exempt: h.exempt,
	}}, Observer: h.seen})
	if err != nil {
		h.t.Fatalf("New: %v", err)
	}
}

func (h *house) ns() *namespace { return h.b.all()["test"] }

// stop ends the broker as an operator does.
func (h *house) stop() {
	h.t.Helper()
	if err := h.b.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
		h.t.Errorf("Close: %v", err)
	}
}

// close ends everything.
func (h *house) close() {
	h.stop()
	if err := h.inner.Close(); err != nil {
		h.t.Errorf("close the store: %v", err)
	}
}

// restart ends the broker and starts it again.
func (h *house) restart() {
	h.t.Helper()
	h.stop()
	h.st = faulty.New(h.inner)
	h.start()
}

// crash ends the broker as a power cut does: from now on nothing is stored.
func (h *house) crash() {
	h.t.Helper()
	h.st.Crash(errors.New("power cut"))
	h.restart()
}

// A device is a client that does what it is told, and nothing by itself.
type device struct {
	t    tb
	nc   net.Conn
	v    mqtt.Version
	in   []byte
	kept []any         // what came before a SUBACK
	gone chan struct{} // closed when the broker is done with the connection
	id   uint16
}

// dial opens a connection without a CONNECT.
func (h *house) dial(v mqtt.Version) *device { return h.dialSize(v, 64<<10) }

func (h *house) dialSize(v mqtt.Version, size int) *device { return h.dialIn("test", v, size) }

// dialTo opens a connection to another namespace.
func (h *house) dialTo(namespace string) *device { return h.dialIn(namespace, mqtt.V5, 64<<10) }

func (h *house) dialIn(namespace string, v mqtt.Version, size int) *device {
	server, client := listener.NewPipeSize(size)
	d := &device{t: h.t, nc: client, v: v, gone: make(chan struct{})}
	b := h.b
	go func() {
		defer close(d.gone)
		for next := b.Serve(server, Peer{Namespace: namespace, Transport: "pipe"}); next != nil; {
			next = next()
		}
	}()
	return d
}

// A wish changes a CONNECT.
type wish func(*mqtt.Connect)

func clean(p *mqtt.Connect) { p.CleanStart = true }

func expiry(seconds uint32) wish {
	return func(p *mqtt.Connect) {
		p.Properties.SessionExpiryInterval = seconds
		p.Properties.Mark(mqtt.PropSessionExpiryInterval)
	}
}

func keepAlive(seconds uint16) wish { return func(p *mqtt.Connect) { p.KeepAlive = seconds } }

func receiveMaximum(n uint16) wish {
	return func(p *mqtt.Connect) {
		p.Properties.ReceiveMaximum = n
		p.Properties.Mark(mqtt.PropReceiveMaximum)
	}
}

func lastWill(topic, payload string, delay uint32) wish {
	return func(p *mqtt.Connect) {
		p.Will = &mqtt.Will{Topic: topic, Payload: []byte(payload), QoS: 1}
		if delay > 0 {
			p.Will.Properties.WillDelayInterval = delay
			p.Will.Properties.Mark(mqtt.PropWillDelayInterval)
		}
	}
}

// connect opens a connection and logs in, which must succeed.
func (h *house) connect(id string, wishes ...wish) *device {
	h.t.Helper()
	return h.dial(mqtt.V5).login(id, wishes...)
}

func (d *device) login(id string, wishes ...wish) *device {
	d.t.Helper()
	if ack := d.tryLogin(id, wishes...); ack.Code != mqtt.Success {
		d.t.Fatalf("connect %q: %v", id, ack.Code)
	}
	return d
}

func (d *device) tryLogin(id string, wishes ...wish) *mqtt.Connack {
	d.t.Helper()
	p := mqtt.Connect{Version: d.v, ClientID: id}
	for _, w := range wishes {
		w(&p)
	}
	d.send(p.Append(nil))
	return want[*mqtt.Connack](d)
}

func (d *device) send(b []byte) {
	d.t.Helper()
	if _, err := d.nc.Write(b); err != nil {
		d.t.Fatalf("write: %v", err)
	}
}

// A received PUBLISH, with its own memory.
type delivered struct {
	Topic, Payload      string
	QoS                 byte
	Dup, Retain         bool
	ID                  uint16
	Expiry              uint32
	SubIDs              []uint32
	Alias               uint16
	HasAlias, HasExpiry bool
}

// patience is how long read waits for a packet.
const patience = 5 * time.Second

var errQuiet = errors.New("nothing came")

// read returns the next packet: *mqtt.Connack, *delivered, *mqtt.Ack ...
func (d *device) read(wait time.Duration) (any, error) {
	if len(d.kept) > 0 {
		p := d.kept[0]
		d.kept = d.kept[1:]
		return p, nil
	}
	buf := make([]byte, 4096)
	for {
		h, err := mqtt.ReadHeader(d.in, 0)
		if err == nil && h.Total() <= len(d.in) {
			body := d.in[h.Size:h.Total()]
			d.in = d.in[h.Total():]
			return d.decode(h, body)
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		_ = d.nc.SetReadDeadline(time.Now().Add(wait))
		n, err := d.nc.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, errQuiet
		}
		if err != nil {
			return nil, err
		}
		d.in = append(d.in, buf[:n]...)
	}
}

func (d *device) decode(h mqtt.Header, body []byte) (any, error) {
	switch h.Type {
	case mqtt.CONNACK:
		return mqtt.ReadConnack(d.v, body)
	case mqtt.SUBACK:
		return mqtt.ReadSuback(d.v, body)
	case mqtt.UNSUBACK:
		return mqtt.ReadUnsuback(d.v, body)
	case mqtt.DISCONNECT:
		return mqtt.ReadDisconnect(d.v, body)
	case mqtt.AUTH:
		return mqtt.ReadAuth(d.v, body)
	case mqtt.PINGRESP:
		return mqtt.PINGRESP, nil
	case mqtt.PUBLISH:
		var p mqtt.Publish
		if err := p.Read(d.v, h.Flags, body); err != nil {
			return nil, err
		}
		m := &delivered{Topic: string(p.Topic), Payload: string(p.Payload), QoS: p.QoS, Dup: p.Dup, Retain: p.Retain,
			ID: p.PacketID, Alias: p.Alias, HasAlias: p.HasAlias, Expiry: p.Expiry, HasExpiry: p.HasExpiry}
		if d.v == mqtt.V5 {
			props, err := p.Properties()
			if err != nil {
				return nil, err
			}
			m.SubIDs = props.SubscriptionIdentifiers
		}
		return m, nil
	}
	var a mqtt.Ack
	err := a.Read(d.v, h.Type, body)
	return &a, err
}

// want reads a packet that must be a P.
func want[P any](d *device) P {
	d.t.Helper()
	got, err := d.read(patience)
	p, ok := got.(P)
	if !ok {
		d.t.Fatalf("got %v (%v), want %T", show(got), err, p)
	}
	return p
}

func show(p any) any {
	switch p := p.(type) {
	case *delivered:
		return *p
	case *mqtt.Ack:
		return *p
	case *mqtt.Disconnect:
		return p.Code
	}
	return p
}

// quiet checks that nothing comes.
func (d *device) quiet(wait time.Duration) {
	d.t.Helper()
	if p, err := d.read(wait); err != errQuiet {
		d.t.Fatalf("got %v (%v), want nothing", show(p), err)
	}
}

// ended checks that the broker closes the connection and, with 5.0, says why.
func (d *device) ended(code mqtt.Code) {
	d.t.Helper()
	for {
		p, err := d.read(patience)
		if p, ok := p.(*mqtt.Disconnect); ok {
			if p.Code != code {
				d.t.Fatalf("DISCONNECT %v, want %v", p.Code, code)
			}
			<-d.gone
			return
		}
		if err != nil {
			d.t.Fatalf("got %v (%v), want DISCONNECT %v", show(p), err, code)
		}
	}
}

func (d *device) nextID() uint16 {
	d.id++
	return d.id
}

// subscribe subscribes at QoS 2 and returns the code.
func (d *device) subscribe(filter string, change ...func(*mqtt.Subscribe)) mqtt.Code {
	d.t.Helper()
	p := mqtt.Subscribe{PacketID: d.nextID(), Subscriptions: []mqtt.Subscription{{Filter: filter, QoS: 2}}}
	for _, f := range change {
		f(&p)
	}
	d.send(p.Append(nil, d.v))
	var kept []any
	for {
		got, err := d.read(patience)
		switch got := got.(type) {
		case *delivered: // messages may come first, section 3.8.4
			kept = append(kept, got)
		case *mqtt.Suback:
			d.kept = kept
			return got.Codes[0]
		default:
			d.t.Fatalf("got %v (%v), want SUBACK", show(got), err)
		}
	}
}

func atQoS(qos byte) func(*mqtt.Subscribe) {
	return func(p *mqtt.Subscribe) { p.Subscriptions[0].QoS = qos }
}

func (d *device) unsubscribe(filter string) mqtt.Code {
	d.t.Helper()
	p := mqtt.Unsubscribe{PacketID: d.nextID(), Filters: []string{filter}}
	d.send(p.Append(nil, d.v))
	return want[*mqtt.Unsuback](d).Codes[0]
}

// A text is a message to publish.
type text struct {
	topic, payload string
	qos            byte
	retain         bool
	expiry         uint32
	id             uint16 // 0: the next one
	dup            bool
	props          string // encoded
}

// put sends a PUBLISH and does not wait.
func (d *device) put(m text) uint16 {
	d.t.Helper()
	o := mqtt.Out{Version: d.v, QoS: m.qos, Retain: m.retain, HasExpiry: m.expiry > 0, Expiry: m.expiry, Dup: m.dup}
	if m.qos > 0 {
		if o.PacketID = m.id; m.id == 0 {
			o.PacketID = d.nextID()
		}
	}
	d.send(mqtt.AppendPublish(nil, &mqtt.Message{Topic: m.topic, Payload: []byte(m.payload), Props: []byte(m.props)}, &o))
	return o.PacketID
}

// publish sends a PUBLISH and sees it through. It returns the code of the
// first acknowledgement.
func (d *device) publish(m text) mqtt.Code {
	d.t.Helper()
	id := d.put(m)
	if m.qos == 0 {
		return mqtt.Success
	}
	a := want[*mqtt.Ack](d)
	if a.PacketID != id {
		d.t.Fatalf("%v for %d, want %d", a.Type, a.PacketID, id)
	}
	if m.qos == 2 && !a.Code.IsError() {
		d.ack(mqtt.PUBREL, id)
		if b := want[*mqtt.Ack](d); b.Type != mqtt.PUBCOMP || b.Code != mqtt.Success {
			d.t.Fatalf("got %v %v, want PUBCOMP", b.Type, b.Code)
		}
	}
	return a.Code
}

func (d *device) ack(t mqtt.Type, id uint16) {
	d.t.Helper()
	d.send(mqtt.AppendAck(nil, d.v, t, id, mqtt.Success, ""))
}

// receive reads a PUBLISH and sees it through.
func (d *device) receive() *delivered {
	d.t.Helper()
	m := want[*delivered](d)
	d.finish(m)
	return m
}

// finish acknowledges a message.
func (d *device) finish(m *delivered) {
	d.t.Helper()
	switch m.QoS {
	case 1:
		d.ack(mqtt.PUBACK, m.ID)
	case 2:
		d.ack(mqtt.PUBREC, m.ID)
		if a := want[*mqtt.Ack](d); a.Type != mqtt.PUBREL {
			d.t.Fatalf("got %v, want PUBREL", a.Type)
		}
		d.ack(mqtt.PUBCOMP, m.ID)
	}
}

// receives checks the payloads of the next messages, in order.
func (d *device) receives(payloads ...string) {
	d.t.Helper()
	for _, p := range payloads {
		if m := d.receive(); m.Payload != p {
			d.t.Fatalf("received %q, want %q", m.Payload, p)
		}
	}
}

// receivesOf is receives for messages of a shared group, whose order is nobody's
// promise (section 4.6): two goroutines may hand them out.
func (d *device) receivesOf(payloads ...string) {
	d.t.Helper()
	var got []string
	for range payloads {
		got = append(got, d.receive().Payload)
	}
	if slices.Sort(got); !slices.Equal(got, payloads) {
		d.t.Fatalf("received %q, want %q in any order", got, payloads)
	}
}

// disconnect leaves with a DISCONNECT and waits until the broker is done.
func (d *device) disconnect(code mqtt.Code, expiry ...uint32) {
	d.t.Helper()
	p := mqtt.Disconnect{Code: code}
	if len(expiry) > 0 {
		p.Properties.SessionExpiryInterval = expiry[0]
		p.Properties.Mark(mqtt.PropSessionExpiryInterval)
	}
	d.send(p.Append(nil, d.v))
	<-d.gone
	_ = d.nc.Close()
}

// lose drops the connection and waits until the broker is done.
func (d *device) lose() {
	_ = d.nc.Close()
	<-d.gone
}

// watch is a client that sees everything that is published, at QoS 1.
func (h *house) watch(filter string) *device {
	h.t.Helper()
	d := h.connect("watch "+cmp.Or(filter, "#"), clean)
	d.subscribe(cmp.Or(filter, "#"), atQoS(1))
	return d
}

// eventually waits until ok says yes.
func eventually(t tb, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

func (h *house) session(id string) *mailbox {
	ns := h.ns()
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.sessions[id]
}

func repeat(s string, n int) string { return strings.Repeat(s, n) }
