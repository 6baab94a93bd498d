package operator

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gridmq/control/role"
)

func TestTokens(t *testing.T) {
	token, hash := NewToken()
	other, _ := NewToken()
	if token == other || HashOf(string(token)) != hash || len(token) != len(tokenPrefix)+43 {
		t.Errorf("tokens %d long", len(token))
	}
	if s := fmt.Sprintf("%v %+v %#v %s", token, token, token, token); strings.Contains(s, string(token)) {
		t.Error("a token prints itself")
	}
	if _, ok := ParseHash(strings.ToUpper(string(hash)) + "\n"); !ok {
		t.Error("a hash is not read")
	}
	if _, ok := ParseHash("abc"); ok {
		t.Error("abc is taken for a hash")
	}
}

func TestThrottle(t *testing.T) {
	th := newThrottle()
	now := time.Unix(1000, 0)
	a, neighbour, far := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:2"), netip.MustParseAddr("2001:db8:0:1::1")
	for i := range 10 {
		if _, yes := th.exhausted(a, now); yes {
			t.Fatalf("exhausted after %d", i)
		}
		th.failed(a, now)
	}
	if wait, yes := th.exhausted(neighbour, now); !yes || wait != 6*time.Second {
		t.Errorf("a neighbour may go on: %v, %v", wait, yes)
	}
	if _, yes := th.exhausted(far, now); yes {
		t.Error("another network is exhausted")
	}
	if _, yes := th.exhausted(a, now.Add(6*time.Second)); yes {
		t.Error("still exhausted after 6 s")
	}
	for range 10 {
		th.failed(far, now)
	}
	if _, yes := th.exhausted(far, now.Add(-time.Hour)); !yes {
		t.Error("a clock that goes back lets in")
	}
	for i := range 5000 { // bounded, and the newest are remembered
		th.failed(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), now.Add(time.Duration(i)*time.Millisecond))
	}
	if len(th.seen) != th.most || th.seen[netip.AddrFrom4([4]byte{10, 0, 4999 >> 8, 4999 & 255})] == nil {
		t.Errorf("%d addresses are remembered", len(th.seen))
	}
}

func TestDoor(t *testing.T) {
	token, hash := NewToken()
	d := NewDoor(Options{Local: []Operator{{Name: "local", Role: RoleNamed("owner"), Scope: "/", Hash: hash}, {Name: "empty", Role: RoleNamed("owner"), Scope: "/"}}})
	enter := func(header string) (string, error) {
		c, err := d.Enter(context.Background(), header, netip.Addr{})
		if err != nil {
			return "", err
		}
		return c.Name, nil
	}
	tests := map[string]struct {
		header string
		err    error
	}{
		"token": {"Bearer " + string(token), nil}, "lower case": {"bearer  " + string(token), nil},
		"nothing": {"", ErrNoToken}, "no scheme": {string(token), ErrNoToken}, "empty": {"Bearer ", ErrNoToken},
		"basic": {"Basic " + string(token), ErrNoToken}, "wrong": {"Bearer " + string(token) + "x", ErrBadToken},
		"the hash": {"Bearer " + string(hash), ErrBadToken}, "long": {"Bearer " + strings.Repeat("x", maxToken+1), ErrBadToken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if who, err := enter(tt.header); !errors.Is(err, tt.err) || err == nil && who != "local" {
				t.Errorf("%q, %v, want %v", who, err, tt.err)
			}
		})
	}
	c := Caller{Grants: []Grant{{role.ByID(role.Reader), "/subscriptions/s/resourceGroups/g"}}}
	for id, want := range map[string]bool{"/subscriptions/S/resourcegroups/G/x": true, "/subscriptions/s/resourceGroups/g2": false, "/subscriptions/s": false} {
		if got := c.May("a/read", id); got != want {
			t.Errorf("May read %s: %v", id, got)
		}
	}
	if !c.MayBelow("a/read", "/subscriptions/s") || c.MayBelow("a/write", "/subscriptions/s") || c.May("a/listKeys/action", "/subscriptions/s/resourceGroups/g") {
		t.Error("a reader may too much or too little")
	}
}
