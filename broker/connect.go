package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/topic"
)

// connect reads and answers CONNECT. With an error the connection has been
// answered and must be closed. Order of checks: spec/mqtt-protocol.md 2.7.
func (c *conn) connect() error {
	ns := c.b.namespace(c.peer.Namespace)
	if ns == nil {
		return fmt.Errorf("no namespace %q", c.peer.Namespace)
	}
	c.ns, c.limits = ns, ns.limits.Load()
	p, rest, err := c.readConnect()
	if p != nil {
		c.v, c.v5, c.clientMax = p.Version, p.Version == mqtt.V5, p.Properties.MaximumPacketSize
		c.bridge = p.BridgeMode
		if e := ns.exemption(p.ClientID); e != nil {
			c.limits = &e.Limits
		}
	}
	began := time.Now() // a CONNECT may be long in coming
	if p != nil {
		c.tapConnect(p)
	}
	if err != nil {
		return c.refuse(err)
	}
	c.client, c.username = p.ClientID, p.Username
	c.problems = !p.Properties.Has(mqtt.PropRequestProblemInformation) || p.Properties.RequestProblemInformation == 1
	if err := c.check(p); err != nil {
		return c.refuse(err)
	}
	c.limitRates()
	if err := ns.mayConnect(p.ClientID); err != nil {
		return c.refuse(err)
	}
	revision := ns.authorizer.Revision()
	if err := c.authenticate(p); err != nil {
		return c.refuse(err)
	}
	c.tapAllowed()
	if err := ns.mayReconnect(c.id.Load().Name, p.ClientID); err != nil {
		return c.refuse(err)
	}
	assigned := p.ClientID == ""
	if assigned {
		p.ClientID = rand.Text()
	}
	c.client = p.ClientID
	will, err := c.willOf(p)
	if err != nil {
		return c.refuse(err)
	}
	c.max = c.limits.MaximumPacketSize
	present, err := ns.attach(c, p, will)
	if err != nil {
		return c.refuse(err)
	}
	if present {
		ns.enforce(c.x, c.id.Load())
	}
	ack := c.connack(p, assigned, present)
	c.username, c.early = "", nil
	c.begin(p, ack)
	c.b.metrics.connecting.WithLabelValues(protocolLabel(c.v)).Observe(time.Since(began).Seconds())
	c.limitLife()
	if ns.authorizer.Revision() != revision { // whoever looked for live clients has missed this one
		ns.review(c)
	}
	_ = c.nc.SetReadDeadline(time.Time{})
	c.rest = rest
	return nil
}

// begin starts the session's part of the connection: CONNACK is the first
// packet [MQTT-3.2.0-1], whatever waits for the client follows it.
func (c *conn) begin(p *mqtt.Connect, ack mqtt.Connack) {
	keep := p.KeepAlive
	if ack.Properties.Has(mqtt.PropServerKeepAlive) {
		keep = ack.Properties.ServerKeepAlive
	} else if most := c.limits.KeepAliveMaximum; most > 0 && (keep == 0 || keep > most) {
		keep = most // 3.1.1 cannot be told
	}
	c.watch(keep)
	c.b.metrics.connected(c.peer.Transport, c.v)
	x := c.x
	x.mu.Lock()
	if x.conn != c { // taken over before it began
		x.mu.Unlock()
		return
	}
	x.exempt = c.ns.exemption(x.clientID)
	x.s.SetBounds(x.limits().Queue)
	x.s.Connect(c.options(p))
	x.s.Write(ack.Append(nil, c.v))
	c.greeted, c.flushing = true, true
	c.b.serving.Add(1)
	x.writeOut(c) // in the same breath, or a take-over could get in between
	c.ns.dispatchShared(x)
}

// readConnect reads the first packet within the time and size allowed, and
// returns what was read behind it.
func (c *conn) readConnect() (p *mqtt.Connect, rest []byte, err error) {
	_ = c.nc.SetReadDeadline(time.Now().Add(c.limits.ConnectTimeout))
	if err := c.nc.Wait(); err != nil {
		return nil, nil, err
	}
	lent := readBuffers.Get().(*buffer)
	defer readBuffers.Put(lent)
	mem, n := lent.b, 0
	for {
		m, err := c.nc.Read(mem[n:])
		if n += m; m == 0 && err != nil {
			return nil, nil, err
		}
		h, err := mqtt.ReadHeader(mem[:n], c.limits.ConnectBytes)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			continue
		case err != nil:
			return nil, nil, err
		case h.Type != mqtt.CONNECT: // [MQTT-3.1.0-1]
			return nil, nil, protocolError("receive "+h.Type.String(), mqtt.ProtocolError, "the first packet must be CONNECT")
		case h.Total() <= n:
			p, err := mqtt.ReadConnect(mem[h.Size:h.Total()])
			return p, append([]byte(nil), mem[h.Total():n]...), err
		case h.Total() > len(mem):
			mem = append(make([]byte, 0, h.Total()), mem[:n]...)[:h.Total()]
		}
	}
}

// refuse answers CONNECT with the error's code and returns the error. Where the
// standard has no answer (3.1.1, malformed) the connection is only closed.
func (c *conn) refuse(err error) error {
	c.tapRefused(err)
	var e *mqtt.Error
	code := mqtt.ServerUnavailable
	if errors.As(err, &e) {
		code = e.Code
	} else if c.v == 0 {
		return err // nothing was understood, or the connection is lost
	}
	if c.v == 0 || code == mqtt.MalformedPacket && !c.v5 || code == mqtt.ProtocolError && !c.v5 {
		if !(c.v == 0 && code == mqtt.UnsupportedProtocolVersion) {
			return err
		}
	}
	v := c.v
	if v != mqtt.V311 && v != mqtt.V5 { // [MQTT-3.1.2-2]: 3.1.1 and its elders know code 1
		v = mqtt.V311
		if c.v > mqtt.V5 {
			v = mqtt.V5
		}
	}
	ack := mqtt.Connack{Code: code}
	if v == mqtt.V5 && c.problems && e != nil {
		ack.Properties.ReasonString = reasonText(e)
		ack.Properties.Mark(mqtt.PropReasonString)
	}
	if done, werr := c.push(mqtt.AppendFit(nil, v, c.clientMax, &ack)); werr == nil && !done {
		_ = c.nc.Drain(2 * time.Second)
	}
	return err
}

// check judges the fields of CONNECT against the limits of the namespace.
func (c *conn) check(p *mqtt.Connect) error {
	l := c.limits
	if p.ClientID == "" && !p.CleanStart && !c.v5 { // [MQTT-3.1.3-8] of 3.1.1
		return protocolError("connect", mqtt.ClientIdentifierNotValid, "an empty client identifier needs a clean session")
	}
	if l.ClientIDBytes > 0 && len(p.ClientID) > l.ClientIDBytes {
		return protocolError("connect", mqtt.ClientIdentifierNotValid, fmt.Sprintf("the client identifier has more than %d bytes", l.ClientIDBytes))
	}
	if strings.HasPrefix(p.ClientID, "\x00") {
		return protocolError("connect", mqtt.ClientIdentifierNotValid, "control characters")
	}
	if p.Properties.Has(mqtt.PropAuthenticationData) && !p.Properties.Has(mqtt.PropAuthenticationMethod) {
		return protocolError("connect", mqtt.ProtocolError, "authentication data without a method")
	}
	if p.Properties.Has(mqtt.PropAuthenticationMethod) { // [MQTT-4.12.0-1]
		if m, ok := c.ns.authenticator.(MethodAuthenticator); !ok || !m.Method(p.Properties.AuthenticationMethod) {
			return protocolError("connect", mqtt.BadAuthenticationMethod, "this namespace has no such authentication method")
		}
	}
	return nil
}

// willOf checks and keeps the will [MQTT-3.1.2-7].
func (c *conn) willOf(p *mqtt.Connect) (*session.Will, error) {
	if p.Will == nil {
		return nil, nil
	}
	w, l := p.Will, c.limits
	if err := topic.ValidName(w.Topic); err != nil {
		return nil, protocolError("connect", mqtt.TopicNameInvalid, "will topic: "+err.Error())
	}
	if err := l.refuseTopic(w.Topic); err != nil {
		return nil, err
	}
	if topic.IsSystem(w.Topic) {
		return nil, protocolError("connect", mqtt.NotAuthorized, "will topic: "+onlyWeTell)
	}
	if w.QoS > l.MaximumQoS { // [MQTT-3.2.2-12]
		return nil, protocolError("connect", mqtt.QoSNotSupported, "will QoS is above the Maximum QoS")
	}
	if w.Retain && l.RetainedBytes > 0 && len(w.Payload) > l.RetainedBytes {
		return nil, protocolError("connect", mqtt.QuotaExceeded, "the will is too large to be retained")
	}
	if v := c.ns.mayPublish(c.id.Load(), w.Topic); v.Code.IsError() {
		return nil, protocolError("connect", v.Code, "will topic: "+v.Reason)
	}
	out := &session.Will{Message: mqtt.Message{Topic: w.Topic, QoS: w.QoS, Retain: w.Retain, Payload: w.Payload}}
	if c.v5 {
		out.Message.Props = willProps(&w.Properties)
		out.Delay = w.Properties.WillDelayInterval
		if most := l.WillDelayMaximum; most > 0 {
			out.Delay = min(out.Delay, most)
		}
		if w.Properties.Has(mqtt.PropMessageExpiryInterval) {
			out.Expiry = w.Properties.MessageExpiryInterval
			if out.Expiry == 0 && !l.ExpiryZeroNever {
				out.Expiry = 1 // it must reach those who are there when it is published
			}
		}
	}
	return out, nil
}

func (l *Limits) refuseTopic(name string) error {
	if l.MaximumTopicBytes > 0 && len(name) > l.MaximumTopicBytes {
		return protocolError("use topic", mqtt.TopicNameInvalid, fmt.Sprintf("it has more than %d bytes", l.MaximumTopicBytes))
	}
	if l.MaximumTopicLevels > 0 && topic.Levels(name) > l.MaximumTopicLevels {
		return protocolError("use topic", mqtt.TopicNameInvalid, fmt.Sprintf("it has more than %d levels", l.MaximumTopicLevels))
	}
	return nil
}

// options negotiates the connection (section 3.1.2.11).
func (c *conn) options(p *mqtt.Connect) session.Options {
	l := c.limits
	o := session.Options{Version: c.v, SendMaximum: l.SendMaximum, SendBytes: l.SendBytes, AliasIn: l.TopicAliasIn,
		Pacer: c.newPacer()}
	if !c.v5 {
		return o
	}
	o.ReceiveMaximum = l.ReceiveMaximum
	if p.Properties.Has(mqtt.PropReceiveMaximum) && (o.SendMaximum == 0 || p.Properties.ReceiveMaximum < o.SendMaximum) {
		o.SendMaximum = p.Properties.ReceiveMaximum
	}
	if p.Properties.Has(mqtt.PropMaximumPacketSize) {
		o.MaximumPacketSize = p.Properties.MaximumPacketSize
	}
	if p.Properties.Has(mqtt.PropTopicAliasMaximum) {
		o.AliasOut = min(p.Properties.TopicAliasMaximum, l.TopicAliasOut)
	}
	return o
}

// connack announces what we allow: spec/mqtt-protocol.md section 9.
func (c *conn) connack(p *mqtt.Connect, assigned, present bool) mqtt.Connack {
	ack := mqtt.Connack{SessionPresent: present}
	if !c.v5 {
		return ack
	}
	l, o := c.limits, &ack.Properties
	if l.MaximumQoS < 2 {
		o.MaximumQoS = l.MaximumQoS
		o.Mark(mqtt.PropMaximumQoS)
	}
	if l.MaximumPacketSize > 0 {
		o.MaximumPacketSize = l.MaximumPacketSize
		o.Mark(mqtt.PropMaximumPacketSize)
	}
	if l.TopicAliasIn > 0 {
		o.TopicAliasMaximum = l.TopicAliasIn
		o.Mark(mqtt.PropTopicAliasMaximum)
	}
	if l.ReceiveMaximum > 0 {
		o.ReceiveMaximum = l.ReceiveMaximum
		o.Mark(mqtt.PropReceiveMaximum)
	}
	if asked := p.Properties.SessionExpiryInterval; asked != c.expiry {
		o.SessionExpiryInterval = c.expiry
		o.Mark(mqtt.PropSessionExpiryInterval)
	}
	if most := l.KeepAliveMaximum; most > 0 && (p.KeepAlive == 0 || p.KeepAlive > most) {
		o.ServerKeepAlive = most
		o.Mark(mqtt.PropServerKeepAlive)
	}
	if assigned { // [MQTT-3.2.2-16]
		o.AssignedClientIdentifier = p.ClientID
		o.Mark(mqtt.PropAssignedClientIdentifier)
	}
	if p.Properties.Has(mqtt.PropAuthenticationMethod) {
		o.AuthenticationMethod = p.Properties.AuthenticationMethod
		o.Mark(mqtt.PropAuthenticationMethod)
	}
	return ack
}
