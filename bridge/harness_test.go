package bridge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gridmq/broker"
	"gridmq/client"
	"gridmq/listener"
	"gridmq/mqtt"
	"gridmq/session"
	"gridmq/store"
	"gridmq/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A site is a broker in the test's process, with one namespace. It can go away and come
// back with what it has kept.
type site struct {
	t      *testing.T
	st     store.Store
	limits broker.Limits
	queue  *session.Bounds // of bridges; nil: the namespace's
	lost   func(session.Reason)
	auth   broker.Authorizer

	mu    sync.Mutex
	b     *broker.Broker // nil: away
	dials int
}

func newSite(t *testing.T, change ...func(*site)) *site {
	s := &site{t: t, st: memory.New(memory.Options{}), limits: broker.StandardLimits(), auth: broker.AllowAll{}}
	s.limits.ReconnectRate = 0
	for _, f := range change {
		f(s)
	}
	s.start()
	t.Cleanup(func() {
		s.leave()
		if err := s.st.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

func (s *site) start() {
	b, err := broker.New(broker.Options{Store: s.st, Namespaces: []broker.NamespaceConfig{{Name: "n", Limits: s.limits,
		Authenticator: broker.AllowAll{}, Authorizer: s.auth, Exempt: s.exempt}}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = b
}

func (s *site) exempt(id string, l *broker.Limits) *broker.Exemption {
	if s.queue == nil || !strings.HasPrefix(id, "$bridge/") {
		return nil
	}
	own := *l
	own.Queue = *s.queue
	return &broker.Exemption{Limits: own, Dropped: s.lost}
}

// leave ends the broker, as far as others can see at once.
func (s *site) leave() {
	s.mu.Lock()
	b := s.b
	s.b = nil
	s.mu.Unlock()
	if b != nil {
		if err := b.Close(); err != nil {
			s.t.Errorf("close the broker: %v", err)
		}
	}
}

func (s *site) dial(context.Context) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials++
	if s.b == nil {
		return nil, errors.New("nobody listens")
	}
	near, far := listener.NewPipe()
	b := s.b
	go broker.Run(func() broker.Step { return b.Serve(near, broker.Peer{Namespace: "n", Transport: "pipe"}) })
	return far, nil
}

// slowly is dial with a millisecond before each write of the client's.
func (s *site) slowly(ctx context.Context) (net.Conn, error) {
	nc, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	return slow{nc}, nil
}

type slow struct{ net.Conn }

func (c slow) Write(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return c.Conn.Write(b)
}

func (s *site) attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

// A peer is a client of a site that remembers what it got.
type peer struct {
	*client.Client
	t   *testing.T
	mu  sync.Mutex
	got []client.Message
}

func (s *site) connect(id string, change ...func(*client.Options)) *peer {
	s.t.Helper()
	p := &peer{t: s.t}
	o := client.Options{Dial: s.dial, ClientID: id, KeepAlive: -1, InFlight: 1000, Queue: 1000, OnMessage: func(m *client.Message) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, *m)
	}}
	for _, f := range change {
		f(&o)
	}
	var err error
	if p.Client, err = client.Connect(s.t.Context(), o); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { p.Close(); _ = p.Wait() })
	return p
}

// lasting is a client whose session outlives its connection.
func lasting(o *client.Options) { o.Resume, o.SessionExpiry = true, client.Never }

func (p *peer) subscribe(filter string, qos byte) *peer {
	p.t.Helper()
	if _, err := p.Subscribe(p.t.Context(), mqtt.Subscription{Filter: filter, QoS: qos, RetainAsPublished: true}); err != nil {
		p.t.Fatal(err)
	}
	return p
}

func (p *peer) publish(qos byte, topic, payload string) {
	p.t.Helper()
	if _, err := p.Publish(p.t.Context(), &client.Message{Topic: topic, QoS: qos, Payload: []byte(payload)}); err != nil {
		p.t.Fatalf("publish to %q: %v", topic, err)
	}
}

// all is what has come, as "topic payload", when everything has come to rest.
func (p *peer) all() (list []string) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		list = append(list, m.Topic+" "+string(m.Payload))
	}
	return list
}

func (p *peer) want(list ...string) {
	p.t.Helper()
	if got := p.all(); !slices.Equal(got, list) {
		p.t.Errorf("got %q, want %q", got, list)
	}
}

// options are those of a bridge from here to there.
func (s *site) options(there *site, maps ...Map) Options {
	return Options{Name: "x", Identity: "here", Folder: s.t.TempDir(), ClientID: "edge", Maps: maps, KeepAlive: -1,
		LocalID: "$bridge/x", Local: s.dial, Dial: there.dial}
}

// run runs a bridge until the returned function is called, or the test ends.
func run(t *testing.T, o Options) (b *Bridge, stop func()) {
	t.Helper()
	b = New(o)
	if err := b.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	synctest.Wait()
	return b, stop
}

// A journal counts the lines of a log.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(b))
	return len(b), nil
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) count(text string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if strings.Contains(l, text) {
			n++
		}
	}
	return n
}

// later lets virtual time pass.
func later(d time.Duration) { time.Sleep(d); synctest.Wait() }
