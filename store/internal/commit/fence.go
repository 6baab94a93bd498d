package commit

import (
	"bytes"
	"context"

	"gridmq/store"
)

// A fenced batch waits for the committer, which alone knows the state just
// before it. Its place is at the end of the group that takes it.
type fenced struct {
	log   *Log
	batch store.Batch // a copy: the caller may go before it is decided
	bytes int64

	gone  bool // the caller left; guarded by Committer.mu
	first store.Position
	done  chan error // one
}

func (f *fenced) Committed(_ store.Ticket, err error) { f.done <- err }

// Commit is store.Store.Commit.
func (c *Committer) Commit(ctx context.Context, b *store.Batch) (store.Position, error) {
	if len(b.Fences) == 0 {
		first, t, err := c.Submit(b)
		if err != nil {
			return 0, err
		}
		return first, c.wait(ctx, t)
	}
	n, frees := size(b), b.MakesRoom()
	f := &fenced{batch: clone(b), bytes: n, done: make(chan error, 1)}
	c.mu.Lock()
	if err := c.refuse(n, frees); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	if len(b.Entries) > 0 {
		f.log = c.logLocked(b.Log)
	}
	c.budget -= n
	c.fenced = append(c.fenced, f)
	c.unlockAndWake()
	select {
	case err := <-f.done:
		if err != nil {
			return 0, err
		}
		return f.first, nil
	case <-ctx.Done():
		c.mu.Lock()
		f.gone = true // if it has not begun, it never will
		c.mu.Unlock()
		return 0, ctx.Err()
	}
}

func clone(b *store.Batch) store.Batch {
	c := store.Batch{Log: b.Log, Frees: b.Frees}
	for _, e := range b.Entries {
		c.Entries = append(c.Entries, bytes.Clone(e))
	}
	for _, o := range b.Ops {
		o.Key, o.Value = bytes.Clone(o.Key), bytes.Clone(o.Value)
		c.Ops = append(c.Ops, o)
	}
	for _, f := range b.Fences {
		f.Key = bytes.Clone(f.Key)
		if f.Log != nil {
			id := *f.Log
			f.Log = &id
		}
		c.Fences = append(c.Fences, f)
	}
	return c
}

// revisions reads, without the lock, what the fences of waiting ask for. The
// committer is the only writer, so it stays true until it writes.
func (c *Committer) revisions(waiting []*fenced) (map[string]uint64, error) {
	known := map[string]uint64{}
	for _, f := range waiting {
		for _, fence := range f.batch.Fences {
			if _, ok := known[string(fence.Key)]; ok || fence.Log != nil {
				continue
			}
			rev, err := c.engine.Revision(fence.Key)
			if err != nil {
				return nil, err
			}
			known[string(fence.Key)] = rev
		}
	}
	return known, nil
}

// decide adds to g those of waiting whose fences hold and returns the others.
// c.mu is held.
func (c *Committer) decide(g *Group, waiting []*fenced, known map[string]uint64) (refused []*fenced) {
	seen := 0
	for _, f := range waiting {
		if f.gone {
			continue
		}
		for ; seen < len(g.Ops); seen++ {
			follow(known, g.Ops[seen], c.revision+uint64(seen)+1)
		}
		if !c.holds(f.batch.Fences, known) {
			refused = append(refused, f)
			continue
		}
		f.first = g.add(f.log, &f.batch)
		g.Bytes += f.bytes
		if g.empty() { // nothing to wait for
			f.done <- nil
			continue
		}
		g.waiters = append(g.waiters, f)
	}
	return refused
}

// follow keeps known true after op.
func follow(known map[string]uint64, op Op, revision uint64) {
	if op.Prefix {
		for k := range known {
			if bytes.HasPrefix([]byte(k), op.Key) {
				known[k] = 0
			}
		}
		return
	}
	if _, ok := known[string(op.Key)]; !ok {
		return
	}
	if op.Delete {
		revision = 0
	}
	known[string(op.Key)] = revision
}

func (c *Committer) holds(fences []store.Fence, known map[string]uint64) bool {
	for _, f := range fences {
		if f.Log != nil {
			if log := c.find(*f.Log); log == nil && f.Last != 0 || log != nil && log.last != f.Last {
				return false
			}
		} else if known[string(f.Key)] != f.Revision {
			return false
		}
	}
	return true
}
