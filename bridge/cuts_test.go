package bridge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridmq/client"
	"gridmq/internal/bubble"
)

// cutting makes connections that end after some bytes, in the middle of whatever is
// under way, until calm is set.
func cutting(dial func(context.Context) (net.Conn, error), r *rand.Rand, calm *atomic.Bool) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		nc, err := dial(ctx)
		if err != nil || calm.Load() {
			return nc, err
		}
		c := &cut{Conn: nc}
		c.left.Store(int64(50 + r.IntN(3000)))
		return c, nil
	}
}

type cut struct {
	net.Conn
	left atomic.Int64 // bytes, of both directions
}

func (c *cut) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.left.Add(-int64(n)) <= 0 {
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *cut) Write(b []byte) (int, error) {
	if c.left.Add(-int64(len(b))) <= 0 {
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// TestCuts: links to both brokers fail at any byte; either broker stops now and then.
// What was acknowledged arrives on the other side, each way, first copies in order.
func TestCuts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		stops := rapid.SliceOfN(rapid.IntRange(0, 2), 1, 6).Draw(rt, "stops") // 0: nobody, 1: here, 2: there
		bubble.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			var calm atomic.Bool
			here, there := newSite(t), newSite(t)
			watch := map[*site]string{here: "down/#", there: "edge/up/#"}
			for s, filter := range watch {
				s.connect("watch", lasting).subscribe(filter, 1).Close()
			}
			o := here.options(there, up, down)
			b := New(o)
			if err := b.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			dice := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) } // one for each goroutine
			o.Local, o.Dial = cutting(here.dial, dice(1), &calm), cutting(there.dial, dice(2), &calm)
			o.Retry = client.Backoff{First: 10 * time.Millisecond, Most: 100 * time.Millisecond}
			o.Window = uint16(1 + r.IntN(20))
			b = New(o)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); b.Run(ctx) }()
			later(5 * time.Second) // the subscription at the other broker is made, or nothing could be promised
			n := 0
			for _, stop := range stops {
				near, far := here.connect("near"), there.connect("far")
				for range 20 {
					near.publish(1, "up/a", fmt.Sprint(n))
					far.publish(1, "edge/down/a", fmt.Sprint(n))
					n++
					time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
				}
				near.Close()
				far.Close()
				if s := []*site{nil, here, there}[stop]; s != nil {
					s.leave()
					time.Sleep(time.Second)
					s.start()
				}
			}
			calm.Store(true)
			later(time.Minute)
			for s, topic := range map[*site]string{here: "down/a", there: "edge/up/a"} {
				got := s.connect("watch", lasting).all()
				var first []string
				for _, m := range got {
					if !slices.Contains(first, m) {
						first = append(first, m)
					}
				}
				if want := numbered(topic, 0, n); !slices.Equal(first, want) {
					t.Errorf("seed %d: got %q, want %q", seed, first, want)
				}
			}
			cancel()
			<-done
		})
		if t.Failed() {
			rt.Fatalf("see above")
		}
	})
}
