package delivery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gridmq/store"
)

// A Plane is the topics and subscriptions of all namespaces of a store.
type Plane struct {
	store   store.Store
	options Options
	log     *slog.Logger
	key     []byte // of lock tokens; a secret

	ctx       context.Context // ends with Close: what runs in the background
	stop      context.CancelFunc
	done      chan struct{} // closed when run has ended
	deadlines deadlines
	letters   sync.WaitGroup
	slots     chan struct{} // one for each goroutine that writes dead letters

	admin  sync.Mutex // one change of topics and subscriptions at a time
	mu     sync.RWMutex
	spaces map[string]map[string]*Stream // by folded namespace and topic
	closed bool
}

// writers is how many queues write dead letters at the same time.
const writers = 16

// Open recovers the plane that is in s. Its topics and subscriptions are found by
// Stream and Queue once control has told them again (SetTopic, SetSubscription); what
// it has not told is removed by Settled. Close ends it, before the store is closed.
func Open(s store.Store, o Options) (*Plane, error) {
	o = o.withDefaults()
	p := &Plane{
		store: s, options: o, log: o.Log, done: make(chan struct{}),
		slots: make(chan struct{}, writers), spaces: map[string]map[string]*Stream{},
	}
	p.deadlines.wake = make(chan struct{}, 1)
	var err error
	if p.key, err = loadKey(s); err != nil {
		return nil, fmt.Errorf("open event plane: %w", err)
	}
	if err := p.recover(); err != nil {
		return nil, fmt.Errorf("open event plane: %w", err)
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	go p.run()
	return p, nil
}

// loadKey returns the key of lock tokens, made at the first start. A damaged one is
// made anew: tokens that are out are then BadToken, and their locks run out.
func loadKey(s store.Store) ([]byte, error) {
	const bytes = 32
	d, err := s.Get(tokenKey)
	if err == nil && len(d.Value) == bytes {
		return d.Value, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrDamaged) {
		return nil, fmt.Errorf("read the key of lock tokens: %w", err)
	}
	key := make([]byte, bytes)
	rand.Read(key)
	var b store.Batch
	b.Put(tokenKey, key)
	if _, err := s.Commit(context.Background(), &b); err != nil {
		return nil, fmt.Errorf("write the key of lock tokens: %w", err)
	}
	return key, nil
}

// Stream returns a topic; nil if there is none. Names ignore case.
func (p *Plane) Stream(namespace, topic string) *Stream {
	if s := p.find(namespace, topic); s != nil && s.told.Load() {
		return s
	}
	return nil
}

// find is Stream for topics that were not told again as well.
func (p *Plane) find(namespace, topic string) *Stream {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return nil
	}
	return p.spaces[fold(namespace)][fold(topic)]
}

// streams are all topics, of one folded namespace or of all if it is "".
func (p *Plane) streams(namespace string) (list []*Stream) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for name, topics := range p.spaces {
		for _, s := range topics {
			if namespace == "" || namespace == name {
				list = append(list, s)
			}
		}
	}
	return list
}

// Close stops what runs in the background, ends every Receive that waits with
// ErrClosed, and writes snapshots, so that the next start is quick. The store stays
// open.
func (p *Plane) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	p.stop()
	<-p.done // before admin, which it may be waiting for
	p.letters.Wait()
	p.admin.Lock()
	defer p.admin.Unlock()
	p.stopPush() // nobody starts another one now
	var errs []error
	for _, s := range p.streams("") {
		errs = append(errs, s.checkpoint())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(append(errs, p.store.Sync(ctx))...)
}

// pushGrace is how long Close waits for what is on its way to a destination.
const pushGrace = 2 * time.Second

// stopPush stops all pushers, and waits for them.
func (p *Plane) stopPush() {
	if p.options.Pushers == nil {
		return
	}
	for _, s := range p.streams("") {
		for _, q := range *s.parts.Load() {
			q.mu.Lock()
			q.endPush(pushGrace)
			q.mu.Unlock()
		}
	}
	p.options.Pushers.Wait()
}

// durable waits until t is durable.
func (p *Plane) durable(ctx context.Context, t store.Ticket) error {
	if t <= p.store.Durable() {
		return nil
	}
	w := make(waiter, 1)
	p.store.Notify(t, w)
	select {
	case err := <-w:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type waiter chan error

func (w waiter) Committed(_ store.Ticket, err error) { w <- err }
