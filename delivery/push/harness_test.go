package push

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/internal/bubble"
	"gridmq/store"
	"gridmq/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	namespace = "plant"
	topicName = "Orders"
	day       = 24 * time.Hour
)

// A call is one request that an endpoint has had.
type call struct {
	at     time.Duration // since the world began
	host   string
	ids    []string // of its events
	count  string   // aeg-delivery-count
	header http.Header
}

func (c call) String() string { return fmt.Sprintf("%v %v #%s", c.at, c.ids, c.count) }

// A handler is how an endpoint answers.
type handler func(context.Context, call) (int, http.Header, error)

// endpoints answer by host, with 200 if they have no handler. It is an
// http.RoundTripper.
type endpoints struct {
	start time.Time

	mu     sync.Mutex
	answer map[string]handler
	calls  []call
	open   map[string]int // requests under way, by host
	most   map[string]int
}

func newEndpoints() *endpoints {
	return &endpoints{start: time.Now(), answer: map[string]handler{}, open: map[string]int{}, most: map[string]int{}}
}

func (e *endpoints) RoundTrip(r *http.Request) (*http.Response, error) {
	c := call{at: time.Since(e.start), host: r.URL.Host, count: strings.Join(asSpelled(r.Header, "aeg-delivery-count"), "|"), header: r.Header}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		c.ids = idsOf(body)
	}
	f := e.enter(c)
	defer e.leave(c)
	status, h := http.StatusOK, http.Header(nil)
	if f != nil {
		var err error
		if status, h, err = f(r.Context(), c); err != nil {
			return nil, err
		}
	}
	if h == nil {
		h = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: h, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
}

// asSpelled is a header by the very bytes of its name.
func asSpelled(h http.Header, name string) []string { return h[name] }

func (e *endpoints) enter(c call) handler {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, c)
	e.open[c.host]++
	e.most[c.host] = max(e.most[c.host], e.open[c.host])
	return e.answer[c.host]
}

// become lets a host answer otherwise while it is asked.
func (e *endpoints) become(host string, f handler) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer[host] = f
}

func (e *endpoints) leave(c call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[c.host]--
}

// idsOf are the ids of the events in a body.
func idsOf(body []byte) (ids []string) {
	list, err := event.ReadBatch(body, event.Limits{Events: 10_000, RequestBytes: 4 << 20})
	if err != nil {
		e, err := event.Read(body, event.Limits{})
		if err != nil {
			return []string{"?"}
		}
		list = []event.Event{e}
	}
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

// of are the calls of a host so far.
func (e *endpoints) of(host string) (list []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.calls {
		if c.host == host {
			list = append(list, c.String())
		}
	}
	return list
}

// status is an endpoint that always answers the same.
func status(code int) handler {
	return func(context.Context, call) (int, http.Header, error) { return code, nil, nil }
}

// slow is an endpoint that takes its time.
func slow(d time.Duration, code int) handler {
	return func(ctx context.Context, _ call) (int, http.Header, error) {
		select {
		case <-time.After(d):
			return code, nil, nil
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		}
	}
}

// a world is a plane with a topic, whose pushers call endpoints.
type world struct {
	t     *testing.T
	store store.Store
	e     *endpoints
	sink  delivery.DeadLetterSink
	dead  *sink
	o     Options
	pool  *Pool
	p     *delivery.Plane
}

func inWorld(t *testing.T, f func(*testing.T, *world)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		s := memory.New(memory.Options{})
		defer s.Close()
		w := &world{t: t, store: s, dead: &sink{}, e: newEndpoints()}
		w.sink = w.dead
		w.open()
		f(t, w)
		w.close()
		if n := w.pool.Busy(); n != 0 {
			t.Errorf("%d workers are left", n)
		}
	})
}

func (w *world) open() {
	w.t.Helper()
	w.o.Transport = w.e
	var err error
	if w.pool, err = New(w.o); err != nil {
		w.t.Fatal(err)
	}
	o := delivery.Options{Pushers: w.pool, DeadLetters: w.sink, Limits: delivery.Limits{JournalBytes: 2000}}
	if w.p, err = delivery.Open(w.store, o); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	w.t.Helper()
	if err := w.p.Close(); err != nil {
		w.t.Errorf("Close: %v", err)
	}
}

// reopen starts anew, with other options.
func (w *world) reopen(change func(*Options)) {
	w.t.Helper()
	w.close()
	change(&w.o)
	w.open()
}

// to is a push subscription to a host, of its name.
func to(host string, change ...func(*delivery.Subscription)) delivery.Subscription {
	s := delivery.Subscription{
		Name: host, Created: 1, Mode: delivery.Push, MaxDeliveryCount: 10,
		Destination: &delivery.Destination{WebHook: &delivery.WebHook{URL: "https://" + host + "/in?key=secret", MaxEvents: 1, PreferredBytes: 64 << 10}},
		DeadLetters: &delivery.DeadLetters{ResourceID: "/a", Container: "c"},
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

func batch(n int) func(*delivery.Subscription) {
	return func(s *delivery.Subscription) { s.Destination.WebHook.MaxEvents = n }
}

// tell is what control does after a start.
func (w *world) tell(subs ...delivery.Subscription) {
	w.t.Helper()
	if err := w.p.SetTopic(namespace, delivery.Topic{Name: topicName, Retention: 7 * day}); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range subs {
		if err := w.p.SetSubscription(namespace, topicName, s); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.p.Settled(); err != nil {
		w.t.Fatal(err)
	}
}

func newEvent(id string) event.Event {
	return event.Event{ID: id, Source: "/shop", Type: "shop.order", DataKind: event.JSON, Data: []byte(`{"n":1}`)}
}

func (w *world) publish(ids ...string) {
	w.t.Helper()
	var events []event.Event
	for _, id := range ids {
		events = append(events, newEvent(id))
	}
	if err := w.p.Stream(namespace, topicName).Publish(w.t.Context(), events); err != nil {
		w.t.Fatalf("Publish: %v", err)
	}
}

func (w *world) stats(name string) delivery.QueueStats {
	return w.p.Stream(namespace, topicName).Queue(name).Stats()
}

// after lets time pass.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) wantCalls(host string, want ...string) {
	w.t.Helper()
	if got := w.e.of(host); !slices.Equal(got, want) {
		w.t.Errorf("%s was called\n%s\nwant\n%s", host, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// a sink keeps dead letters.
type sink struct {
	mu      sync.Mutex
	letters []delivery.Letter
}

func (s *sink) Write(_ context.Context, d delivery.DeadLetter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, d.Letters...)
	return nil
}

// wantDead compares the letters, in short, and forgets them.
func (w *world) wantDead(want ...string) {
	w.t.Helper()
	w.dead.mu.Lock()
	defer w.dead.mu.Unlock()
	var got []string
	for _, l := range w.dead.letters {
		got = append(got, fmt.Sprintf("%s %d %s | %s %v", l.Event.ID, l.Attempts, l.Reason, l.Result, l.Properties))
	}
	w.dead.letters = nil
	if !slices.Equal(got, want) {
		w.t.Errorf("dead letters\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
