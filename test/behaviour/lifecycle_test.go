package behaviour

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	manage "gridmq/control/client"
	"gridmq/internal/authority"
	"gridmq/mqtt"
)

// Life-cycle events, as somebody receives them who subscribes to their topic. Source:
// spec/lifecycle-events.md.

const lifeType = "Microsoft.EventGrid.MQTTClient"

// A lifeEvent is what events have in common.
type lifeEvent struct {
	ID, Type, Source, Subject, Time string
	Data                            struct {
		NamespaceName, ClientAuthenticationName, ClientSessionName, DisconnectionReason, ClientName, State string
		CreatedOn, UpdatedOn                                                                               string
		SequenceNumber                                                                                     uint64
		Attributes                                                                                         object
	}
}

// A consumer of life-cycle events believes what section 5 says that it may.
type consumer struct {
	testing.TB
	desk func() *desk
	last map[string]uint64 // sequence number by subject
	here map[string]bool
	seen map[string]bool // ids
}

func newConsumer(t testing.TB, d func() *desk) *consumer {
	return &consumer{t, d, map[string]uint64{}, map[string]bool{}, map[string]bool{}}
}

// next receives the next event, and checks it against those before.
func (c *consumer) next() (e lifeEvent) {
	c.Helper()
	text := c.desk().next("life", "all")
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		c.Fatalf("%v: %s", err, text)
	}
	d := &e.Data
	if at, err := time.Parse(time.RFC3339, e.Time); err != nil || time.Since(at) > time.Minute || c.seen[e.ID] ||
		!strings.HasPrefix(e.Source, "/subscriptions/") || !strings.HasSuffix(e.Source, "/namespaces/"+d.NamespaceName) {
		c.Errorf("event %s", text)
	}
	c.seen[e.ID] = true
	if d.ClientSessionName != "" && e.Subject != "clients/"+d.ClientAuthenticationName+"/sessions/"+d.ClientSessionName {
		c.Errorf("subject of %s", text)
	}
	switch strings.TrimPrefix(e.Type, lifeType) {
	case "SessionConnected":
		if d.SequenceNumber <= c.last[e.Subject] || c.here[e.Subject] {
			c.Errorf("after %d, here %v: %s", c.last[e.Subject], c.here[e.Subject], text)
		}
		c.last[e.Subject], c.here[e.Subject] = d.SequenceNumber, true
	case "SessionDisconnected":
		if d.SequenceNumber != c.last[e.Subject] || !c.here[e.Subject] {
			c.Errorf("after %d, here %v: %s", c.last[e.Subject], c.here[e.Subject], text)
		}
		c.here[e.Subject] = false
	}
	return e
}

// comes wants a connection, of the client press-1.
func (c *consumer) comes(session string) {
	c.Helper()
	if e := c.next(); e.Type != lifeType+"SessionConnected" || e.Data.ClientSessionName != session {
		c.Errorf("%s of %s (%s), want the connection of %s", e.Type, e.Subject, e.Data.DisconnectionReason, session)
	}
}

// goes wants the end of one, and why.
func (c *consumer) goes(session, why string) {
	c.Helper()
	if e := c.next(); e.Type != lifeType+"SessionDisconnected" || e.Data.ClientSessionName != session || e.Data.DisconnectionReason != why {
		c.Errorf("%s of %s (%s), want the end of %s, %s", e.Type, e.Subject, e.Data.DisconnectionReason, session, why)
	}
}

const sessionsOnly = `"` + lifeType + `SessionConnected","` + lifeType + `SessionDisconnected"`

// alive makes the namespace plant, whose events of these types go to a topic.
func alive(t *testing.T, types string) (*siege, *consumer) {
	t.Helper()
	s := besieged(t)
	s.open("plant", "", "")
	s.put("plant", "topics", "life", `{}`)
	queue := `{"properties":{"deliveryConfiguration":{"deliveryMode":"Queue"}}}`
	if _, _, _, err := s.plane.Put(t.Context(), place.ID("plant", "topics", "life", "eventSubscriptions", "all"), []byte(queue), manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	s.live(types, "")
	ca, err := localCA()
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, s.plane, "plant", s.house.addresses["wss"].Address, ca.CertFile)
	return s, newConsumer(t, func() *desk { return d })
}

// live asks for events; more are members of gridmq.
func (s *siege) live(types, more string) {
	s.Helper()
	s.open("plant", "", `"lifecycleEvents":{"topic":"life","includedEventTypes":[`+types+`]}`+more)
}

// TestLifecycleReasons: each way in which a connection ends has its reason.
func TestLifecycleReasons(t *testing.T) {
	t.Parallel()
	s, c := alive(t, sessionsOnly)
	if err := s.heed("plant", map[string]any{"crl": map[string]any{"pem": s.list(1)}}); err != nil {
		t.Fatal(err)
	}
	s.put("plant", "clients", "press-1", `{}`)
	press := func(id string) caller { return caller{ns: "plant", id: id, cert: s.badge("press-1")} }
	patch := func(body string) {
		t.Helper()
		if _, err := s.plane.Patch(t.Context(), place.ID("plant"), []byte(body), manage.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	var pub *raw
	for _, tt := range []struct {
		name, why string
		as        func(k *caller)
		end       func(r *raw, k caller)
	}{
		{"DISCONNECT", "ClientInitiatedDisconnect", nil, func(r *raw, _ caller) { r.write((&mqtt.Disconnect{}).Append(nil, mqtt.V5)) }},
		{"lost", "ConnectionLost", nil, func(r *raw, _ caller) { r.drop() }},
		{"bad packet", "ClientError", nil, func(r *raw, _ caller) { r.write([]byte{0xf8, 0}) }},
		{"wildcard topic", "ClientError", nil, func(r *raw, _ caller) { r.publish(0, 0, false, "devices/#", "") }},
		{"not authorized, QoS 0", "ClientAuthorizationError", nil, func(r *raw, _ caller) { r.publish(0, 0, false, "elsewhere", "") }},
		{"not authorized, 3.1.1", "ClientAuthorizationError", func(k *caller) { k.v3 = true }, func(r *raw, _ caller) { r.publish(1, 1, false, "elsewhere", "") }},
		{"keep alive", "ClientError", func(k *caller) { k.keep = 1 }, func(r *raw, _ caller) { r.wantEnd(mqtt.KeepAliveTimeout) }},
		{"kick", "ServerInitiatedDisconnect", nil, func(_ *raw, k caller) {
			if err := s.plane.Disconnect(t.Context(), "plant", k.id, "maintenance"); err != nil {
				t.Fatal(err)
			}
		}},
		{"session deleted", "ServerInitiatedDisconnect", func(k *caller) { k.durable = true }, func(_ *raw, k caller) {
			if _, err := s.plane.DeleteSession(t.Context(), "plant", k.id, "retired"); err != nil {
				t.Fatal(err)
			}
		}},
		{"revoked", "ClientAuthenticationError", nil, func(_ *raw, k caller) {
			if err := s.heed("plant", map[string]any{"crl": map[string]any{"pem": s.list(2, k.cert)}}); err != nil {
				t.Fatal(err)
			}
		}},
		{"disabled", "ClientAuthenticationError", nil, func(*raw, caller) {
			s.put("plant", "clients", "press-1", `{"state":"Disabled"}`)
			s.put("plant", "clients", "press-1", `{"state":"Enabled"}`)
		}},
		{"banned", "ClientAuthenticationError", nil, func(_ *raw, k caller) {
			if err := s.plane.Ban(t.Context(), "plant", "b", manage.Ban{ClientID: k.id}); err != nil {
				t.Fatal(err)
			}
		}},
		{"rights lost", "ClientAuthorizationError", nil, func(r *raw, _ caller) {
			r.to(0, "devices/press-1/#")
			if _, err := s.plane.Delete(t.Context(), place.ID("plant", "permissionBindings", "own-Subscriber"), manage.Condition{}); err != nil {
				t.Fatal(err)
			}
			s.live(sessionsOnly, "")
		}},
		{"queue full", "SessionOverflow", func(k *caller) { k.v3 = true }, func(r *raw, k caller) {
			r.to(1, "devices/press-1/#")
			r.wire.stall() // acknowledges nothing
			pub = s.enter(press("pub"))
			c.comes("pub")
			for i := range 20 { // more than four times its bound: at once
				pub.publish(1, uint16(i+1), false, "devices/press-1/x", "m")
			}
		}},
	} {
		k := press(strings.ReplaceAll(tt.name, " ", "-"))
		if tt.as != nil {
			tt.as(&k)
		}
		if tt.name == "queue full" {
			s.live(sessionsOnly, `,"limits":{"queue":{"messages":3,"policy":"terminate"},"hold_acknowledgements":"0s","send_maximum":1}`)
		}
		r := s.enter(k)
		c.comes(k.id)
		tt.end(r, k)
		c.goes(k.id, tt.why)
		r.drop()
	}
	s.live(sessionsOnly, "")
	pub.drop()
	c.goes("pub", "ConnectionLost")
	old := s.enter(press("main"))
	c.comes("main")
	s.enter(press("main"))
	old.wantEnd(mqtt.SessionTakenOver)
	c.goes("main", "SessionTakenOver")
	c.comes("main")
	patch(`{"properties":{"publicNetworkAccess":"Enabled","inboundIpRules":[{"ipMask":"10.0.0.0/8"}]}}`)
	if status, _ := s.closeFrame(press("x")); status != http.StatusSwitchingProtocols {
		t.Logf("kept out with %d", status) // nobody is told of it
	}
	patch(`{"properties":{"inboundIpRules":[]}}`)
	c.goes("main", "IpForbidden")
	if status, nc := s.closeFrame(press("browser")); status != http.StatusSwitchingProtocols {
		t.Errorf("WebSocket: %d", status)
	} else {
		defer nc.Close()
		c.comes("browser")
		c.goes("browser", "ClientInitiatedDisconnect")
	}
}

// closeFrame connects by WebSocket, and ends with a close frame instead of DISCONNECT.
func (s *siege) closeFrame(k caller) (status int, nc *tls.Conn) {
	s.Helper()
	trust, err := clientTLS()
	if err != nil {
		s.Fatal(err)
	}
	nc, err = tls.Dial("tcp", s.house.addresses["wss"].Address, k.config(trust))
	if err != nil {
		s.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(nc, "GET /mqtt HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", hostOf(k.ns))
	in := bufio.NewReader(nc)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		s.Fatal(err)
	}
	frame := func(op byte, payload []byte) []byte { // masked with zeros
		return append([]byte{0x80 | op, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		if _, err := nc.Write(frame(2, k.connect())); err != nil {
			s.Fatal(err)
		}
		if _, err := in.Peek(4); err != nil { // CONNACK, or the end
			return 0, nc
		}
		if _, err := nc.Write(frame(8, []byte{0x03, 0xe8})); err != nil {
			s.Fatal(err)
		}
	}
	return resp.StatusCode, nc
}

// TestLifecycleClients: changes of a client that follow each other closely are one
// event, of what it is in the end; in the schema that was asked for.
func TestLifecycleClients(t *testing.T) {
	t.Parallel()
	s, c := alive(t, `"`+lifeType+`CreatedOrUpdated","`+lifeType+`Deleted"`)
	begin := time.Now()
	s.put("plant", "clients", "press-1", `{}`)
	s.put("plant", "clients", "press-1", `{"state":"Disabled"}`)
	s.put("plant", "clients", "press-1", `{"state":"Disabled","attributes":{"hall":4}}`)
	s.put("plant", "clients", "press-2", `{}`)
	if _, err := s.plane.Delete(t.Context(), place.ID("plant", "clients", "press-2"), manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	e := c.next()
	if d := e.Data; e.Type != lifeType+"CreatedOrUpdated" || e.Subject != "clients/press-1" || d.ClientName != "press-1" || d.ClientAuthenticationName != "press-1" ||
		d.State != "Disabled" || d.Attributes["hall"] != 4.0 || d.CreatedOn >= d.UpdatedOn {
		t.Errorf("%+v", e)
	}
	if took := time.Since(begin); took < 4*time.Second {
		t.Errorf("told after %v: more changes might have come", took)
	}
	if e := c.next(); e.Type != lifeType+"Deleted" || e.Subject != "clients/press-2" {
		t.Errorf("%+v", e)
	}
	s.open("plant", "", `"lifecycleEvents":{"topic":"life","schema":"EventGrid"}`)
	s.put("plant", "clients", "press-1", `{}`)
	var grid struct {
		Type, Subject string
		Data          struct {
			EventType, Topic, Subject, DataVersion, MetadataVersion, EventTime string
			Data                                                               struct{ ClientName, State string }
		}
	}
	if err := json.Unmarshal([]byte(c.desk().next("life", "all")), &grid); err != nil {
		t.Fatal(err)
	}
	if d := grid.Data; grid.Type != lifeType+"CreatedOrUpdated" || d.EventType != grid.Type || d.Subject != grid.Subject || d.DataVersion != "1" ||
		d.MetadataVersion != "1" || d.Data.ClientName != "press-1" || d.Data.State != "Enabled" || !strings.HasSuffix(d.Topic, "/namespaces/plant") {
		t.Errorf("%+v", grid)
	}
}

// TestLifecycleRefused: the topic must exist, as long as events go to it.
func TestLifecycleRefused(t *testing.T) {
	t.Parallel()
	s, _ := alive(t, sessionsOnly)
	for members, field := range map[string]string{
		`"topic":"nowhere"`:                            "lifecycleEvents.topic",
		`"schema":"CloudEvents"`:                       "lifecycleEvents.topic",
		`"topic":"life","schema":"Cloudy"`:             "lifecycleEvents.schema",
		`"topic":"life","includedEventTypes":[]`:       "lifecycleEvents.includedEventTypes",
		`"topic":"life","includedEventTypes":["none"]`: "lifecycleEvents.includedEventTypes",
	} {
		body := fmt.Sprintf(`{"location":"local","properties":{"gridmq":{"lifecycleEvents":{%s}}}}`, members)
		if _, _, _, err := s.plane.Put(t.Context(), place.ID("plant"), []byte(body), manage.Condition{}); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v, want an error that names %s", members, err, field)
		}
	}
	if _, err := s.plane.Delete(t.Context(), place.ID("plant", "topics", "life"), manage.Condition{}); err == nil {
		t.Error("the topic of life-cycle events was deleted")
	}
}

// TestLifecycleStops: who is connected when the broker stops, in order or not, is told to
// be gone before anybody comes; sequence numbers go on.
func TestLifecycleStops(t *testing.T) {
	t.Parallel()
	y := &yard{env: &env{T: t, row: row{v5, "tls", "pebble"}}, dir: t.TempDir()}
	y.p = y.process(y.dir)
	f := &fleet{env: y.env, ns: "yard", plane: y.plane(), ca: newAuthority(y.env, "yard CA"), badges: map[string]*authority.Pair{}}
	f.configure(nil)
	f.trust("yard-ca", f.ca)
	f.client("press-1", object{})
	newDesk(t, f.plane, "yard", y.house.addresses["wss"].Address, y.ca()).topic("life", "all")
	f.configure(object{"gridmq": object{"hosts": []string{"localhost"}, "lifecycleEvents": object{"topic": "life",
		"includedEventTypes": []string{lifeType + "SessionConnected", lifeType + "SessionDisconnected"}}}})
	trust, err := clientTLS()
	if err != nil {
		t.Fatal(err)
	}
	var d *desk
	c := newConsumer(t, func() *desk { return d })
	enter := func(k caller) *raw {
		t.Helper()
		cfg := trust.Clone()
		cfg.InsecureSkipVerify, cfg.ServerName, cfg.Certificates = true, "localhost", []tls.Certificate{f.badges["press-1"].TLS()}
		nc, err := tls.Dial("tcp", y.house.addresses["mqtts"].Address, cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := &raw{e: y.env, id: k.id, v: mqtt.V5, wire: newWire(nc), packets: make(chan packet, 1<<8)}
		t.Cleanup(r.drop)
		go r.read() // until the connection ends
		r.write(k.connect())
		if p := r.next(); p.Type != mqtt.CONNACK || p.body[1] != 0 {
			t.Fatalf("%s: %v %x", k.id, p.Type, p.body)
		}
		return r
	}
	for _, end := range []struct {
		signal syscall.Signal
		why    string
	}{{syscall.SIGKILL, "ServerError"}, {syscall.SIGTERM, "ServerInitiatedDisconnect"}, {syscall.SIGKILL, "ServerError"}} {
		d = newDesk(t, y.plane(), "yard", y.house.addresses["wss"].Address, y.ca())
		for _, id := range []string{"durable", "transient"} {
			enter(caller{id: id, durable: id == "durable"})
			c.comes(id)
		}
		enter(caller{id: "gone"}).drop()
		c.comes("gone")
		c.goes("gone", "ConnectionLost")
		y.p.signal(end.signal)
		y.p = y.process(y.dir)
		d = newDesk(t, y.plane(), "yard", y.house.addresses["wss"].Address, y.ca())
		enter(caller{id: "next"}) // after those that have ended
		for range 2 {
			e := c.next()
			if e.Type != lifeType+"SessionDisconnected" || e.Data.DisconnectionReason != end.why || e.Data.ClientAuthenticationName != "press-1" {
				t.Errorf("after signal %d: %+v", end.signal, e)
			}
		}
		c.comes("next")
		enter(caller{id: "next"})
		c.goes("next", "SessionTakenOver")
		c.comes("next")
		if code := y.p.signal(syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d", code)
		}
		y.p = y.process(y.dir)
		d = newDesk(t, y.plane(), "yard", y.house.addresses["wss"].Address, y.ca())
		c.goes("next", "ServerInitiatedDisconnect")
	}
	for subject, here := range c.here {
		if here {
			t.Errorf("%s was not told to be gone", subject)
		}
	}
}
