package behaviour

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	mqtt3 "github.com/eclipse/paho.mqtt.golang"

	manage "gridmq/control/client"
	"gridmq/internal/authority"
)

// A door is the way into a namespace, and what is shown there.
type door struct {
	badge *authority.Pair
	sni   string // server name of TLS; "-": none
	host  string // Host of a WebSocket request; empty: the address
}

// open opens a connection for MQTT.
func (f *fleet) open(d door) (*wire, error) {
	f.arrive()
	trust, err := clientTLS()
	if err != nil {
		return nil, err
	}
	cfg := trust.Clone()
	cfg.ServerName = d.sni
	if d.sni == "-" {
		cfg.ServerName = "127.0.0.1" // addresses are not sent
	}
	cfg.InsecureSkipVerify = true // of the name only: it chooses the namespace, and is in no certificate
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: trust.RootCAs, DNSName: "localhost"})
		return err
	}
	if d.badge != nil {
		cfg.Certificates = []tls.Certificate{d.badge.TLS()}
	}
	at := f.house.addresses[listenerOf[f.transport]]
	if f.transport == "wss" {
		header := http.Header{}
		if d.host != "" {
			header.Set("Host", d.host)
		}
		nc, err := mqtt3.NewWebsocket(at.URL, cfg, patience, header, nil)
		if err != nil {
			return nil, err
		}
		return newWire(nc), nil
	}
	nc, err := (&tls.Dialer{Config: cfg}).DialContext(f.Context(), "tcp", at.Address)
	if err != nil {
		return nil, err
	}
	return newWire(nc), nil
}

// through connects through a door; the client is nil when it is refused.
func (f *fleet) through(d door, l login) (*client, result) {
	f.Helper()
	w, err := f.open(d)
	if err != nil {
		f.Fatalf("dial %s: %v", f.transport, err)
	}
	c := &client{e: f.env, version: f.version, id: l.id, wire: w, in: make(chan message, 1<<14), down: make(chan ended, 4)}
	if f.version == v5 {
		c.driver = &driver5{c: c}
	} else {
		c.driver = &driver3{c: c}
	}
	f.Cleanup(c.stop)
	var r result
	if c.present, r = c.driver.connect(l); r.err != nil || r.code != 0 {
		c.stop()
		return nil, r
	}
	return c, r
}

// tryEnter connects a client of the registry with its certificate. Without an id in
// the login its name is the client identifier.
func (f *fleet) tryEnter(name string, l login) (*client, result) {
	f.Helper()
	if l.id == "" {
		l.id = name
	}
	return f.through(door{badge: f.badges[name], sni: f.ns + "." + fleetDomain}, l)
}

// enter is tryEnter for one that must be let in.
func (f *fleet) enter(name string, l login) *client {
	f.Helper()
	c, r := f.tryEnter(name, l)
	if c == nil {
		f.Fatalf("%s is not let in: code %#x %q, %v; the operator sees: %s", name, r.code, r.reason, r.err, f.refusal(cmp.Or(l.id, name)))
	}
	return c
}

// speaking is the same fleet with clients of another version.
func (f *fleet) speaking(version int) *fleet {
	other, e := *f, *f.env
	e.version = version
	other.env, other.probes = &e, map[string]*client{}
	return &other
}

// notAuthorized is the refusal of CONNECT in either version.
func (f *fleet) notAuthorized() byte {
	if f.version == v5 {
		return 0x87
	}
	return 5
}

// refusal is what the operator sees of the latest refusal of a client identifier.
func (f *fleet) refusal(id string) string {
	list, err := f.plane.Refused(context.WithoutCancel(f.Context()), f.ns, 0)
	if err != nil {
		f.Errorf("list of refusals: %v", err)
	}
	for _, one := range list {
		if one.ClientID == id {
			return one.Code + " " + one.Reason
		}
	}
	return ""
}

// away waits until the broker knows that a client identifier is not connected.
func (f *fleet) away(id string) {
	f.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		s, err := f.plane.Session(f.Context(), f.ns, id)
		if manage.IsNotFound(err) || err == nil && !s.Connected {
			return
		}
		if err != nil || time.Now().After(end) {
			f.Fatalf("session %s: connected %+v, %v", id, s, err)
		}
	}
}

// wantRefusal wants a refused CONNECT on the operator's list, with its code and reason.
func (f *fleet) wantRefusal(id, code, reason string) {
	f.Helper()
	want, got := code+" ", ""
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if got = f.refusal(id); strings.HasPrefix(got, want) && strings.Contains(got, reason) {
			return
		}
		if time.Now().After(end) {
			f.Errorf("refusals of %s: the latest is %q, want %s and %q", id, got, code, reason)
			return
		}
	}
}
