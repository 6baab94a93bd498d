package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/delivery"
	"gridmq/delivery/sharedkey"
	"gridmq/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a gateway with one namespace, plant, whose topic orders has the queue
// subscription billing and the push subscription hook.
type house struct {
	t        testing.TB
	o        Options
	g        *Gateway
	ns       *Namespace
	other    *Namespace // maker
	topic    *fakeTopic
	log      *strings.Builder
	mu       sync.Mutex
	observed []Observation
}

const (
	version = "api-version=2024-06-01"
	plantID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plant"
)

func newHouse(t testing.TB, change ...func(*house)) *house {
	h := &house{t: t, log: new(strings.Builder)}
	topicKeys := sharedkey.Keys{sharedkey.Generate(), sharedkey.Generate()}
	h.ns = &Namespace{Name: "Plant", ID: plantID, Hosts: []string{"plant.example", "events.plant.example"},
		Keys: sharedkey.Keys{sharedkey.Generate(), sharedkey.Generate()},
		TopicKeys: func(topic string) sharedkey.Keys {
			if strings.EqualFold(topic, "orders") {
				return topicKeys
			}
			return sharedkey.Keys{}
		}}
	h.other = &Namespace{Name: "maker", Hosts: []string{"maker.example"}, Keys: sharedkey.Keys{sharedkey.Generate(), sharedkey.Generate()}}
	h.topic = &fakeTopic{name: "Orders", queues: map[string]*fakeQueue{"billing": {name: "Billing"}, "hook": {name: "hook", mode: delivery.Push}}}
	h.o = Options{Namespaces: h, Events: h, Log: slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(o Observation) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.observed = append(h.observed, o)
		}}
	for _, f := range change {
		f(h)
	}
	h.g = New(h.o)
	return h
}

func (h *house) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

func (h *house) ByHost(host string) *Namespace {
	for _, ns := range []*Namespace{h.ns, h.other} {
		if slices.Contains(ns.Hosts, host) {
			return ns
		}
	}
	return nil
}

func (h *house) ByName(name string) *Namespace {
	for _, ns := range []*Namespace{h.ns, h.other} {
		if strings.EqualFold(ns.Name, name) {
			return ns
		}
	}
	return nil
}

func (h *house) Default() *Namespace { return h.ns }

func (h *house) Topic(namespace, topic string) Topic {
	if strings.EqualFold(namespace, "plant") && strings.EqualFold(topic, h.topic.name) {
		return h.topic
	}
	return nil
}

// A fakeTopic keeps events, or fails.
type fakeTopic struct {
	name   string
	queues map[string]*fakeQueue
	mu     sync.Mutex
	events []event.Event
	err    error
}

func (f *fakeTopic) Name() string { return f.name }

func (f *fakeTopic) Publish(_ context.Context, events []event.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		for _, e := range events {
			e.Data = slices.Clone(e.Data)
			f.events = append(f.events, e)
		}
	}
	return f.err
}

func (f *fakeTopic) Queue(name string) Queue {
	if q := f.queues[strings.ToLower(name)]; q != nil {
		return q
	}
	return nil
}

// A fakeQueue gives out what it has, and settles tokens by what they begin with.
type fakeQueue struct {
	name string
	mode delivery.Mode

	mu    sync.Mutex
	list  []delivery.Delivery
	err   error
	calls []string
	ended error // how the last receive that waited ended
}

func (f *fakeQueue) Name() string        { return f.name }
func (f *fakeQueue) Mode() delivery.Mode { return f.mode }

func (f *fakeQueue) put(list ...delivery.Delivery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, list...)
}

func (f *fakeQueue) take(limit int) ([]delivery.Delivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(limit, len(f.list))
	taken := f.list[:n]
	f.list = f.list[n:]
	return taken, f.err
}

func (f *fakeQueue) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fakeQueue) Receive(ctx context.Context, limit int, wait time.Duration) ([]delivery.Delivery, error) {
	f.note("receive %d %v", limit, wait.Round(time.Millisecond))
	end := time.After(wait)
	for {
		if list, err := f.take(limit); len(list) > 0 || err != nil {
			return list, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-end:
			return nil, nil
		case <-ctx.Done():
			f.mu.Lock()
			f.ended = ctx.Err()
			f.mu.Unlock()
			return nil, ctx.Err()
		}
	}
}

func (f *fakeQueue) settle(tokens []string) (list []delivery.Settlement, err error) {
	for _, token := range tokens {
		s := delivery.Settlement{LockToken: token}
		switch {
		case strings.HasPrefix(token, "bad"):
			s.Code, s.Message = delivery.BadToken, "The lock token is not one of this event subscription."
		case strings.HasPrefix(token, "lost"):
			s.Code, s.Message = delivery.TokenLost, "Token has expired."
		case strings.HasPrefix(token, "fail"):
			s.Code, s.Message = delivery.InternalServerError, "Repeat it."
		}
		list = append(list, s)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	return list, nil
}

func (f *fakeQueue) Acknowledge(_ context.Context, tokens []string) ([]delivery.Settlement, error) {
	f.note("acknowledge %q", tokens)
	return f.settle(tokens)
}

func (f *fakeQueue) Release(_ context.Context, tokens []string, after time.Duration) ([]delivery.Settlement, error) {
	f.note("release %q %v", tokens, after)
	return f.settle(tokens)
}

func (f *fakeQueue) Reject(_ context.Context, tokens []string) ([]delivery.Settlement, error) {
	f.note("reject %q", tokens)
	return f.settle(tokens)
}

func (f *fakeQueue) RenewLock(_ context.Context, tokens []string) ([]delivery.Settlement, error) {
	f.note("renewLock %q", tokens)
	return f.settle(tokens)
}

// ask makes a request that is good but for what change does to it. path has the query.
func (h *house) ask(path, body string, change ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://plant.example"+path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:4711"
	r.Header.Set("Authorization", "SharedAccessKey "+h.ns.Keys[0])
	if strings.Contains(path, ":publish") {
		r.Header.Set("Content-Type", event.StructuredContentType)
	}
	for _, f := range change {
		f(r)
	}
	return r
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (h *house) do(r *http.Request) answer {
	w := httptest.NewRecorder()
	h.g.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	return answer{w.Code, w.Result().Header, string(body)}
}

// code reads the code of an error, and checks its shape.
func (a answer) code(t testing.TB) string {
	t.Helper()
	if a.status < 300 {
		return ""
	}
	var doc struct {
		Error struct {
			Code, Message string
			Timestamp     string `json:"timestamp_utc"`
			Tracking      string `json:"tracking_id"`
		}
	}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatalf("%d %q is not an error: %v", a.status, a.body, err)
	}
	e := doc.Error
	if e.Message == "" || e.Tracking == "" || e.Tracking != a.header.Get("x-ms-request-id") || e.Code != a.header.Get("x-ms-error-code") {
		t.Errorf("error %+v with headers %v", e, a.header)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000000000-07:00", e.Timestamp); err != nil {
		t.Errorf("timestamp_utc: %v", err)
	}
	if got := a.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	return e.Code
}

func (h *house) last() Observation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.observed[len(h.observed)-1]
}

const (
	publishPath = "/topics/orders:publish?" + version
	receivePath = "/topics/orders/eventsubscriptions/billing:receive?" + version
	ackPath     = "/topics/orders/eventsubscriptions/billing:acknowledge?" + version
	order       = `{"specversion":"1.0","id":"o-4711","source":"/shop/7","type":"shop.order.placed","time":"2026-03-02T07:41:09Z","subject":"orders/4711","data":{"total":19.9}}`
)

func readEvent(t testing.TB, doc string) event.Event {
	t.Helper()
	e, err := event.Read([]byte(doc), event.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
