package tenants

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"gridmq/broker"
	"gridmq/control"
	"gridmq/control/resource"
	"gridmq/mqtt"
)

// refuse is what the broker tells of a client that is not let in.
func (t *Tenants) refuse(namespace, client string) {
	t.Refused(broker.Visit{Namespace: namespace, ClientID: client, Version: mqtt.V5, Address: netip.MustParseAddr("192.0.2.1")}, errors.New("no"))
}

func (b *bench) refusals(namespace string, most int) []control.Refusal {
	b.Helper()
	list, err := b.t.Refusals(b.Context(), namespace, most)
	if err != nil {
		b.Fatal(err)
	}
	return list
}

// TestRefusalsByNamespace: a noisy namespace pushes out nobody else's refusals, each
// has a bound, and they go with their namespace.
func TestRefusalsByNamespace(t *testing.T) {
	b := newBench(t)
	change := func(name string) resource.Change {
		return resource.Change{Namespace: name, Kind: resource.Namespaces, Name: name, New: b.resource.Load()}
	}
	for _, name := range []string{"plant", "yard"} {
		b.t.Apply(change(name))
	}
	b.t.refuse("yard", "quiet")
	b.t.refuse("nobody.example", "lost")
	for i := range 3 * refusalsKept {
		b.t.refuse("plant", fmt.Sprint("c", i))
		b.t.refuse("plant", "often") // comes again and again, and so stays
	}
	for i := range 3 * refusalsKept {
		b.t.refuse("", fmt.Sprint("scanner", i))
	}
	if got := b.refusals("yard", 10); len(got) != 1 || got[0].ClientID != "quiet" {
		t.Errorf("yard: %+v", got)
	}
	got := b.refusals("Plant", 10*refusalsKept)
	if len(got) != refusalsKept || got[0].ClientID != "often" || got[0].Count != 3*refusalsKept || got[1].ClientID != fmt.Sprint("c", 3*refusalsKept-1) {
		t.Errorf("plant: %d refusals, the newest %+v, %+v", len(got), got[0], got[1])
	}
	if got := b.refusals("plant", 2); len(got) != 2 {
		t.Errorf("%d refusals, want 2", len(got))
	}
	if got := b.refusals("", 10*refusalsKept); len(got) != refusalsKept {
		t.Errorf("of no namespace: %d refusals, want %d", len(got), refusalsKept)
	}

	gone := change("plant")
	gone.New = nil
	b.t.Apply(gone)
	b.t.refuse("plant", "late")
	if got := b.refusals("", 1); len(got) != 1 || got[0].ClientID != "late" {
		t.Errorf("a refusal of a namespace that is gone: %+v", got)
	}
	b.t.Apply(change("plant"))
	if got := b.refusals("plant", 10); len(got) != 0 {
		t.Errorf("a new namespace begins with %+v", got)
	}
	if n := len(b.t.refusals.rings); n != 3 || b.t.refusals.rings["plant"] != nil {
		t.Errorf("%d rings, that of plant is %v; want it made by the first refusal", n, b.t.refusals.rings["plant"])
	}
}
