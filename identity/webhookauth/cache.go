package webhookauth

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"gridmq/identity"
)

// A cache keeps allowing answers by a MAC over the whole request: every forwarded
// field counts, and no password is kept, not even as a hash that could be tried
// elsewhere. Denials are not kept: whoever was let in meanwhile must not wait.
type cache struct {
	key  [32]byte // of this process only
	life time.Duration
	most int

	mu     sync.Mutex
	byMAC  map[[32]byte]*list.Element
	recent *list.List // of *cached, the latest used first
}

type cached struct {
	mac   [32]byte
	p     *identity.Principal // does not change
	until time.Time
}

func newCache(life time.Duration, most int) *cache {
	c := &cache{life: life, most: most, byMAC: map[[32]byte]*list.Element{}, recent: list.New()}
	rand.Read(c.key[:])
	return c
}

func (c *cache) mac(body []byte) (sum [32]byte) {
	m := hmac.New(sha256.New, c.key[:])
	m.Write(body)
	m.Sum(sum[:0])
	return sum
}

// get returns who an equal request was allowed as, or nil. A nil cache has nobody.
func (c *cache) get(body []byte, now time.Time) *identity.Principal {
	if c == nil {
		return nil
	}
	mac := c.mac(body)
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byMAC[mac]
	if e == nil {
		return nil
	}
	if one := e.Value.(*cached); now.Before(one.until) {
		c.recent.MoveToFront(e)
		return one.p
	}
	c.drop(e)
	return nil
}

// put keeps an answer, never beyond its expiration.
func (c *cache) put(body []byte, p *identity.Principal, now time.Time) {
	if c == nil {
		return
	}
	one := &cached{c.mac(body), p, now.Add(c.life)}
	if !p.Expires.IsZero() && p.Expires.Before(one.until) {
		one.until = p.Expires
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byMAC[one.mac]; e != nil {
		c.drop(e)
	}
	if c.recent.Len() >= c.most {
		c.drop(c.recent.Back())
	}
	c.byMAC[one.mac] = c.recent.PushFront(one)
}

func (c *cache) drop(e *list.Element) {
	delete(c.byMAC, e.Value.(*cached).mac)
	c.recent.Remove(e)
}
