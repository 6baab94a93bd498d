package tenants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/broker"
	"gridmq/control/namespace"
	"gridmq/control/resource"
	"gridmq/delivery"
	"gridmq/identity"
	"gridmq/internal/bubble"
	"gridmq/mqtt"
	"gridmq/route"
	"gridmq/route/lifecycle"
	"gridmq/store/memory"
)

// A parish is a namespace, plant, whose life-cycle events go to the topic life.
type parish struct {
	*testing.T
	*Tenants
	store *memory.Store
	plane *delivery.Plane
	log   strings.Builder
}

func newParish(t *testing.T, ours string) *parish {
	t.Helper()
	st := memory.New(memory.Options{})
	t.Cleanup(func() { st.Close() })
	plane, err := delivery.Open(st, delivery.Options{Render: route.Renderer{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plane.Close() })
	if err := errors.Join(plane.SetTopic("plant", delivery.Topic{Name: "life", Retention: delivery.MinRetention}),
		plane.SetSubscription("plant", "life", delivery.Subscription{Name: "all", Created: 1, MaxDeliveryCount: 1, Lock: 5 * time.Minute})); err != nil {
		t.Fatal(err)
	}
	p := &parish{T: t, store: st, plane: plane}
	p.Tenants = New(Options{Limits: func(*namespace.Namespace) broker.Limits { return broker.StandardLimits() }, Events: plane, Logger: slog.New(slog.NewTextHandler(&p.log, nil))})
	t.Cleanup(p.Close)
	p.configure(ours)
	return p
}

func (p *parish) configure(ours string) {
	p.Helper()
	kinds := resource.Kinds(resource.Rules{})
	kind := kinds[slices.IndexFunc(kinds, func(k *resource.Kind) bool { return k.Name == resource.Namespaces })]
	noun, err := kind.Load("plant", []byte(`{"properties":{"gridmq":{"lifecycleEvents":{"topic":"life"`+ours+`}}}}`))
	if err != nil {
		p.Fatal(err)
	}
	p.Apply(resource.Change{Kind: resource.Namespaces, Name: "plant", New: &resource.Resource{Kind: kind, Name: "plant", Noun: noun}})
}

// told are the events since the last call: type, without what all have, subject and reason.
func (p *parish) told() (list []string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	if err := p.store.Sync(ctx); err != nil { // only then can events be received
		p.Fatal(err)
	}
	for {
		got, err := p.plane.Stream("plant", "life").Queue("all").Receive(ctx, 100, 0)
		if err != nil {
			p.Fatal(err)
		}
		if len(got) == 0 {
			return list
		}
		for _, d := range got {
			var data struct {
				DisconnectionReason string
				SequenceNumber      uint64
			}
			if err := json.Unmarshal(d.Event.Data, &data); err != nil {
				p.Fatal(err)
			}
			text := strings.TrimPrefix(d.Event.Type, "Microsoft.EventGrid.MQTTClient") + " " + d.Event.Subject
			if data.SequenceNumber > 0 {
				text += fmt.Sprint(" ", data.SequenceNumber)
			}
			list = append(list, strings.TrimSpace(text+" "+data.DisconnectionReason))
		}
	}
}

func (p *parish) want(list ...string) {
	p.Helper()
	if got := p.told(); !slices.Equal(got, list) {
		p.Errorf("told %q, want %q", got, list)
	}
}

func visit(id string, epoch uint64) broker.Visit {
	return broker.Visit{Namespace: "plant", ClientID: id, Identity: &broker.Identity{Name: "press"}, Epoch: epoch}
}

// client changes a client resource, as the applier of a running server does.
func (p *parish) client(name string, there bool) {
	r := &resource.Resource{Name: name, Noun: &identity.Client{Name: name, AuthenticationName: name}}
	c := resource.Change{Namespace: "plant", Kind: clientKind, Name: name, New: r}
	if !there {
		c.Old, c.New = r, nil
	}
	p.herald.changed(p.tenant("plant"), c)
}

// Sessions are told at once and in order; a client's changes after their window, the last
// one only, and those of clients whose names differ in spelling apart.
func TestHerald(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := newParish(t, "")
		for i := range 3 {
			p.Connected(visit("a", uint64(2*i+1)))
			p.Connected(visit("b", uint64(i+1)))
			p.Disconnected(visit("a", uint64(2*i+1)), "keep_alive", nil)
		}
		p.Disconnected(broker.Visit{Namespace: "elsewhere", ClientID: "x", Identity: &broker.Identity{}}, "shutdown", nil)
		p.client("press", true)
		time.Sleep(3 * time.Second)
		p.client("press", true)
		p.client("Press", true)
		p.client("Press", false)
		synctest.Wait()
		const a, b = "clients/press/sessions/a ", "clients/press/sessions/b "
		p.want("SessionConnected "+a+"1", "SessionConnected "+b+"1", "SessionDisconnected "+a+"1 ClientError",
			"SessionConnected "+a+"3", "SessionConnected "+b+"2", "SessionDisconnected "+a+"3 ClientError",
			"SessionConnected "+a+"5", "SessionConnected "+b+"3", "SessionDisconnected "+a+"5 ClientError")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		p.want("CreatedOrUpdated clients/press")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		p.want("Deleted clients/Press")
		p.client("press", false)
		p.Close() // nothing waits for the end of its window then
		p.want("Deleted clients/press")
		p.Connected(visit("late", 1))
		if n := p.Lifecycle().Dropped.Load(); n != 1 {
			t.Errorf("%d dropped after the end", n)
		}
	})
}

// Only what was asked for is told.
func TestHeraldSelects(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := newParish(t, `,"includedEventTypes":["Microsoft.EventGrid.MQTTClientSessionDisconnected"]`)
		p.Connected(visit("a", 1))
		p.Disconnected(visit("a", 1), "taken_over", nil)
		p.client("press", true)
		p.Close()
		p.want("SessionDisconnected clients/press/sessions/a 1 SessionTakenOver")
		if c := p.config(p.tenant("plant")); !c.RememberConnections {
			t.Error("the broker does not remember who is connected")
		}
		p.configure(`,"includedEventTypes":["Microsoft.EventGrid.MQTTClientSessionConnected"]`)
		if c := p.config(p.tenant("plant")); c.RememberConnections {
			t.Error("the broker remembers who is connected, for nobody")
		}
	})
}

// At the bound notices are dropped, counted and logged once; nobody waits. What a crash
// has ended is told all the same.
func TestHeraldOverflows(t *testing.T) {
	p := newParish(t, "")
	h := &p.herald
	h.mu.Lock()
	h.running = true // but it is not: it is slow
	h.mu.Unlock()
	for i := range mostNotices + 3 {
		p.Connected(visit("a", uint64(i+1)))
	}
	p.Disconnected(visit("b", 7), broker.Crashed, nil)
	if n := p.Lifecycle().Dropped.Load(); n != 3 || strings.Count(p.log.String(), "were dropped") != 1 {
		t.Errorf("%d dropped; log: %s", n, p.log.String())
	}
	p.want("SessionDisconnected clients/press/sessions/b 7 ServerError")
	h.mu.Lock()
	h.running, h.waiting = false, nil
	h.mu.Unlock()
}

// A topic that is gone, or full, costs events and nothing else.
func TestHeraldLoses(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := newParish(t, "")
		if err := p.plane.DeleteTopic("plant", "life"); err != nil {
			t.Fatal(err)
		}
		p.Connected(visit("a", 1))
		synctest.Wait()
		if n := p.Lifecycle().NoTopic.Load(); n != 1 {
			t.Errorf("%d events for no topic", n)
		}
		p.Apply(resource.Change{Kind: resource.Namespaces, Name: "plant", Old: p.tenant("plant").resource.Load()})
		p.Connected(visit("a", 2)) // nobody's
		p.Close()
		if l := p.Lifecycle(); l.Dropped.Load()+l.Refused.Load() != 0 || l.NoTopic.Load() != 1 {
			t.Error("counted what nobody wanted")
		}
	})
}

// Each word of the broker has its reason: mqtt-protocol.md, section 10.
func TestDisconnectionReason(t *testing.T) {
	refusal := func(c mqtt.Code) error { return fmt.Errorf("read: %w", &mqtt.Error{Op: "receive", Code: c}) }
	for _, tt := range []struct {
		why  string
		err  error
		want lifecycle.Reason
	}{
		{"client_disconnect", nil, lifecycle.ClientInitiatedDisconnect},
		{"closed", nil, lifecycle.ClientInitiatedDisconnect},
		{"connection_lost", errors.New("EOF"), lifecycle.ConnectionLost},
		{"protocol_error", refusal(mqtt.MalformedPacket), lifecycle.ClientError},
		{"protocol_error", refusal(mqtt.NotAuthorized), lifecycle.ClientAuthorizationError},
		{"protocol_error", refusal(mqtt.ReceiveMaximumExceeded), lifecycle.QuotaExceeded},
		{"protocol_error", refusal(mqtt.QuotaExceeded), lifecycle.QuotaExceeded},
		{"protocol_error", errors.New("what"), lifecycle.ServerError},
		{"keep_alive", nil, lifecycle.ClientError},
		{"taken_over", nil, lifecycle.SessionTakenOver},
		{"shutdown", nil, lifecycle.ServerInitiatedDisconnect},
		{"administrative", nil, lifecycle.ServerInitiatedDisconnect},
		{"queue_overflow", nil, lifecycle.SessionOverflow},
		{"authentication", nil, lifecycle.ClientAuthenticationError},
		{"authentication", refusal(mqtt.NotAuthorized), lifecycle.ClientAuthenticationError},
		{"address", nil, lifecycle.IPForbidden},
		{"authorization", nil, lifecycle.ClientAuthorizationError},
		{"authorization", refusal(mqtt.NotAuthorized), lifecycle.ClientAuthorizationError},
		{"store_error", nil, lifecycle.ServerError},
		{broker.Crashed, nil, lifecycle.ServerError},
	} {
		if got := disconnectionReason(tt.why, tt.err); got != tt.want {
			t.Errorf("%s, %v: %v, want %v", tt.why, tt.err, got, tt.want)
		}
	}
}

// BenchmarkHerald is what a connection pays for being told of.
func BenchmarkHerald(b *testing.B) {
	n := newTenant(New(Options{}), "plant")
	h := &herald{}
	h.open(n.t)
	h.running = true
	b.ReportAllocs()
	for b.Loop() {
		h.add(notice{n: n})
		if len(h.waiting) > keepNotices {
			h.waiting = h.waiting[:0]
		}
	}
}
