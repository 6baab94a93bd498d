package robustness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/client"
	plane "gridmq/control/client"
	events "gridmq/gateway/client"
	"gridmq/mqtt"
	"gridmq/server"
)

// TestKillWithEvents kills the broker under publishers of MQTT messages that are routed,
// publishers over HTTP and consumers who settle as they like. Every event that was
// acknowledged to its publisher reaches every event subscription; no event is given to
// two holders; none comes back once its acknowledgement was answered.
func TestKillWithEvents(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	kills := 20
	if testing.Short() {
		kills = 3
	}
	newStation(t, bin).run(kills, 900*time.Millisecond)
}

// lockTime is how long a delivery is locked: the shortest there is.
const lockTime = 60 * time.Second

// A station is a broker with the quickstart, and everybody who has to do with its topic.
type station struct {
	t    *testing.T
	p    *process
	key  string
	made sync.Map // *events.Client, by *server.Readiness

	published atomic.Int64 // numbers given out
	mu        sync.Mutex
	accepted  map[string]bool // what its publisher was told is kept
	boards    []*board
}

// A board is what is known of one event subscription.
type board struct {
	name    string
	seen    map[string]bool
	done    map[string]bool // the acknowledgement was answered
	holders map[string]*holder
}

// A holder is who has an event.
type holder struct {
	until    time.Time // at least
	released bool      // it may have been given back
}

func newStation(t *testing.T, binary string, args ...string) *station {
	s := &station{t: t, p: newProcess(t, binary, append(args, "--quickstart")...), accepted: map[string]bool{}}
	s.p.start()
	m := s.manage()
	defer m.Close()
	id := "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces/" + server.QuickstartNamespace
	for _, name := range []string{"all", "second"} {
		body := `{"properties":{"deliveryConfiguration":{"deliveryMode":"Queue","queue":{"receiveLockDurationInSeconds":60}}}}`
		if _, _, _, err := m.Put(t.Context(), id+"/topics/telemetry/eventSubscriptions/"+name, []byte(body), plane.Condition{}); err != nil {
			t.Fatal(err)
		}
		s.boards = append(s.boards, &board{name: name, seen: map[string]bool{}, done: map[string]bool{}, holders: map[string]*holder{}})
	}
	var err error
	if s.key, _, err = m.Keys(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *station) ca() []byte {
	b, err := os.ReadFile(filepath.Join(s.p.data, "tls", "ca.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *station) manage() *plane.Client {
	token, err := os.ReadFile(filepath.Join(s.p.data, server.TokenFile))
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := plane.New(plane.Options{URL: s.p.ready.Load().Management, Token: strings.TrimSpace(string(token)), CA: s.ca()})
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// http is the client of whichever broker runs at the moment.
func (s *station) http() *events.Client {
	r := s.p.ready.Load()
	if c, ok := s.made.Load(r); ok {
		return c.(*events.Client)
	}
	c, err := events.New(events.Options{Endpoint: r.HTTPS, Key: s.key, CA: s.ca()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.made.Store(r, c)
	return c
}

func (s *station) accept(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		s.accepted[name] = true
	}
}

// pause is what somebody waits who has found no broker.
func pause(ctx context.Context) {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
}

// report publishes messages as a machine, and notes those that were acknowledged.
func (s *station) report(ctx context.Context, machine string) {
	dir := filepath.Join(s.p.data, "quickstart")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, machine+".pem"), filepath.Join(dir, machine+".key"))
	if err != nil {
		s.t.Error(err)
		return
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.ca())
	for ; ctx.Err() == nil; pause(ctx) {
		c, err := client.Connect(ctx, client.Options{ClientID: machine, Target: client.Target{
			URL: "mqtts://" + s.p.ready.Load().MQTTS, TLS: &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{pair}}}})
		if err != nil {
			continue
		}
		for err == nil && ctx.Err() == nil {
			name := fmt.Sprintf("%s %d", machine, s.published.Add(1))
			m := &client.Message{Topic: "machines/" + machine + "/telemetry", QoS: 1, Payload: fmt.Appendf(nil, "%q", name)}
			m.Properties.ContentType = "application/json"
			m.Properties.Mark(mqtt.PropContentType)
			var code mqtt.Code
			if code, err = c.Publish(ctx, m); err == nil && !code.IsError() {
				s.accept(name)
			}
		}
		c.Close()
	}
}

// post publishes batches over HTTP.
func (s *station) post(ctx context.Context) {
	for ctx.Err() == nil {
		var names []string
		var list []json.RawMessage
		for range 1 + rand.IntN(5) {
			name := fmt.Sprintf("http %d", s.published.Add(1))
			names = append(names, name)
			list = append(list, fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"/s","type":"t","data":%[1]q}`, name))
		}
		if err := s.http().Publish(ctx, "telemetry", list); err != nil {
			pause(ctx)
			continue
		}
		s.accept(names...)
	}
}

// consume receives from a subscription and settles as the dice fall.
func (s *station) consume(ctx context.Context, b *board, calm func() bool) {

	for ctx.Err() == nil {
		c, asked := s.http(), time.Now()
		list, err := c.Receive(ctx, at(b), 1+rand.IntN(50), 10*time.Second)
		if err != nil {
			pause(ctx)
			continue
		}
		var ack, release []events.Delivery
		for _, d := range list {
			s.take(b, d, asked)
			if calm() || rand.IntN(4) > 0 {
				ack = append(ack, d)
			} else {
				release = append(release, d)
			}
		}
		s.settle(ctx, c, b, events.Release, release)
		s.settle(ctx, c, b, events.Acknowledge, ack)
	}
}

// take notes that an event was given out.
func (s *station) take(b *board, d events.Delivery, asked time.Time) {
	name := nameOf(s.t, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := b.holders[name]; h != nil && !h.released && time.Now().Before(h.until) {
		s.t.Errorf("%s: %q has a holder for another %v, and is given to a second", b.name, name, time.Until(h.until))
	}
	if b.done[name] {
		s.t.Errorf("%s: %q comes back although its acknowledgement was answered", b.name, name)
	}
	b.seen[name] = true
	b.holders[name] = &holder{until: asked.Add(lockTime - time.Second)}
}

func nameOf(t *testing.T, d events.Delivery) string {
	var e struct{ Data string }
	if err := json.Unmarshal(d.Event, &e); err != nil || e.Data == "" {
		t.Errorf("event %s: %v", d.Event, err)
	}
	return e.Data
}

// settle settles deliveries, and notes what was answered.
func (s *station) settle(ctx context.Context, c *events.Client, b *board, verb events.Verb, list []events.Delivery) {
	if len(list) == 0 {
		return
	}
	names, tokens := map[string]string{}, []string(nil)
	s.mu.Lock()
	for _, d := range list {
		name := nameOf(s.t, d)
		names[d.LockToken], tokens = name, append(tokens, d.LockToken)
		if verb == events.Release {
			b.holders[name].released = true // perhaps, from now on
		}
	}
	s.mu.Unlock()
	succeeded, failed, err := c.Settle(ctx, at(b), verb, tokens, 0)
	if err != nil {
		return // nobody knows
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range failed {
		if f.Error.Code != "InternalServerError" && time.Now().Before(b.holders[names[f.LockToken]].until) {
			s.t.Errorf("%s: %s of %q: %s, while it is locked", b.name, verb, names[f.LockToken], f.Error.Message)
		}
	}
	if verb == events.Acknowledge {
		for _, token := range succeeded {
			b.done[names[token]] = true
		}
	}
}

func at(b *board) events.Subscription { return events.Subscription{Topic: "telemetry", Name: b.name} }

// run kills the broker so often, then waits until everything has arrived.
func (s *station) run(kills int, between time.Duration) {
	ctx, end := context.WithCancel(s.t.Context())
	publishing, quiet := context.WithCancel(ctx)
	var publishers, consumers sync.WaitGroup
	var calm atomic.Bool
	for _, machine := range []string{"press-1", "press-2"} {
		publishers.Go(func() { s.report(publishing, machine) })
	}
	for range 2 {
		publishers.Go(func() { s.post(publishing) })
	}
	for _, b := range s.boards {
		for range 3 {
			consumers.Go(func() { s.consume(ctx, b, calm.Load) })
		}
	}
	for n := range kills {
		time.Sleep(between/2 + rand.N(between))
		enough := func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.accepted) >= 100*(n+1)
		}
		if !waitFor(time.Minute, enough) { // however slow the machine is
			s.t.Errorf("before kill %d only %d were acknowledged", n, len(s.accepted))
		}
		s.p.kill()
		s.p.start()
	}
	time.Sleep(between)
	quiet()
	publishers.Wait()
	calm.Store(true)
	// What was given out in an answer that a kill has cut off is locked until its time is over.
	arrived := waitFor(lockTime+30*time.Second, func() bool { return s.missing() == 0 })
	end()
	consumers.Wait()
	s.made.Range(func(_, c any) bool { c.(*events.Client).Close(); return true })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.t.Logf("%d kills: %d published, %d of them acknowledged", kills, s.published.Load(), len(s.accepted))
	if arrived {
		return
	}
	for _, b := range s.boards {
		for name := range s.accepted {
			if !b.done[name] && !s.perhaps(b, name) {
				s.t.Errorf("%s: %q was acknowledged to its publisher; received: %v, settled: false", b.name, name, b.seen[name])
			}
		}
	}
}

// missing is how many events have not been acknowledged yet, of all subscriptions.
func (s *station) missing() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.boards {
		for name := range s.accepted {
			if !b.done[name] && !s.perhaps(b, name) {
				n++
			}
		}
	}
	return n
}

// perhaps says whether an event may be settled without anybody knowing: it was received,
// and its lock is over without it having come again.
func (s *station) perhaps(b *board, name string) bool {
	h := b.holders[name]
	return h != nil && time.Since(h.until) > 20*time.Second
}
