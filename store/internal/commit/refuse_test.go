package commit

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gridmq/internal/bubble"
	"gridmq/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is an engine with as much space as it is told. It keeps nothing.
type small struct {
	space, slack atomic.Int64
	takes        bool // what is written takes space, as on a disk
}

func (e *small) Write(g *Group) error {
	if e.takes {
		e.space.Add(-g.Bytes)
	}
	g.Publish()
	return nil
}
func (e *small) Revision([]byte) (uint64, error) { return 0, nil }
func (e *small) Keys([]byte, func([]byte)) error { return nil }
func (e *small) Space() (n, slack int64)         { return e.space.Load(), e.slack.Load() }

// Batches of n bytes, as they are counted.

func entry(n int64) *store.Batch {
	return &store.Batch{Entries: [][]byte{make([]byte, n-entryOverhead)}}
}

func frees(b *store.Batch) *store.Batch {
	b.Frees = true
	return b
}

func removal(n int64) *store.Batch {
	b := &store.Batch{}
	b.Delete(make([]byte, n-opOverhead))
	return b
}

func rewriting(n int64) *store.Batch {
	b := &store.Batch{Frees: true}
	b.Put(nil, make([]byte, n-opOverhead))
	return b
}

func submitted(c *Committer, b *store.Batch) error {
	_, _, err := c.Submit(b)
	return err
}

func committed(c *Committer, b *store.Batch) error {
	_, err := c.Commit(context.Background(), b)
	return err
}

// TestRefuse asks for one batch at a time what the space and the slack allow.
func TestRefuse(t *testing.T) {
	const slack = 4000
	tests := map[string]struct {
		space int64
		batch *store.Batch
		full  bool
	}{
		"fits":                                {1000, entry(1000), false},
		"does not fit":                        {999, entry(1000), true},
		"no space":                            {0, entry(100), true},
		"removal, no space":                   {0, removal(1000), false},
		"rewriting, no space":                 {0, rewriting(1000), false},
		"event, no space":                     {0, frees(entry(1000)), false},
		"more than a share of the slack":      {0, frees(entry(1001)), true},
		"less slack, a smaller share":         {-2000, frees(entry(500)), false},
		"more than the smaller share":         {-2000, frees(entry(501)), true},
		"a few bytes for nearly ever":         {-3900, frees(entry(25)), false},
		"slack used up":                       {-4000, frees(entry(5)), true},
		"below the slack":                     {-9000, removal(50), true},
		"large, and there is space":           {50_000, frees(entry(50_000)), false},
		"larger than the space and its share": {1000, frees(entry(1251)), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := &small{}
			e.space.Store(test.space)
			e.slack.Store(slack)
			for _, fenced := range []bool{false, true} {
				c := Start(e, Options{})
				b, submit := *test.batch, submitted
				if fenced {
					b.Fences = []store.Fence{{Key: []byte("none")}}
					submit = committed
				}
				err := submit(c, &b)
				if errors.Is(err, store.ErrFull) != test.full || err != nil && !test.full {
					t.Errorf("fenced %v: %v, want full %v", fenced, err, test.full)
				}
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestSlackReturns uses the slack up with what is kept, against the contract,
// and gives space back: what makes room is accepted first, then everything.
func TestSlackReturns(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		e := &small{takes: true}
		e.slack.Store(100_000)
		c := Start(e, Options{})
		defer c.Close()
		event, plain := frees(entry(100)), entry(100)
		n := 0
		for ; n < 10_000 && submitted(c, event) == nil; n++ {
			if n%10 == 9 {
				synctest.Wait() // written, and the space asked for again
			}
		}
		if n < 900 || n > 1000 {
			t.Errorf("%d events of 100 bytes were accepted with a slack of 100,000", n)
		}
		refused := func(b *store.Batch) bool { return errors.Is(submitted(c, b), store.ErrFull) }
		if !c.Full() || !refused(event) || !refused(plain) || !refused(removal(100)) {
			t.Errorf("full: %v; something was accepted without slack", c.Full())
		}
		if err := c.Truncate(store.LogID{}, 1, 2); err != nil {
			t.Errorf("Truncate without slack: %v", err)
		}
		e.space.Store(-50_000)
		time.Sleep(time.Second) // nobody asks, and still it is noticed
		if refused(event) || !refused(plain) || !c.Full() {
			t.Errorf("with half of the slack: full: %v", c.Full())
		}
		e.space.Store(50_000)
		time.Sleep(time.Second)
		if c.Full() || refused(event) || refused(plain) {
			t.Errorf("with space: full: %v", c.Full())
		}
	})
}
