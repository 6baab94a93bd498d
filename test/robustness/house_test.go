package robustness

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/broker"
	"gridmq/listener"
	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/faulty"
	"gridmq/store/memory"
)

// A house is a place in which brokers follow each other on one store, in
// process. Devices dial whichever is there.
type house struct {
	t      testing.TB
	inner  store.Store       // outlives brokers
	limits broker.Limits     // of brokers to come; standard
	may    broker.Authorizer // everything
	// wrap goes between the broker and its faulty store. Default: nothing.
	wrap func(*faulty.Store) store.Store

	now atomic.Pointer[node]
}

// A node is one broker in process.
type node struct {
	b     *broker.Broker
	st    *faulty.Store
	mu    sync.Mutex // guards gone against dial
	gone  bool
	conns sync.WaitGroup
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, inner: memory.New(memory.Options{}), limits: broker.StandardLimits(), may: broker.AllowAll{}}
	t.Cleanup(func() {
		h.leave()
		h.inner.Close()
	})
	return h
}

// open starts a broker on what the store holds.
func (h *house) open() error {
	if err := h.inner.Sync(context.Background()); err != nil {
		return err
	}
	n := &node{st: faulty.New(h.inner)}
	var st store.Store = n.st
	if h.wrap != nil {
		st = h.wrap(n.st)
	}
	var err error
	n.b, err = broker.New(broker.Options{Store: st, Namespaces: []broker.NamespaceConfig{{
		Name: "house", Limits: h.limits, Authenticator: broker.AllowAll{}, Authorizer: h.may,
	}}})
	if err != nil {
		return err
	}
	h.now.Store(n)
	return nil
}

// enter is open that must succeed.
func (h *house) enter() *node {
	h.t.Helper()
	if err := h.open(); err != nil {
		h.t.Fatalf("start the broker: %v", err)
	}
	return h.now.Load()
}

// leave ends the broker, if one is there. One that does not end hangs.
func (h *house) leave() {
	n := h.now.Swap(nil)
	if n == nil {
		return
	}
	n.mu.Lock()
	n.gone = true
	n.mu.Unlock()
	n.st.Release()
	ended := make(chan struct{})
	go func() {
		_ = n.b.Close() // with a store that has crashed it cannot go well
		n.conns.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute): // the broker gives its store 10 to 30 s
		stacks := make([]byte, 1<<20)
		os.Stderr.Write(stacks[:runtime.Stack(stacks, true)])
		panic("the broker does not end: dead-lock, see the goroutines")
	}
}

var errPowerCut = errors.New("injected: power cut")

// crash ends the broker in the middle of things: what is held back is lost.
func (h *house) crash() {
	if n := h.now.Load(); n != nil {
		n.st.Crash(errPowerCut)
		h.leave()
	}
}

var errNobody = errors.New("no broker is there")

// dial is for devices.
func (h *house) dial(context.Context) (net.Conn, error) {
	n := h.now.Load()
	if n == nil {
		return nil, errNobody
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone {
		return nil, errNobody
	}
	near, far := listener.NewPipe()
	n.conns.Go(func() {
		for next := n.b.Serve(near, broker.Peer{Namespace: "house", Transport: "pipe"}); next != nil; {
			next = next()
		}
	})
	return far, nil
}

// guest is a device of this house with a session that stays. The test fails
// when the broker breaks a rule towards it.
func (h *house) guest(id string, v mqtt.Version) *device {
	d := &device{id: id, v: v, expiry: never, dial: h.dial, fault: h.t.Errorf}
	h.t.Cleanup(d.close)
	return d
}

// arrive connects a guest, which must succeed.
func (h *house) arrive(d *device) *link {
	h.t.Helper()
	l, _, err := d.connect(context.Background())
	if err != nil {
		h.t.Fatalf("%s cannot connect: %v", d.id, err)
	}
	return l
}

// arriveFor is arrive with a subscription.
func (h *house) arriveFor(d *device, qos byte, filters ...string) *link {
	h.t.Helper()
	l := h.arrive(d)
	if _, err := d.subscribe(qos, filters...); err != nil {
		h.t.Fatalf("%s cannot subscribe: %v", d.id, err)
	}
	return l
}

// depart ends a guest's connection, and returns when the broker knows.
func (h *house) depart(d *device, l *link) {
	d.disconnect(l)
	d.readers.Wait()
}
