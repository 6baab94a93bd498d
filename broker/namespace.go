package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/queue"
	"gridmq/tap"
	"gridmq/topic"
)

// A namespace is one tenant: its sessions, subscriptions, retained messages and
// queues never meet those of another.
type namespace struct {
	b             *Broker
	name          string
	keys          keys
	limits        atomic.Pointer[Limits]
	exempt        Exempt
	authenticator Authenticator
	authorizer    Authorizer
	router        Router // nil: no message becomes an event
	queues        *queue.Queues
	log           store.LogID
	newest        atomic.Uint64 // newest ticket that concerned a queue

	index    topic.Index[*subscription]
	routes   routeCache
	retained retainedMessages

	mu       sync.Mutex // guards what follows; held for look-ups only
	sessions map[string]*mailbox
	byID     map[queue.ID]*mailbox
	perName  map[string]int
	shared   map[string]*group
	taps     map[string]*tap.Taps // by client identifier; see trace.go
	byQueue  map[queue.ID]*group
	nextID   queue.ID
	idsUpTo  queue.ID // numbers below are reserved in the store
	seen     queue.ID // the largest number that recovery met
	partial  bool     // recovery could not read everything
	kept     bool     // the last round of snapshots is complete; set when the broker's tasks have ended

	left store.Batch // removes what loading found to belong to nobody; for resume

	rates    namespaceRates
	epochs   atomic.Uint64 // above every epoch that was seen
	remember atomic.Bool   // writes sessions that end with their connection
	disabled atomic.Bool   // refuses connections
	tapped   atomic.Bool   // taps has some
	outside  sync.RWMutex  // read-held by a message without a connection; see Remove
	stop     func()        // ends what it does by itself
	stopped  chan struct{} // closed when that has ended

	volatile atomic.Uint64 // numbers of sessions that are not stored
	online   atomic.Int64
	traffic  traffic
	system   systemTopics
}

// volatileIDs marks the numbers of sessions that are not in the store.
const volatileIDs = 1 << 63

// reserveIDs is how many session numbers are reserved by one write.
const reserveIDs = 1024

// newID hands out a session number that was never used. ns.mu is held.
func (ns *namespace) newID(durable bool) (queue.ID, error) {
	if !durable {
		return queue.ID(volatileIDs | ns.volatile.Add(1)), nil
	}
	if ns.nextID >= ns.idsUpTo {
		var b store.Batch
		upTo := ns.nextID + reserveIDs
		b.Put(ns.keys.ids(), binary.BigEndian.AppendUint64(nil, uint64(upTo)))
		if _, _, err := ns.b.store.Submit(&b); err != nil { // before whatever uses the numbers
			return 0, err
		}
		ns.idsUpTo = upTo
	}
	id := ns.nextID
	ns.nextID++
	return id, nil
}

func (ns *namespace) lastTicket() store.Ticket { return store.Ticket(ns.newest.Load()) }

// noteTicket keeps the newest ticket.
func (ns *namespace) noteTicket(t store.Ticket) {
	for {
		old := ns.newest.Load()
		if uint64(t) <= old || ns.newest.CompareAndSwap(old, uint64(t)) {
			return
		}
	}
}

// sessionExpiry reduces what a client asks for to what is allowed.
func (c *conn) sessionExpiry(asked uint32) uint32 {
	if most := c.limits.SessionExpiryMaximum; most > 0 && asked > most {
		return most
	}
	return asked
}

// pace spreads what happens to many at once after a start.
func pace(i int) int64 { return int64(i/100)*10 + rand.Int64N(10) }

// storeGone is why a connection ends when the store has failed for good: to
// refuse the packet would say that the client need not send it again.
func storeGone(op string, err error) error {
	if !errors.Is(err, store.ErrClosed) {
		return nil
	}
	return &mqtt.Error{Op: op, Code: mqtt.ServerShuttingDown, Err: discreet{"the server cannot go on", err}}
}

func storeRefusal(op string, err error) error {
	if e, ok := err.(*mqtt.Error); ok {
		return e
	}
	if errors.Is(err, store.ErrClosed) {
		return &mqtt.Error{Op: op, Code: mqtt.ServerUnavailable, Err: discreet{"the server cannot go on", err}}
	}
	return &mqtt.Error{Op: op, Code: mqtt.QuotaExceeded, Err: discreet{"cannot store now", fmt.Errorf("cannot store: %w", err)}}
}

// submit stores what there is to be stored.
func (ns *namespace) submit(b *store.Batch) (t store.Ticket, err error) {
	if len(b.Ops) > 0 {
		_, t, err = ns.b.store.Submit(b)
	}
	return t, err
}

// storeRetry is when what the store had no room for is tried again, in
// milliseconds.
const storeRetry = 1000

// insist repeats what has failed because the store was full until it is done.
func (ns *namespace) insist(err error, otherwise string, x *mailbox, try func() (store.Ticket, error)) {
	if err == nil {
		return
	}
	ns.b.log.Warn(otherwise, "namespace", ns.name, "client", x.clientID, "err", err)
	if !errors.Is(err, store.ErrFull) {
		return
	}
	ns.b.deadlines.add(nowMillis()+storeRetry, func(int64) int64 {
		if _, err := try(); errors.Is(err, store.ErrFull) {
			return nowMillis() + storeRetry
		}
		return 0
	})
}

// beat writes that the node is alive, when somebody is connected.
func (ns *namespace) beat(now int64) {
	if ns.online.Load() > 0 {
		ns.writeBeat(now, false)
	}
}

// writeBeat writes the heartbeat. last says that the node stops, and that
// snapshots tell what has been sent. A full disk refuses it: the restart then
// counts from an older one.
func (ns *namespace) writeBeat(now int64, last bool) {
	b := store.Batch{Frees: true} // written again
	v := binary.BigEndian.AppendUint64(nil, uint64(now))
	if last {
		v = append(v, 1)
	}
	b.Put(ns.keys.beat(), v)
	_, _ = ns.submit(&b)
}
