// Package broker is the crossroads: CONNECT, SUBSCRIBE and PUBLISH in their
// order of steps, fan-out, retained messages, shared groups, wills and timers.
//
// A connection has one goroutine, its reader. It parses every packet in its
// buffer, collects what they cause in the sessions concerned, and flushes once.
// It never waits for the disk or for another client's socket.
//
// Locks, in the order in which they are taken: changes of a mailbox, writes of
// the retained messages, the order lock of a namespace's queues, mu of the
// namespace, of a group, of a mailbox. No two of one kind are held together. No
// I/O happens under any of them; Store.Submit is none.
//
// Units: times are Unix milliseconds, sizes are bytes, limits as in Limits.
// Errors: what a peer is told is decided here, as mqtt.Code.
// Source: OASIS MQTT 5.0 section 4; design.md sections 3 to 6.
package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/tracing"
)

// A Conn is what the broker needs of a connection; listener.Conn is one.
type Conn interface {
	Wait() error
	Read(b []byte) (int, error)
	Push(b []byte) (done bool, err error)
	Drain(timeout time.Duration) error
	Pending() int
	SetReadDeadline(t time.Time) error
	Close() error
	RemoteAddr() net.Addr
}

// A Relay takes messages to other nodes: step 6 of a PUBLISH. Forward must not
// block; with an error the message is not acknowledged.
type Relay interface {
	Forward(namespace string, m *mqtt.Message) error
}

// A Router makes events of the messages of a namespace: step 5 of a PUBLISH.
type Router interface {
	// Route keeps m as an event, if it is to become one: the ticket is what its
	// acknowledgement must wait for, and 0 when nothing was kept. It must not wait for
	// the disk, and keeps neither m nor by, which is nil where nobody was found to be
	// behind the message. Errors: those of store.Submit; then m is refused.
	// span is that of the message, nil if it is not traced.
	Route(m *mqtt.Message, by *Identity, span *tracing.Span) (store.Ticket, error)
}

// Options makes a Broker.
type Options struct {
	Store      store.Store
	Namespaces []NamespaceConfig
	// Relay is nil on a single node.
	Relay Relay
	// Logger receives the room's events. Default: none.
	Logger *slog.Logger
	// Registerer takes the metrics. nil is fine.
	Registerer prometheus.Registerer
	// Observer is told who comes and goes. Default: nobody.
	Observer Observer
	// Witness is told what connected clients were refused. nil: nobody.
	Witness Witness
	// Tracer makes spans of messages. nil: none.
	Tracer *tracing.Tracer
	// Progress is told how recovery goes, when it takes long.
	Progress func(namespace string, done, total int)
	// Version is told below $SYS. Default: "unknown".
	Version string
}

// A NamespaceConfig describes one tenant.
type NamespaceConfig struct {
	Name          string
	Limits        Limits
	Authenticator Authenticator
	Authorizer    Authorizer
	// Router makes events of messages. nil: nobody does.
	Router Router
	// RememberConnections writes every session that is connected, so that the Observer is
	// told of all that a crash has ended. It costs a write, that others share, for each
	// CONNECT of a session that ends with its connection.
	RememberConnections bool
	// Exempt says which sessions have limits of their own. nil: none.
	Exempt Exempt
}

// A Broker serves the connections of all namespaces.
type Broker struct {
	store      store.Store
	log        *slog.Logger
	relay      Relay
	observer   Observer
	tracer     *tracing.Tracer
	witness    Witness
	metrics    *metrics
	namespaces atomic.Pointer[map[string]*namespace] // replaced when one comes or goes; see tenancy.go
	counting   sync.RWMutex                          // held while one goes, so that what it counted is counted once
	tenancy    sync.Mutex                            // held by who replaces it
	deadlines  *deadlines
	flushers   *flushers

	ctx      context.Context // of the broker's own goroutines; a namespace may come later
	stop     context.CancelFunc
	stopping chan struct{}
	tasks    sync.WaitGroup // the broker's own goroutines
	serving  sync.WaitGroup // one for each connection and its temporary writers
	closing  atomic.Bool
	mu       sync.Mutex // guards conns, and closing against Serve
	conns    map[*conn]struct{}
	taps     int          // that are open; guarded by mu
	calmed   atomic.Int64 // connections that have become quiet since giveBack
	arrived  atomic.Int64 // connections since the last beat
	arrivals int64        // the heartbeat's: since settle
	crowded  atomic.Bool  // many are arriving
	calmedAt int64        // the heartbeat's: what it was at the last look
	calmFor  int          // the heartbeat's: looks since it has changed
	gaveBack time.Time    // the heartbeat's
	failed   chan struct{}
	version  string
	began    time.Time
	fail     sync.Once
}

// New recovers every namespace from the store and starts the broker's own
// goroutines. It takes a second or two per million queued messages.
func New(o Options) (*Broker, error) {
	if o.Store == nil {
		return nil, errors.New("broker: Options.Store is missing")
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Broker{
		store: o.Store, log: o.Logger, relay: o.Relay, observer: o.Observer, tracer: o.Tracer, witness: o.Witness,
		deadlines: newDeadlines(), flushers: newFlushers(),
		stopping: make(chan struct{}), conns: make(map[*conn]struct{}), failed: make(chan struct{}), version: cmp.Or(o.Version, "unknown"), began: time.Now(),
	}
	b.metrics = newMetrics(o.Registerer, b)
	ctx, stop := context.WithCancel(context.Background())
	b.ctx, b.stop = ctx, stop
	spaces, err := b.recover(o)
	if err != nil {
		stop()
		return nil, err
	}
	b.namespaces.Store(&spaces)
	for range runtime.GOMAXPROCS(0) {
		b.tasks.Go(b.flushers.run)
	}
	b.tasks.Go(func() { b.deadlines.run(b.stopping) })
	b.tasks.Go(func() { b.beat(ctx) })
	b.tasks.Go(func() { b.tellSystem(ctx) })
	for _, ns := range spaces {
		ns.run(ctx)
	}
	return b, nil
}

// Failed is closed when the store has failed for good: nothing can be promised
// any more and the process should end.
func (b *Broker) Failed() <-chan struct{} { return b.failed }

func (b *Broker) storeFailed(err error) {
	b.fail.Do(func() {
		b.log.Error("store failed", "err", err)
		close(b.failed)
	})
}

// SetLimits replaces the limits of a namespace. Connections keep what was
// announced to them until they come back.
func (b *Broker) SetLimits(namespace string, l Limits) error {
	ns := b.namespace(namespace)
	if ns == nil {
		return fmt.Errorf("set limits: no namespace %q", namespace)
	}
	ns.limits.Store(&l)
	return nil
}

// RememberConnections changes what NamespaceConfig has of it, for those who connect from
// now on.
func (b *Broker) RememberConnections(namespace string, on bool) error {
	ns := b.namespace(namespace)
	if ns == nil {
		return fmt.Errorf("remember connections: no namespace %q", namespace)
	}
	ns.remember.Store(on)
	return nil
}

// Shutdown tells every client 0x8B in paced groups, so that they do not all
// return at the same moment, waits until they are gone or ctx ends, and closes.
func (b *Broker) Shutdown(ctx context.Context) error {
	const group, pause = 500, 50 * time.Millisecond
	conns := b.refuseFurther()
	for i, c := range conns {
		c.end(mqtt.ServerShuttingDown, causeShutdown)
		if i%group == group-1 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}
	gone := make(chan struct{})
	go func() { b.serving.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-ctx.Done():
	}
	return b.Close()
}

// refuseFurther makes Serve refuse new connections and returns those there are.
func (b *Broker) refuseFurther() []*conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closing.Store(true)
	for _, ns := range b.all() {
		ns.endTaps(tapServerStops)
	}
	conns := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		conns = append(conns, c)
	}
	return conns
}

// Close ends every connection and the broker's goroutines, and makes what was
// accepted durable. The store stays open.
func (b *Broker) Close() error {
	for _, c := range b.refuseFurther() {
		c.cut()
	}
	b.serving.Wait()
	b.mu.Lock()
	select {
	case <-b.stopping:
		b.mu.Unlock()
		return nil
	default:
		close(b.stopping)
	}
	b.mu.Unlock()
	b.flushers.close()
	b.stop()
	b.tasks.Wait()
	for _, ns := range b.all() {
		if ns.kept {
			ns.writeBeat(nowMillis(), true)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.store.Sync(ctx); err != nil && !errors.Is(err, store.ErrClosed) {
		return fmt.Errorf("sync the store: %w", err)
	}
	return nil
}

// beatEvery is the time between two heartbeats, from which a restart knows
// until when the clients were there.
const beatEvery = 5 * time.Second

// lookEvery is the time between two looks at who has come and who has become quiet.
const lookEvery = time.Second

func (b *Broker) beat(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
			b.settle()
			b.giveBack()
			if n%int(beatEvery/lookEvery) != 0 {
				continue
			}
			for _, ns := range b.all() {
				ns.beat(time.Now().UnixMilli())
				ns.rates.tidy(time.Now().UnixMilli())
			}
		case <-ctx.Done():
			return
		}
	}
}

// wait blocks until a ticket is durable: for CONNECT, which has nothing else to do.
func (b *Broker) wait(t store.Ticket) error {
	done := make(waiter, 1)
	b.store.Notify(t, done)
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		return errors.New("the store did not answer within 30 seconds")
	}
}

type waiter chan error

func (w waiter) Committed(_ store.Ticket, err error) { w <- err }
