package pebble

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

const (
	shards  = 16
	stripes = 64
)

// A cache keeps decoded records, so that many readers of the same part of a log
// read each record once. A hit takes the read lock of one shard.
//
// Records are found by position: they lie in chunks of maxEntries positions by
// their first one, so a position's record is in its own chunk or the one before.
// They leave by the clock algorithm (clock.go), or when they are truncated.
// Locks: clock before shard; loading is taken alone, around a load.
type cache struct {
	seed   maphash.Seed
	shards [shards]shard
	clock  clock
	// loading lets one reader load while its neighbours wait for the result.
	loading [stripes]sync.Mutex
}

type shard struct {
	mu     sync.RWMutex
	chunks map[chunk][]*card // sorted by first position
}

type chunk struct {
	log *commit.Log
	n   uint64
}

// A card is a record in the cache.
type card struct {
	record
	chunk      chunk
	used       atomic.Bool // since the hand went by
	next, prev *card       // on the clock
}

// cost is the memory of a card, roughly.
func (x *card) cost() int64 { return int64(x.size()) + 200 }

func newCache(max int64) *cache {
	c := &cache{clock: clock{max: max}, seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].chunks = map[chunk][]*card{}
	}
	return c
}

func (c *cache) shard(k chunk) *shard {
	return &c.shards[maphash.Comparable(c.seed, k)%shards]
}

// stripe is the lock of those who load the record of pos.
func (c *cache) stripe(log *commit.Log, pos store.Position) *sync.Mutex {
	return &c.loading[maphash.Comparable(c.seed, chunk{log, uint64(pos) >> 10})%stripes]
}

// get finds the record that holds pos.
func (c *cache) get(log *commit.Log, pos store.Position) *record {
	k := chunk{log, uint64(pos) / maxEntries}
	x := c.floor(k, pos)
	if x == nil && k.n > 0 {
		x = c.floor(chunk{log, k.n - 1}, pos)
	}
	if x == nil || pos >= x.end() {
		return nil
	}
	if !x.used.Load() {
		x.used.Store(true)
	}
	return &x.record
}

// floor is the last record of a chunk that begins at pos or before.
func (c *cache) floor(k chunk, pos store.Position) *card {
	s := c.shard(k)
	s.mu.RLock()
	defer s.mu.RUnlock()
	cards := s.chunks[k]
	i, exact := search(cards, pos)
	if !exact {
		i--
	}
	if i < 0 {
		return nil
	}
	return cards[i]
}

func search(cards []*card, first store.Position) (int, bool) {
	return slices.BinarySearchFunc(cards, first, func(x *card, p store.Position) int {
		switch {
		case x.first < p:
			return -1
		case x.first > p:
			return 1
		}
		return 0
	})
}

// put keeps a record and returns it as it is kept. One that begins where another
// does takes its place: the log has grown behind that one.
func (c *cache) put(log *commit.Log, r record) *record {
	x := &card{record: r, chunk: chunk{log, uint64(r.first) / maxEntries}}
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	if x.cost() > c.clock.max {
		return &x.record
	}
	s := c.shard(x.chunk)
	s.mu.Lock()
	cards := s.chunks[x.chunk]
	i, had := search(cards, r.first)
	if had {
		c.clock.remove(cards[i])
		cards[i] = x
	} else {
		s.chunks[x.chunk] = slices.Insert(cards, i, x)
	}
	s.mu.Unlock()
	for c.clock.used+x.cost() > c.clock.max {
		c.forget(c.clock.victim())
	}
	c.clock.add(x)
	return &x.record
}

// forget lets go of x. c.clock.mu is held.
func (c *cache) forget(x *card) {
	c.clock.remove(x)
	s := c.shard(x.chunk)
	s.mu.Lock()
	defer s.mu.Unlock()
	cards := s.chunks[x.chunk]
	if i, ok := search(cards, x.first); ok {
		cards = slices.Delete(cards, i, i+1)
	}
	if len(cards) == 0 {
		delete(s.chunks, x.chunk)
	} else {
		s.chunks[x.chunk] = cards
	}
}

// drop lets go of the records that a truncation covers wholly, as far as it is
// new.
func (c *cache) drop(cut commit.Cut) {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	if c.clock.used == 0 {
		return
	}
	for _, k := range c.chunks(cut) {
		s := c.shard(k)
		s.mu.RLock()
		cards := slices.Clone(s.chunks[k])
		s.mu.RUnlock()
		for _, x := range cards {
			if x.first >= cut.Span.From && x.end() <= cut.Span.To {
				c.forget(x)
			}
		}
	}
}

// chunks lists the chunks in which a truncation may cover records. c.clock.mu is
// held: nobody else adds or removes any.
func (c *cache) chunks(cut commit.Cut) (list []chunk) {
	from, to := uint64(cut.Asked.From)/maxEntries, uint64(cut.Asked.To)/maxEntries
	from -= min(from, 1)
	if to-from < 1000 {
		for n := from; n <= to; n++ {
			list = append(list, chunk{cut.Log, n})
		}
		return list
	}
	for i := range c.shards { // rather those that are there: logs have leaps (settle)
		s := &c.shards[i]
		s.mu.RLock()
		for k := range s.chunks {
			if k.log == cut.Log && from <= k.n && k.n <= to {
				list = append(list, k)
			}
		}
		s.mu.RUnlock()
	}
	return list
}
