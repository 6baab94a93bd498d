package tenants

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gridmq/broker"
	"gridmq/delivery"
	"gridmq/identity"
	"gridmq/mqtt"
	"gridmq/route"
	"gridmq/store"
	"gridmq/store/faulty"
	"gridmq/store/memory"
)

// A routed tenant has a plane with the topic "telemetry" and the queue "all".
type routedTenant struct {
	*tenant
	plane *delivery.Plane
	st    *faulty.Store
}

func newRoutedTenant(t testing.TB, enrichments string) *routedTenant {
	t.Helper()
	inner := memory.New(memory.Options{})
	st := faulty.New(inner)
	plane, err := delivery.Open(st, delivery.Options{Render: route.Renderer{}, Limits: delivery.Limits{TopicBytes: 64 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plane.Close(); _ = inner.Close() })
	r := &routedTenant{plane: plane, st: st}
	r.topic(t, "telemetry", 1)
	c, err := route.Read(route.Documents{Namespace: "plant", Topic: "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plant/topics/Telemetry",
		Enrichments: []byte(enrichments)})
	if err != nil {
		t.Fatal(err)
	}
	table, err := route.Compile("plant", c)
	if err != nil {
		t.Fatal(err)
	}
	all := New(Options{})
	to := &router{namespace: "plant", table: table, plane: plane, stats: &all.routing, log: all.log}
	to.streams.Store(&map[route.Destination]*delivery.Stream{})
	r.tenant = newTenant(all, "plant")
	r.router.Store(to)
	return r
}

func (r *routedTenant) topic(t testing.TB, name string, created uint64) {
	t.Helper()
	if err := r.plane.SetTopic("plant", delivery.Topic{Name: name, Retention: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := r.plane.SetSubscription("plant", name, delivery.Subscription{Name: "all", Created: created, MaxDeliveryCount: 10, Lock: time.Minute}); err != nil {
		t.Fatal(err)
	}
}

func press7() *broker.Identity {
	return &broker.Identity{Name: "press-7", Principal: &identity.Principal{Name: "Press-7", Attributes: identity.Attributes{
		"hall": identity.Integer(4), "kind": identity.Text("press"), "sensors": identity.List("thermal", "acoustic"), "old": identity.Boolean(true)}}}
}

const someEnrichments = `{"dynamic":[{"key":"who","value":"${client.authenticationName}"},{"key":"hall","value":"${client.attributes.hall}"},
	{"key":"kind","value":"${client.attributes.kind}"},{"key":"sensors","value":"${client.attributes.sensors}"},{"key":"old","value":"${client.attributes.old}"},
	{"key":"none","value":"${client.attributes.none}"}]}`

// Attributes of a client come into the event as they are: spec/routing.md, section 4.
func TestRouteAttributes(t *testing.T) {
	r := newRoutedTenant(t, someEnrichments)
	if ticket, err := r.Route(&mqtt.Message{Topic: "a", Payload: []byte("x"), Published: 1}, press7(), nil); err != nil || ticket == 0 {
		t.Fatalf("%v, %v", ticket, err)
	}
	got, err := r.plane.Stream("plant", "telemetry").Queue("all").Receive(t.Context(), 1, time.Second)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	const want = `"who":"Press-7","hall":4,"kind":"press","sensors":"thermal,acoustic","old":true,"none":""`
	if text := string(got[0].Event.AppendJSON(nil)); !strings.Contains(text, want) {
		t.Errorf("%s\nlacks %s", text, want)
	}
}

// A topic that is deleted loses messages, counted; one that is made again has them.
func TestRouteToTopicThatGoes(t *testing.T) {
	r := newRoutedTenant(t, "")
	m, stats := &mqtt.Message{Topic: "a", Published: 1}, r.t.Routing()
	send := func(routed, lost uint64) {
		t.Helper()
		if _, err := r.Route(m, nil, nil); err != nil {
			t.Fatal(err)
		}
		if stats.Routed.Load() != routed || stats.NoTopic.Load() != lost {
			t.Errorf("routed %d, lost %d; want %d, %d", stats.Routed.Load(), stats.NoTopic.Load(), routed, lost)
		}
	}
	send(1, 0)
	if err := r.plane.DeleteTopic("plant", "telemetry"); err != nil {
		t.Fatal(err)
	}
	send(1, 1)
	r.topic(t, "telemetry", 2)
	send(2, 1)
}

// What the store refuses is refused, as full where room is what is missing.
func TestRouteRefused(t *testing.T) {
	r := newRoutedTenant(t, "")
	r.st.Fill()
	if _, err := r.Route(&mqtt.Message{Topic: "a", Published: 1}, nil, nil); !errors.Is(err, store.ErrFull) {
		t.Errorf("full: %v", err)
	}
	if n := r.t.Routing().Refused.Load(); n != 1 {
		t.Errorf("%d refused", n)
	}
}

// A topic that is full refuses the message, and says so in the log, once.
func TestRouteToFullTopic(t *testing.T) {
	r := newRoutedTenant(t, "")
	var log strings.Builder
	r.router.Load().log = slog.New(slog.NewTextHandler(&log, nil))
	m, refused := &mqtt.Message{Topic: "a", Payload: make([]byte, 1<<20), Published: 1}, 0
	for range 100 { // 64 MiB, and more
		_, err := r.Route(m, nil, nil)
		if err == nil {
			continue
		}
		if !errors.Is(err, store.ErrFull) || !errors.Is(err, delivery.ErrBacklog) {
			t.Fatal(err)
		}
		refused++
	}
	if n := strings.Count(log.String(), "is full"); refused < 30 || n != 1 {
		t.Errorf("%d refused, told %d times:\n%s", refused, n, log.String())
	}
}

// A message on its way costs no allocation of ours.
func TestRouteAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := newRoutedTenant(t, someEnrichments)
	m, by := &mqtt.Message{Topic: "a", Payload: make([]byte, 200), Published: 1}, press7()
	if n := testing.AllocsPerRun(1000, func() { _, _ = r.Route(m, by, nil) }); n > 0.5 { // what the store grows by
		t.Errorf("%v allocations for a message", n)
	}
}

func BenchmarkRoute(b *testing.B) {
	r := newRoutedTenant(b, someEnrichments)
	m, by := &mqtt.Message{Topic: "a", Payload: make([]byte, 200), Published: 1}, press7()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Route(m, by, nil); err != nil && !errors.Is(err, store.ErrFull) {
			b.Fatal(err)
		}
	}
}
