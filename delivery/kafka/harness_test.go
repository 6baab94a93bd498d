package kafka

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"gridmq/delivery"
	"gridmq/delivery/push"
	"gridmq/event"
	"gridmq/internal/bubble"
	"gridmq/store"
	"gridmq/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	namespace  = "plant"
	topicName  = "Orders"
	day        = 24 * time.Hour
	partitions = 3
)

// hubID is the resource id of a hub of that name.
func hubID(name string) string {
	return "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/n/eventhubs/" + name
}

// A world is a plane with a topic, whose events go to Kafka clusters, in virtual time and
// without sockets.
type world struct {
	t     *testing.T
	net   *network
	store store.Store
	dead  *sink
	sink  delivery.DeadLetterSink
	o     Options
	po    push.Options
	kafka *Producers
	pool  *push.Pool
	p     *delivery.Plane
	ports int
	seen  []delivery.Outcome // one for each result of an attempt
	took  []time.Duration
}

// inWorld runs f in a world, before any cluster or destination is there.
func inWorld(t *testing.T, f func(*testing.T, *world)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		s := memory.New(memory.Options{})
		defer s.Close()
		w := &world{t: t, store: s, dead: &sink{}, net: &network{}}
		w.sink = w.dead
		f(t, w)
		if w.p != nil {
			w.close()
		}
	})
}

// A network is the clusters' virtual one, of which connections can fail.
type network struct {
	kfake.VirtualNetwork

	mu    sync.Mutex
	fail  map[string]error // by address
	conns []net.Conn
	dials int
}

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	err := n.fail[address]
	n.dials++
	n.mu.Unlock()
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: kind, Err: err}
	}
	nc, err := n.DialContext(ctx, kind, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: kind, Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, nc)
	return nc, nil
}

// refuse lets connections to addresses fail; nil: not any more.
func (n *network) refuse(err error, addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail == nil {
		n.fail = map[string]error{}
	}
	for _, a := range addresses {
		n.fail[a] = err
	}
}

// cut closes all connections there are.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, nc := range n.conns {
		nc.Close()
	}
	n.conns = nil
}

func (n *network) dialed() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials
}

// cluster makes a cluster of two brokers, with a topic of partitions if it has a name.
func (w *world) cluster(topic string, more ...kfake.Opt) *kfake.Cluster {
	w.t.Helper()
	w.ports += 10
	opts := []kfake.Opt{kfake.ListenFn(w.net.Listen), kfake.Ports(9000+w.ports, 9001+w.ports)}
	if topic != "" {
		opts = append(opts, kfake.SeedTopics(partitions, topic))
	}
	c, err := kfake.NewCluster(append(opts, more...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// destination is one of the configuration, of that name, and its topic.
func destination(name string, c *kfake.Cluster, change ...func(*Destination)) Destination {
	d := Destination{Name: name, ResourceID: hubID(name), Brokers: c.ListenAddrs(), Topic: name}
	for _, f := range change {
		f(&d)
	}
	return d
}

func (w *world) open(all ...Destination) {
	w.t.Helper()
	w.o.Destinations, w.o.Dial = all, w.net.dial
	var err error
	if w.kafka, err = New(w.o); err != nil {
		w.t.Fatal(err)
	}
	w.po.Hubs = w.kafka
	var mu sync.Mutex
	w.po.Observe = func(_ string, o delivery.Outcome, _ int, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		w.seen, w.took = append(w.seen, o), append(w.took, took)
	}
	if w.pool, err = push.New(w.po); err != nil {
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
	if n := w.pool.Busy(); n != 0 {
		w.t.Errorf("%d workers are left", n)
	}
	w.p = nil
}

// to is a push subscription to the hub of its name.
func to(name string, change ...func(*delivery.Subscription)) delivery.Subscription {
	s := delivery.Subscription{
		Name: name, Created: 1, Mode: delivery.Push, MaxDeliveryCount: 10,
		Destination: &delivery.Destination{EventHub: &delivery.EventHub{ResourceID: strings.ToUpper(hubID(name))}},
		DeadLetters: &delivery.DeadLetters{ResourceID: "/a", Container: "c"},
	}
	for _, f := range change {
		f(&s)
	}
	return s
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
	return event.Event{ID: id, Source: "/shop", Type: "shop.order", Subject: "s" + id, DataKind: event.JSON, Data: []byte(`{"n":1}`)}
}

func (w *world) publish(ids ...string) {
	w.t.Helper()
	var events []event.Event
	for _, id := range ids {
		events = append(events, newEvent(id))
	}
	w.publishEvents(events...)
}

func (w *world) publishEvents(events ...event.Event) {
	w.t.Helper()
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

// records are those of a topic, by partition and offset.
func (w *world) records(c *kfake.Cluster, topic string, more ...kgo.Opt) (all []*kgo.Record) {
	w.t.Helper()
	left := int64(0)
	for _, p := range c.PartitionInfos(topic) {
		left += p.HighWatermark - p.LogStartOffset
	}
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...), kgo.Dialer(w.net.DialContext),
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableClientMetrics()}, more...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	for int64(len(all)) < left {
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
		f := cl.PollFetches(ctx)
		cancel()
		if f.Err() != nil {
			w.t.Fatalf("read %d of %d records: %v", len(all), left, f.Err())
		}
		all = append(all, f.Records()...)
	}
	slices.SortStableFunc(all, func(a, b *kgo.Record) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	return all
}

// ids are those of the events in records, sorted.
func ids(t *testing.T, records []*kgo.Record) (all []string) {
	t.Helper()
	for _, r := range records {
		e, err := event.Read(r.Value, event.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", r.Value, err)
		}
		all = append(all, e.ID)
	}
	slices.Sort(all)
	return all
}

func (w *world) wantRecords(c *kfake.Cluster, topic string, want ...string) {
	w.t.Helper()
	if got := ids(w.t, w.records(c, topic)); !slices.Equal(got, want) {
		w.t.Errorf("topic %s has %v, want %v", topic, got, want)
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

// wantDead compares the letters, in short and sorted, and forgets them.
func (w *world) wantDead(want ...string) {
	w.t.Helper()
	w.dead.mu.Lock()
	defer w.dead.mu.Unlock()
	var got []string
	for _, l := range w.dead.letters {
		got = append(got, fmt.Sprintf("%s %d %s | %s", l.Event.ID, l.Attempts, l.Reason, l.Result))
	}
	w.dead.letters = nil
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.t.Errorf("dead letters\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
