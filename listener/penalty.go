package listener

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A Penalty keeps addresses away from which too many clients come that are refused:
// a device with a wrong certificate that tries again and again, somebody who guesses.
// What they cost then is an accept and a close, and no handshake. It may serve
// several listeners.
type Penalty struct {
	perSecond, burst float64
	some             atomic.Bool // there are boxes: else nobody needs mu

	mu    sync.Mutex
	boxes map[netip.Prefix]*box
}

// A box is how many refusals an address may still have.
type box struct {
	left float64
	at   time.Time
}

// maxBoxes bounds the addresses that are known. Beyond, some are forgotten.
const maxBoxes = 1 << 16

// NewPenalty allows so many refusals a second from one address (IPv6: from a /64),
// and burst at once.
func NewPenalty(perSecond, burst int) *Penalty {
	return &Penalty{perSecond: float64(perSecond), burst: float64(burst), boxes: make(map[netip.Prefix]*box)}
}

// Blame counts a refusal.
func (p *Penalty) Blame(from netip.Addr) {
	prefix, ok := prefixOf(from)
	if p == nil || !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.boxes[prefix]
	if b == nil {
		p.makeRoom()
		b = &box{left: p.burst, at: time.Now()}
		p.boxes[prefix] = b
		p.some.Store(true)
	}
	p.refill(b)
	b.left = max(-p.burst, b.left-1) // those already in a handshake count as well
}

func (p *Penalty) refill(b *box) {
	now := time.Now()
	b.left = min(p.burst, b.left+p.perSecond*now.Sub(b.at).Seconds())
	b.at = now
}

// away says whether an address has to stay away for now.
func (p *Penalty) away(from netip.Prefix) bool {
	if p == nil || !p.some.Load() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.boxes[from]
	if b == nil {
		return false
	}
	if p.refill(b); b.left >= p.burst {
		delete(p.boxes, from)
		p.some.Store(len(p.boxes) > 0)
	}
	return b.left < 1
}

// makeRoom forgets addresses that have been quiet, and if that is not enough some
// others. p.mu is held.
func (p *Penalty) makeRoom() {
	if len(p.boxes) < maxBoxes {
		return
	}
	for from, b := range p.boxes {
		if p.refill(b); b.left >= p.burst {
			delete(p.boxes, from)
		}
	}
	for from := range p.boxes {
		if len(p.boxes) < maxBoxes*3/4 {
			return
		}
		delete(p.boxes, from)
	}
}
