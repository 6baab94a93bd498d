package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"gridmq/mqtt"
	"gridmq/store"
)

// Namespaces come and go while the broker runs. Whoever serves a connection reads
// the map without a lock; whoever changes it puts another one in its place.

func (b *Broker) namespace(name string) *namespace { return b.all()[name] }

func (b *Broker) all() map[string]*namespace {
	if m := b.namespaces.Load(); m != nil {
		return *m
	}
	return nil // the metrics are asked before New is over
}

// recover opens the namespaces that are there from the start: all of them before
// any goes on, since their wills may concern one another's disk.
func (b *Broker) recover(o Options) (map[string]*namespace, error) {
	spaces := make(map[string]*namespace)
	for _, c := range o.Namespaces {
		if spaces[c.Name] != nil {
			return nil, fmt.Errorf("namespace %q is there twice", c.Name)
		}
		ns, err := b.openNamespace(c, o.Progress)
		if err != nil {
			return nil, fmt.Errorf("recover namespace %q: %w", c.Name, err)
		}
		spaces[c.Name] = ns
	}
	for _, ns := range spaces {
		if err := ns.resume(); err != nil {
			return nil, fmt.Errorf("recover namespace %q: %w", ns.name, err)
		}
	}
	return spaces, nil
}

// run starts what a namespace does by itself, until ctx is done or it is closed.
func (ns *namespace) run(ctx context.Context) {
	ctx, ns.stop = context.WithCancel(ctx)
	ns.stopped = make(chan struct{})
	ns.b.tasks.Go(func() {
		defer close(ns.stopped)
		ns.kept = ns.queues.Run(ctx, ns) == nil
	})
}

// Open adds a namespace, with whatever the store holds of it.
func (b *Broker) Open(c NamespaceConfig) error {
	b.tenancy.Lock()
	defer b.tenancy.Unlock()
	if b.namespace(c.Name) != nil {
		return fmt.Errorf("open namespace %q: it is open", c.Name)
	}
	ns, err := b.openNamespace(c, nil)
	if err == nil {
		err = ns.resume()
	}
	if err != nil {
		return fmt.Errorf("open namespace %q: %w", c.Name, err)
	}
	b.mu.Lock()
	closing := b.closing.Load()
	if !closing {
		ns.run(b.ctx) // Close waits for it
	}
	b.mu.Unlock()
	if closing {
		return fmt.Errorf("open namespace %q: the broker is shutting down", c.Name)
	}
	b.replace(func(m map[string]*namespace) { m[c.Name] = ns })
	return nil
}

func (b *Broker) replace(change func(map[string]*namespace)) {
	m := maps.Clone(b.all())
	if m == nil {
		m = make(map[string]*namespace)
	}
	change(m)
	b.namespaces.Store(&m)
}

// SetEnabled lets a namespace serve, or ends its connections and refuses new
// ones. Sessions and messages stay.
func (b *Broker) SetEnabled(name string, enabled bool) error {
	ns := b.namespace(name)
	if ns == nil {
		return fmt.Errorf("no namespace %q", name)
	}
	ns.disabled.Store(!enabled)
	if !enabled {
		for _, x := range ns.live() {
			x.endConn(mqtt.AdministrativeAction, causeEnded, "the MQTT broker of this namespace was disabled")
		}
	}
	return nil
}

// Remove ends every connection and session of a namespace, and deletes what the
// store holds of it. It waits until that is durable.
func (b *Broker) Remove(ctx context.Context, name string) error {
	b.tenancy.Lock()
	defer b.tenancy.Unlock()
	ns := b.namespace(name)
	if ns == nil {
		return fmt.Errorf("no namespace %q", name)
	}
	ns.outside.Lock() // messages of nobody's connection that are on their way come first
	ns.disabled.Store(true)
	ns.outside.Unlock()
	ns.endTaps(tapNamespaceGone)
	for len(ns.mailboxes()) > 0 { // a CONNECT may be on its way in
		for _, x := range ns.mailboxes() {
			ns.end(x, "namespace_removed", nil)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	ns.stop()
	<-ns.stopped
	b.counting.Lock()
	b.metrics.gone.add(&ns.traffic)
	b.replace(func(m map[string]*namespace) { delete(m, name) })
	b.counting.Unlock()
	var batch store.Batch
	batch.DeletePrefix([]byte(ns.keys.prefix))
	_, err := b.store.Commit(ctx, &batch)
	if _, last := b.store.Bounds(ns.log); last > 0 {
		err = errors.Join(err, b.store.Truncate(ns.log, 1, last+1))
	}
	return err
}

// mailboxes are the sessions there are, live those with a connection.
func (ns *namespace) mailboxes() []*mailbox {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	list := make([]*mailbox, 0, len(ns.sessions))
	for _, x := range ns.sessions {
		list = append(list, x)
	}
	return list
}

func (ns *namespace) live() []*mailbox {
	list := ns.mailboxes()
	n := 0
	for _, x := range list {
		if x.connection() != nil {
			list[n] = x
			n++
		}
	}
	clear(list[n:])
	return list[:n]
}

func (x *mailbox) connection() *conn {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.conn
}

func (x *mailbox) endConn(code mqtt.Code, why cause, reason string) bool {
	c := x.connection()
	if c != nil {
		c.endSaying(code, why, reason)
	}
	return c != nil
}

// validName says whether a namespace can have the name: it is part of keys.
func validName(name string) error {
	if name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("namespace %q: its name is empty or has a slash", name)
	}
	return nil
}
