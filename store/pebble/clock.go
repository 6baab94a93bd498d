package pebble

import "sync"

// A clock says which record leaves a full cache: the hand goes round, spares
// once each that was used since it came by, and takes the first that was not.
// New ones stand just behind the hand, so that it comes to them last.
type clock struct {
	mu   sync.Mutex
	max  int64
	used int64 // the cost of all cards
	hand *card // nil when there is none
}

func (k *clock) add(x *card) {
	k.used += x.cost()
	if k.hand == nil {
		x.next, x.prev = x, x
		k.hand = x
		return
	}
	x.next, x.prev = k.hand, k.hand.prev
	x.prev.next, x.next.prev = x, x
}

func (k *clock) remove(x *card) {
	k.used -= x.cost()
	if x.next == x {
		k.hand = nil
		return
	}
	x.prev.next, x.next.prev = x.next, x.prev
	if k.hand == x {
		k.hand = x.next
	}
}

// victim is the card that leaves next. There is one.
func (k *clock) victim() *card {
	for k.hand.used.Swap(false) {
		k.hand = k.hand.next
	}
	return k.hand
}
