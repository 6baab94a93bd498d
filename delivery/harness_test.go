package delivery

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/event"
	"gridmq/store"
	"gridmq/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	namespace = "plant"
	topicName = "Orders"
	subName   = "Billing"
	day       = 24 * time.Hour
)

// plain renders a record as the data of an event.
type plain struct{}

func (plain) Render(record []byte, id EventID) (event.Event, error) {
	if string(record) == "broken" {
		return event.Event{}, fmt.Errorf("broken")
	}
	return event.Event{ID: fmt.Sprintf("%x", id), Source: "/s", Type: "t", DataKind: event.Text, Data: slices.Clone(record)}, nil
}

func subscription() Subscription {
	return Subscription{Name: subName, Created: 1, MaxDeliveryCount: 3, Lock: time.Minute}
}

// a world is a plane with a topic and a subscription.
type world struct {
	t     testing.TB
	store store.Store
	p     *Plane
	o     Options
}

func newWorld(t testing.TB, s store.Store, o Options) *world {
	t.Helper()
	if o.Render == nil {
		o.Render = plain{}
	}
	w := &world{t: t, store: s, o: o}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	p, err := Open(w.store, w.o)
	if err != nil {
		w.t.Fatalf("Open: %v", err)
	}
	w.p = p
}

// tell is what control does after a start.
func (w *world) tell(retention time.Duration, subs ...Subscription) {
	w.t.Helper()
	if err := w.p.SetTopic(namespace, Topic{topicName, retention}); err != nil {
		w.t.Fatalf("SetTopic: %v", err)
	}
	for _, s := range subs {
		if err := w.p.SetSubscription(namespace, topicName, s); err != nil {
			w.t.Fatalf("SetSubscription: %v", err)
		}
	}
	if err := w.p.Settled(); err != nil {
		w.t.Fatalf("Settled: %v", err)
	}
}

func (w *world) restart(retention time.Duration, subs ...Subscription) {
	w.t.Helper()
	w.close()
	w.open()
	w.tell(retention, subs...)
}

func (w *world) close() {
	w.t.Helper()
	if err := w.p.Close(); err != nil {
		w.t.Errorf("Close: %v", err)
	}
}

func (w *world) stream() *Stream { return w.p.Stream("PLANT", "orders") }
func (w *world) queue() *Queue   { return w.stream().Queue("billing") }

func newEvent(id string) event.Event {
	return event.Event{ID: id, Source: "/shop", Type: "shop.order", DataKind: event.JSON, Data: []byte(`{"n":1}`)}
}

func (w *world) publish(ids ...string) {
	w.t.Helper()
	var events []event.Event
	for _, id := range ids {
		events = append(events, newEvent(id))
	}
	if err := w.stream().Publish(context.Background(), events); err != nil {
		w.t.Fatalf("Publish(%v): %v", ids, err)
	}
}

func (w *world) receive(limit int, wait time.Duration) []Delivery {
	w.t.Helper()
	list, err := w.queue().Receive(context.Background(), limit, wait)
	if err != nil {
		w.t.Fatalf("Receive: %v", err)
	}
	return list
}

// expect receives what is there and wants these: "id:count".
func (w *world) expect(want ...string) []Delivery {
	w.t.Helper()
	list := w.receive(100, 0)
	if got := names(list); !slices.Equal(got, want) {
		w.t.Fatalf("received %v, want %v", got, want)
	}
	return list
}

func names(list []Delivery) (names []string) {
	for _, d := range list {
		names = append(names, fmt.Sprintf("%s:%d", d.Event.ID, d.Count))
	}
	slices.Sort(names)
	return names
}

func tokensOf(list []Delivery) (tokens []string) {
	for _, d := range list {
		tokens = append(tokens, d.LockToken)
	}
	return tokens
}

// wantCodes checks answers; err is that of the call.
func wantCodes(t testing.TB, answers []Settlement, err error, want ...SettlementCode) {
	t.Helper()
	var got []SettlementCode
	for _, a := range answers {
		got = append(got, a.Code)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("settled with %v, %v, want %v", got, err, want)
	}
}

// a sink keeps dead letters, or refuses them.
type sink struct {
	mu      sync.Mutex
	letters []Letter
	calls   []time.Time
	err     error
}

func (s *sink) Write(_ context.Context, d DeadLetter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, time.Now())
	if s.err == nil {
		s.letters = append(s.letters, d.Letters...)
	}
	return s.err
}

func (s *sink) take() []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.letters
	s.letters = nil
	return l
}

func inMemory() store.Store { return memory.New(memory.Options{}) }
