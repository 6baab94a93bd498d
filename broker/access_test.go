package broker

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/identity"
	"gridmq/mqtt"
)

// A porter knows everybody by user name, and what is forbidden.
type porter struct {
	mu       sync.Mutex
	revision uint64
	denied   []string // filters and topics
	expelled string   // the name of who must go
	life     time.Duration
	renewed  int
}

func (p *porter) Authenticate(_ context.Context, l Login) (*Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := &Identity{Name: l.Connect.Username, Principal: &identity.Principal{Name: l.Connect.Username}}
	if p.life > 0 {
		id.Principal.Expires = time.Now().Add(p.life)
	}
	return id, nil
}

func (p *porter) Method(name string) bool { return name == "TOKEN" }

func (p *porter) Renew(ctx context.Context, l Login, old *Identity) (*Identity, error) {
	if string(l.Connect.Properties.AuthenticationData) != "good" {
		return nil, &mqtt.Error{Op: "renew", Code: mqtt.NotAuthorized}
	}
	p.renewed++
	l.Connect.Username = old.Name
	return p.Authenticate(ctx, l)
}

func (p *porter) Review(_ string, _ Peer, id *Identity) Judgement {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.expelled != "" && id.Name == p.expelled {
		return Judgement{End: mqtt.NotAuthorized, Reason: "expelled"}
	}
	return Judgement{Changed: true}
}

func (p *porter) verdict(what string) Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(p.denied, what) {
		return Verdict{Code: mqtt.NotAuthorized, Reason: "denied"}
	}
	return Verdict{}
}

func (p *porter) Publish(_ *Identity, topic string) Verdict    { return p.verdict(topic) }
func (p *porter) Subscribe(_ *Identity, filter string) Verdict { return p.verdict(filter) }

func (p *porter) Revision() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.revision
}

// change changes the configuration as the server does.
func (p *porter) change(h *house, f func()) {
	p.mu.Lock()
	f()
	p.revision++
	p.mu.Unlock()
	h.b.Reexamine("test", nil)
}

// guarded runs a test in virtual time with a porter.
func guarded(t *testing.T, f func(t *testing.T, h *house, p *porter), change ...func(*Limits)) {
	virtual(t, func(t *testing.T, h *house) {
		p := &porter{}
		h.stop()
		h.who, h.auth = p, p
		h.start()
		f(t, h, p)
	}, change...)
}

func user(name string) wish {
	return func(p *mqtt.Connect) { p.HasUsername, p.Username = true, name }
}

// A client whose subscription loses its grant is told 0x87, and gets nothing more
// of it: neither what was queued nor what comes.
func TestGrantWithdrawn(t *testing.T) {
	guarded(t, func(t *testing.T, h *house, p *porter) {
		d := h.connect("d", user("d"), expiry(1000), receiveMaximum(1))
		d.subscribe("secret", atQoS(1))
		d.subscribe("open", atQoS(1))
		pub := h.connect("pub", clean)
		for _, topic := range []string{"secret", "secret", "open"} {
			pub.publish(text{topic: topic, qos: 1, payload: topic})
		}
		d.receive() // is not acknowledged: the others wait
		p.change(h, func() { p.denied = []string{"secret"} })
		d.ended(mqtt.NotAuthorized)
		pub.publish(text{topic: "secret", qos: 1, payload: "later"})
		d = h.connect("d", user("d"), expiry(1000))
		d.receives("open")
		d.quiet(time.Second)
		if code := d.subscribe("secret", atQoS(1)); code != mqtt.NotAuthorized {
			t.Errorf("SUBSCRIBE again: %v, want %v", code, mqtt.NotAuthorized)
		}
	})
}

// The same for a session that is away, over a crash: it is looked at when its
// client comes back.
func TestGrantWithdrawnAway(t *testing.T) {
	for _, how := range []string{"stays", "restart", "crash"} {
		t.Run(how, func(t *testing.T) {
			guarded(t, func(t *testing.T, h *house, p *porter) {
				d := h.connect("d", user("d"), expiry(1000))
				d.subscribe("secret/#", atQoS(1))
				d.subscribe("open", atQoS(1))
				d.lose()
				pub := h.connect("pub", clean)
				pub.publish(text{topic: "secret/a", qos: 1, payload: "secret"})
				pub.publish(text{topic: "open", qos: 1, payload: "open"})
				p.change(h, func() { p.denied = []string{"secret/#"} })
				switch how {
				case "restart":
					h.restart()
				case "crash":
					h.crash()
				}
				d = h.connect("d", user("d"), expiry(1000))
				d.receives("open")
				d.quiet(time.Second)
				if how == "crash" { // right after it was withdrawn
					h.crash()
					d = h.connect("d", user("d"), expiry(1000))
					d.quiet(time.Second)
				}
			})
		})
	}
}

// Who may not be here any more goes; the others do not notice.
func TestExpelled(t *testing.T) {
	guarded(t, func(t *testing.T, h *house, p *porter) {
		a, b := h.connect("a", user("a")), h.connect("b", user("b"))
		p.change(h, func() { p.expelled = "a" })
		a.ended(mqtt.NotAuthorized)
		b.subscribe("t")
	})
}

// A PUBLISH asks again after a change.
func TestPublishGrantWithdrawn(t *testing.T) {
	guarded(t, func(t *testing.T, h *house, p *porter) {
		d := h.connect("d", user("d"))
		d.publish(text{topic: "t", qos: 1})
		p.change(h, func() { p.denied = []string{"t"} })
		if code := d.publish(text{topic: "t", qos: 1}); code != mqtt.NotAuthorized {
			t.Errorf("PUBLISH: %v, want %v", code, mqtt.NotAuthorized)
		}
	})
}

// The connection ends with the credential, unless it is renewed in time (section
// 4.12.1).
func TestCredentialExpires(t *testing.T) {
	method := func(p *mqtt.Connect) {
		p.Properties.AuthenticationMethod = "TOKEN"
		p.Properties.Mark(mqtt.PropAuthenticationMethod)
	}
	auth := func(method, data string) []byte {
		a := mqtt.Auth{Code: mqtt.ReAuthenticate}
		a.Properties.AuthenticationMethod, a.Properties.AuthenticationData = method, []byte(data)
		a.Properties.Mark(mqtt.PropAuthenticationMethod)
		a.Properties.Mark(mqtt.PropAuthenticationData)
		return a.Append(nil, mqtt.V5)
	}
	tests := map[string]struct {
		wishes []wish
		sends  []byte
		code   mqtt.Code // of the end
		why    cause
		at     time.Duration
	}{
		"expires":              {nil, nil, mqtt.NotAuthorized, causeIdentity, time.Minute},
		"renewed":              {[]wish{method}, auth("TOKEN", "good"), mqtt.NotAuthorized, causeIdentity, 90 * time.Second},
		"bad data":             {[]wish{method}, auth("TOKEN", "bad"), mqtt.NotAuthorized, causeIdentity, 30 * time.Second},  // [MQTT-4.12.1-2]
		"another method":       {[]wish{method}, auth("OTHER", "good"), mqtt.ProtocolError, causeProtocol, 30 * time.Second}, // [MQTT-4.12.1-1]
		"without having begun": {nil, auth("TOKEN", "good"), mqtt.ProtocolError, causeProtocol, 30 * time.Second},            // [MQTT-4.12.0-6]
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			guarded(t, func(t *testing.T, h *house, p *porter) {
				p.life = time.Minute
				h.stop()
				seen := newDiary(t)
				h.seen = seen
				h.start()
				start := time.Now()
				d := h.connect("d", append(tt.wishes, user("d"), keepAlive(0))...)
				if tt.sends != nil {
					time.Sleep(30 * time.Second)
					d.send(tt.sends)
					if name == "renewed" {
						if a := want[*mqtt.Auth](d); a.Code != mqtt.Success || a.Properties.AuthenticationMethod != "TOKEN" {
							t.Fatalf("AUTH: %+v", a)
						}
					}
				}
				<-d.gone
				after(t, start, tt.at)
				d.ended(tt.code)
				synctest.Wait()
				seen.expect(t, "+d", "-d "+string(tt.why))
			})
		})
	}
}

// Rates of the profile azure.
func TestRates(t *testing.T) {
	t.Run("CONNECT of a session", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.connect("d")
			if ack := h.dial(mqtt.V5).tryLogin("d"); ack.Code != mqtt.ConnectionRateExceeded {
				t.Errorf("at once again: %v, want %v", ack.Code, mqtt.ConnectionRateExceeded)
			}
			h.connect("other")
			time.Sleep(time.Second)
			h.connect("d")
		}, func(l *Limits) { l.SessionConnectRate = 1 })
	})
	t.Run("CONNECTs of many sessions are counted in bounded memory", func(t *testing.T) {
		var r namespaceRates
		for i := range int64(3 * maxConnecting) {
			r.session(i, strconv.FormatInt(i, 10)).take(i, 1, 1)
		}
		if n := len(r.sessions); n > maxConnecting {
			t.Errorf("%d sessions are remembered, want at most %d", n, maxConnecting)
		}
	})
	t.Run("CONNECT of the namespace", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			h.connect("a")
			h.connect("b")
			if ack := h.dial(mqtt.V5).tryLogin("c"); ack.Code != mqtt.ConnectionRateExceeded {
				t.Errorf("the third: %v, want %v", ack.Code, mqtt.ConnectionRateExceeded)
			}
		}, func(l *Limits) { l.ConnectRate = 2 })
	})
	t.Run("SUBSCRIBE", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			d := h.connect("d")
			d.subscribe("a")
			if code := d.subscribe("b"); code != mqtt.QuotaExceeded {
				t.Errorf("the second: %v, want %v", code, mqtt.QuotaExceeded)
			}
			time.Sleep(time.Second)
			if code := d.subscribe("b"); code.IsError() {
				t.Errorf("a second later: %v", code)
			}
		}, func(l *Limits) { l.SessionSubscribeRate = 1 })
	})
	publish := func(l *Limits) { l.SessionPublishRate, l.PublishBytes = 3, 100 }
	t.Run("PUBLISH", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			d, sub := h.connect("d"), h.watch("#")
			for n, want := range []mqtt.Code{mqtt.NoMatchingSubscribers, 0, 0, mqtt.QuotaExceeded} {
				if want == mqtt.NoMatchingSubscribers {
					want = mqtt.Success
				}
				if code := d.publish(text{topic: "t", qos: 1, payload: "x"}); code != want {
					t.Errorf("PUBLISH %d: %v, want %v", n+1, code, want)
				}
			}
			d.put(text{topic: "t", payload: "lost"}) // QoS 0 is dropped and the connection goes on
			time.Sleep(time.Second)
			if code := d.publish(text{topic: "t", qos: 1, payload: strings.Repeat("x", 90)}); code != mqtt.Success {
				t.Errorf("a second later: %v", code)
			}
			if code := d.publish(text{topic: "t", qos: 1, payload: strings.Repeat("x", 90)}); code != mqtt.QuotaExceeded {
				t.Errorf("too many bytes: %v, want %v", code, mqtt.QuotaExceeded)
			}
			sub.receives("x", "x", "x", strings.Repeat("x", 90))
		}, publish)
	})
	t.Run("PUBLISH of 3.1.1 waits", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			d, sub := h.dial(mqtt.V311).login("d", clean), h.watch("#")
			start := time.Now()
			for range 5 {
				d.publish(text{topic: "t", qos: 1, payload: "x"})
			}
			if took := time.Since(start); took < 500*time.Millisecond || took > time.Second {
				t.Errorf("five messages at 3 a second took %v", took)
			}
			sub.receives("x", "x", "x", "x", "x")
		}, publish)
	})
}

// Namespaces come and go without touching each other.
func TestTenancy(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		other := NamespaceConfig{Name: "other", Limits: StandardLimits(), Authenticator: AllowAll{}, Authorizer: AllowAll{}}
		if err := h.b.Open(other); err != nil {
			t.Fatal(err)
		}
		if err := h.b.Open(other); err == nil {
			t.Errorf("opened twice")
		}
		in := func(id string) *device {
			d := h.dialTo("other")
			return d.login(id, expiry(1000))
		}
		here, there := h.connect("d", expiry(1000)), in("d")
		here.subscribe("t", atQoS(1))
		there.subscribe("t", atQoS(1))
		in("pub").publish(text{topic: "t", qos: 1, payload: "there"})
		there.receives("there")
		here.quiet(time.Second)
		if err := h.b.SetEnabled("other", false); err != nil {
			t.Fatal(err)
		}
		there.ended(mqtt.AdministrativeAction)
		if ack := h.dialTo("other").tryLogin("d"); ack.Code != mqtt.ServerUnavailable {
			t.Errorf("CONNECT to a namespace that is disabled: %v", ack.Code)
		}
		if err := h.b.SetEnabled("other", true); err != nil {
			t.Fatal(err)
		}
		there = in("d")
		if err := h.b.Remove(t.Context(), "other"); err != nil {
			t.Fatal(err)
		}
		there.ended(mqtt.AdministrativeAction)
		if err := h.b.Open(other); err != nil {
			t.Fatal(err)
		}
		if ack := h.dialTo("other").tryLogin("d", expiry(1000)); ack.Code != mqtt.Success || ack.SessionPresent {
			t.Errorf("CONNECT to the namespace made again: %+v, want a new session", ack)
		}
		if here.publish(text{topic: "x", qos: 1}); h.session("d") == nil {
			t.Errorf("the other namespace was touched")
		}
		synctest.Wait()
	})
}
