package conformance

import (
	"testing"
)

// Section 4.12. What needs an authentication that succeeds asks the harness
// for credentials.
var auth5 = map[string]test{
	"4.12.0-1": failedCheck,
	"4.12.0-4": refusesAuthentication,
	"4.12.0-5": repeatsMethod,
	"4.12.0-6": noMethodUnasked,
	"4.12.0-7": authWithoutMethod,
	"4.12.1-1": all(authWithoutMethod, reauthenticationMethod),
	"4.12.1-2": all(authWithoutMethod, reauthenticationFails),
}

func auth(code int, method, data string) []byte {
	return packet(0xF0, code, v5.props(propAuthMethod, str(method), propAuthData, str(data)))
}

func refusesAuthentication(t *testing.T, v version) {
	for _, method := range []string{"no-such-method", "OAUTH2-JWT", "CUSTOM-JWT", "SCRAM-SHA-1"} {
		c := dial(t, v)
		c.send(connect{id: name(t), props: cat(propAuthMethod, str(method), propAuthData, str("wrong"))}.encode(v))
		for _, p := range c.drain() { // ends with the connection
			if p.first != 0x20 || p.code() < 0x80 {
				t.Errorf("method %s: got %v, want a refusal", method, p)
			}
		}
	}
}

// authenticated connects with the credentials of the harness.
func authenticated(t *testing.T, v version) (c *conn, method, data string) {
	t.Helper()
	method, data = credentials(t)
	c = open(t, v, connect{props: cat(propAuthMethod, str(method), propAuthData, str(data))})
	return c, method, data
}

func repeatsMethod(t *testing.T, v version) {
	c, method, data := authenticated(t, v)
	if got, _ := c.limits().get(propAuthMethod); got != method {
		t.Errorf("CONNACK has the method %q, want %q", got, method)
	}
	c.send(auth(0x19, method, data))
	p := c.want(0xF0)
	if got, _ := c.properties(p, 1).get(propAuthMethod); got != method {
		t.Errorf("got %v with the method %q, want %q", p, got, method)
	}
}

func noMethodUnasked(t *testing.T, v version) {
	user, password := "user", "password"
	for _, p := range []connect{{}, {user: &user, password: &password}} {
		c := open(t, v, p) // wants a CONNACK first, so no AUTH
		for _, prop := range c.limits() {
			if prop.id == propAuthMethod || prop.id == propAuthData {
				t.Errorf("CONNACK has the property %02x", prop.id)
			}
		}
		c.alive()
	}
}

func authWithoutMethod(t *testing.T, v version) {
	for _, p := range [][]byte{auth(0x18, "m", "d"), auth(0x19, "m", "d"), {0xF0, 0x00}} {
		c := open(t, v, connect{})
		c.send(p)
		c.dropped(0x82, 0x81, 0x8C, 0x87)
	}
}

func reauthenticationMethod(t *testing.T, v version) {
	c, method, data := authenticated(t, v)
	c.send(auth(0x19, method, data))
	if p := c.want(0xF0); p.body[0] != 0 {
		t.Errorf("got %v, want success", p)
	}
	c.send(auth(0x19, method+"x", data))
	c.dropped(0x82, 0x8C, 0x87)
}

func reauthenticationFails(t *testing.T, v version) {
	c, method, data := authenticated(t, v)
	c.send(auth(0x19, method, "x"+data[1:]))
	c.dropped(0x87, 0x8C)
}

func authFits(t *testing.T, v version) {
	method, data := credentials(t)
	const most = 60
	c := open(t, v, connect{props: cat(propAuthMethod, str(method), propAuthData, str(data), propMaximumPacketSize, u32(most))})
	c.send(auth(0x19, method, data))
	c.wantFits(c.want(0xF0), most)
}
