package listener

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"gridmq/internal/bubble"
)

func TestPenalty(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := NewPenalty(2, 5)
		bad, other := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.8")
		away := func(a netip.Addr) bool { where, _ := prefixOf(a); return p.away(where) }
		for range 5 {
			if away(bad) {
				t.Fatalf("away before the burst is used up")
			}
			p.Blame(bad)
		}
		if !away(bad) || away(other) {
			t.Errorf("after five refusals: away %v, want true; the neighbour's %v, want false", away(bad), away(other))
		}
		time.Sleep(500 * time.Millisecond)
		if away(bad) {
			t.Errorf("still away when there may be another refusal")
		}
		time.Sleep(time.Minute)
		if away(bad); len(p.boxes) != 0 || p.some.Load() {
			t.Errorf("%d addresses are remembered after they were quiet", len(p.boxes))
		}
	})
}

// An IPv6 customer has a /64 and cannot hide in it.
func TestPenaltyOfNetwork(t *testing.T) {
	p := NewPenalty(1, 3)
	for i := range 3 {
		p.Blame(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)))
	}
	if where, _ := prefixOf(netip.MustParseAddr("2001:db8::ffff")); !p.away(where) {
		t.Errorf("another address of the /64 is let in")
	}
	if where, _ := prefixOf(netip.MustParseAddr("2001:db8:0:1::1")); p.away(where) {
		t.Errorf("another network is kept away")
	}
}

func TestPenaltyIsBounded(t *testing.T) {
	p := NewPenalty(1, 3)
	for i := range 3 * maxBoxes {
		p.Blame(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	if n := len(p.boxes); n > maxBoxes {
		t.Errorf("%d addresses are remembered, want at most %d", n, maxBoxes)
	}
}
