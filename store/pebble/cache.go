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
// They leave by the clock algorithm. Locks: clock before shard; loading is taken
// alone, around a load.
type cache struct {
	max    int64
	seed   maphash.Seed
	shards [shards]shard
	// loading lets one reader load while its neighbours wait for the result.
	loading [stripes]sync.Mutex

	clock struct {
		mu    sync.Mutex
		used  int64
		hand  int
		cards []*card
	}
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
	chunk chunk
	size  int64
	used  atomic.Bool // since the hand went by
}

// cardOverhead is what a cached record costs beside its bytes, roughly.
const cardOverhead = 200

func newCache(max int64) *cache {
	c := &cache{max: max, seed: maphash.MakeSeed()}
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

// put keeps a record and returns it as it is kept.
func (c *cache) put(log *commit.Log, r record) *record {
	x := &card{
		record: r,
		chunk:  chunk{log, uint64(r.first) / maxEntries},
		size:   int64(len(r.ends)+len(r.data)) + cardOverhead,
	}
	if x.size > c.max {
		return &x.record
	}
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	s := c.shard(x.chunk)
	s.mu.Lock()
	cards := s.chunks[x.chunk]
	i, had := search(cards, r.first)
	if had {
		s.mu.Unlock()
		return &cards[i].record
	}
	s.chunks[x.chunk] = slices.Insert(cards, i, x)
	s.mu.Unlock()
	c.clock.used += x.size
	c.clock.cards = append(c.clock.cards, x)
	for c.clock.used > c.max {
		c.turn()
	}
	return &x.record
}

// turn moves the hand of the clock on by one. c.clock.mu is held.
func (c *cache) turn() {
	k := &c.clock
	if k.hand >= len(k.cards) {
		k.hand = 0
	}
	x := k.cards[k.hand]
	if x.used.Swap(false) {
		k.hand++
		return
	}
	last := len(k.cards) - 1
	k.cards[k.hand] = k.cards[last]
	k.cards[last] = nil
	k.cards = k.cards[:last]
	k.used -= x.size
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
