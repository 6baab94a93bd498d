package passwordauth

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"gridmq/identity"
)

// A mac stands for a client, its hash and a password. Without the key, which is
// never written anywhere, it says nothing about them.
type mac [sha256.Size]byte

// A cache remembers which passwords were right, the least recently used of them
// being forgotten first. A client that gets another password gets another hash and
// so another mac: nothing has to be taken out. A nil cache remembers nothing.
type cache struct {
	key  [32]byte
	size int
	keep time.Duration

	mu   sync.Mutex
	at   map[mac]*list.Element
	used list.List // of *right, last used first
}

type right struct {
	mac  mac
	last time.Time
}

func newCache(size int, keep time.Duration) *cache {
	c := &cache{size: size, keep: keep, at: map[mac]*list.Element{}}
	rand.Read(c.key[:])
	return c
}

func (c *cache) mac(client *identity.Client, password []byte) (m mac) {
	h := hmac.New(sha256.New, c.key[:])
	for _, part := range [][]byte{[]byte(client.Name), []byte(client.Password), password} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	h.Sum(m[:0])
	return m
}

// known says whether this was right lately, and gives the mac to remember it by.
func (c *cache) known(client *identity.Client, password []byte) (m mac, ok bool) {
	if c == nil {
		return m, false
	}
	m = c.mac(client, password)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.at[m]
	if !ok {
		return m, false
	}
	r := e.Value.(*right)
	if now.Sub(r.last) >= c.keep {
		c.drop(e)
		return m, false
	}
	r.last = now
	c.used.MoveToFront(e)
	return m, true
}

func (c *cache) remember(m mac) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.at[m]; there {
		return
	}
	if len(c.at) >= c.size {
		c.drop(c.used.Back())
	}
	c.at[m] = c.used.PushFront(&right{m, time.Now()})
}

func (c *cache) drop(e *list.Element) {
	delete(c.at, e.Value.(*right).mac)
	c.used.Remove(e)
}
