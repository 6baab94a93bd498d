package client_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
)

// A cutter is a network that fails: each connection ends after some bytes, in
// the middle of whatever is under way.
type cutter struct {
	target client.Target
	mu     sync.Mutex
	rand   *rand.Rand
	calm   bool // no more cuts
	cuts   atomic.Int32
}

func (c *cutter) dial(ctx context.Context) (net.Conn, error) {
	nc, err := client.Dial(ctx, c.target)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calm {
		return nc, nil
	}
	cut := &cutConn{Conn: nc, cutter: c}
	cut.left.Store(int64(40 + c.rand.IntN(2000)))
	return cut, nil
}

type cutConn struct {
	net.Conn
	cutter *cutter
	left   atomic.Int64 // bytes, of both directions
}

func (c *cutConn) spend(n int) (allowed int) {
	left := c.left.Add(-int64(n)) + int64(n)
	if left >= int64(n) {
		return n
	}
	if left > 0 {
		c.cutter.cuts.Add(1)
	}
	return max(0, int(left))
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if allowed := c.spend(n); allowed < n {
		c.Conn.Close()
		return allowed, net.ErrClosed
	}
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	allowed := c.spend(len(b))
	n, err := c.Conn.Write(b[:allowed])
	if allowed < len(b) {
		c.Conn.Close()
		return n, net.ErrClosed
	}
	return n, err
}

// TestCuts sends through a network that fails all the time, on both sides, and
// wants QoS 2 exactly once and QoS 1 at least once, both in order.
func TestCuts(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		for qos := byte(1); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("version %d, QoS %d", v, qos), func(t *testing.T) {
				t.Parallel()
				testCuts(t, v, qos)
			})
		}
	}
}

func testCuts(t *testing.T, v mqtt.Version, qos byte) {
	const messages = 300
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	n := serve(t)
	network := &cutter{target: n.target(t, "dev"), rand: rand.New(rand.NewPCG(seed, 0))}
	ctx, stop := context.WithCancel(t.Context())
	backoff := client.Backoff{First: time.Millisecond, Most: 10 * time.Millisecond}
	options := func(id string) client.Options {
		return client.Options{Dial: network.dial, Version: v, ClientID: id, Resume: true, SessionExpiry: client.Never, InFlight: 10}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()

	var got []int
	all := make(chan struct{})
	var once sync.Once
	sub := options("sub")
	sub.OnMessage = func(m *client.Message) {
		var i int
		fmt.Sscan(string(m.Payload), &i)
		got = append(got, i)
		if i == messages-1 {
			once.Do(func() { close(all) })
		}
	}
	subscribed := make(chan struct{})
	var first sync.Once
	wg.Go(func() {
		client.Reconnect(ctx, sub, backoff, func(ctx context.Context, c *client.Client) error {
			_, err := c.Subscribe(ctx, mqtt.Subscription{Filter: "cuts", QoS: qos})
			if err == nil {
				first.Do(func() { close(subscribed) })
			}
			return err
		}, nil)
	})
	<-subscribed

	var outcomes sync.WaitGroup
	outcomes.Add(messages)
	next := 0
	wg.Go(func() {
		client.Reconnect(ctx, options("pub"), backoff, func(ctx context.Context, c *client.Client) error {
			for ; next < messages; next++ {
				err := c.PublishAsync(ctx, &client.Message{Topic: "cuts", QoS: qos, Payload: fmt.Append(nil, next)},
					func(_ mqtt.Code, err error) {
						if err != nil {
							t.Errorf("outcome: %v", err)
						}
						outcomes.Done()
					})
				if err != nil {
					return err // it was not taken over by the session: again in the next connection
				}
			}
			return nil
		}, nil)
	})
	finished := make(chan struct{})
	go func() { outcomes.Wait(); <-all; close(finished) }() // ends with the last message
	select {
	case <-finished:
	case <-time.After(2 * time.Minute):
		t.Fatal("not everything was acknowledged and received after two minutes")
	}
	if cuts := network.cuts.Load(); cuts < 5 {
		t.Errorf("only %d cuts: this tests nothing", cuts)
	}
	stop()
	wg.Wait()
	want := 0
	for _, i := range got {
		if i == want {
			want++
		} else if qos == 2 || i > want {
			t.Fatalf("got %d where %d was due, after %d messages", i, want, len(got))
		}
	}
	if want != messages {
		t.Errorf("%d messages came, want %d", want, messages)
	}
	t.Logf("%d cuts, %d deliveries of %d messages", network.cuts.Load(), len(got), messages)
}
