package broker

import (
	"context"

	"gridmq/mqtt"
)

// authenticate finds out who sent CONNECT.
func (c *conn) authenticate(p *mqtt.Connect) error {
	if c.ns.disabled.Load() {
		return protocolError("connect", mqtt.ServerUnavailable, "the MQTT broker of this namespace is disabled")
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.limits.ConnectTimeout)
	defer cancel()
	id, err := c.ns.authenticator.Authenticate(ctx, Login{Namespace: c.ns.name, Peer: c.peer, Connect: p})
	if err != nil {
		return err
	}
	c.id.Store(id)
	if p.Properties.Has(mqtt.PropAuthenticationMethod) {
		c.method = p.Properties.AuthenticationMethod
	}
	return nil
}

// limitLife ends the connection with its credential. A later one, by AUTH, takes
// the place of the earlier.
func (c *conn) limitLife() {
	c.b.deadlines.remove(c.renewal)
	c.renewal = nil
	ends := c.id.Load().expires()
	if ends.IsZero() {
		return
	}
	c.renewal = c.b.deadlines.add(ends.UnixMilli(), func(int64) int64 {
		c.endSaying(mqtt.NotAuthorized, causeIdentity, "the credential has expired")
		return 0
	})
}

// authenticated handles AUTH: a client shows a new credential on a connection
// that began with an authentication method (section 4.12.1). What it sent before
// is done under the old one; what it sends after waits for the answer.
func (c *conn) authenticated(body []byte) error {
	a, err := mqtt.ReadAuth(c.v, body)
	if err != nil {
		return err
	}
	again, ok := c.ns.authenticator.(MethodAuthenticator)
	switch {
	case c.method == "" || !ok: // [MQTT-4.12.0-6]
		return protocolError("receive AUTH", mqtt.ProtocolError, "the connection did not begin with an authentication method")
	case a.Properties.AuthenticationMethod != c.method: // [MQTT-4.12.1-1]
		return protocolError("receive AUTH", mqtt.ProtocolError, "the authentication method is another than at CONNECT")
	case a.Code != mqtt.ReAuthenticate:
		return protocolError("receive AUTH", mqtt.ProtocolError, "nothing is to be continued: want re-authenticate")
	}
	p := &mqtt.Connect{Version: c.v, ClientID: c.client, Properties: a.Properties}
	ctx, cancel := context.WithTimeout(context.Background(), c.limits.ConnectTimeout)
	defer cancel()
	id, err := again.Renew(ctx, Login{Namespace: c.ns.name, Peer: c.peer, Connect: p}, c.id.Load())
	if err != nil { // [MQTT-4.12.1-2]
		c.why.CompareAndSwap(causeLost, causeIdentity) // unless somebody ends it meanwhile
		return err
	}
	c.id.Store(id)
	c.allowed.valid = false
	c.limitLife()
	if denied := c.ns.enforce(c.x, id); len(denied) > 0 {
		c.why.CompareAndSwap(causeLost, causeRights)
		return protocolError("receive AUTH", mqtt.NotAuthorized, lostGrant(denied))
	}
	answer := mqtt.Auth{Code: mqtt.Success}
	answer.Properties.AuthenticationMethod = c.method
	answer.Properties.Mark(mqtt.PropAuthenticationMethod)
	return c.own(func(x *mailbox) { x.s.Write(answer.Append(nil, c.v)) })
}
