package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gridmq/broker"
	"gridmq/control/namespace"
)

// What is documented per throughput unit grows with sku.capacity, everything else stays:
// spec/limits-and-metrics.md, section 1. Settings of the namespace replace the rest.
func TestAzurePerThroughputUnit(t *testing.T) {
	of := func(profile string, capacity int) broker.Limits {
		s := &Server{}
		s.spaces.Store(&map[string]Namespace{})
		n := &namespace.Namespace{Name: "plant", Capacity: capacity}
		n.GridMQ.Profile = profile
		return s.limitsOf(n)
	}
	for _, units := range []int{1, 2, 40} {
		want := broker.AzureLimits()
		want.Sessions = 10_000 * units
		want.ConnectRate, want.SubscribeRate = 200*units, 200 // the table gives no unit for the second
		want.PublishRate, want.PublishBytes = 1000*units, units<<20
		want.DeliveryRate, want.DeliveryBytes = 1000*units, units<<20
		want.RetainedMessages, want.RetainedTotalBytes = 10_000*units, int64(units)*640<<20
		if diff := cmp.Diff(want, of(namespace.Azure, units)); diff != "" {
			t.Errorf("%d throughput units (-want +got):\n%s", units, diff)
		}
	}
	if diff := cmp.Diff(broker.StandardLimits(), of(namespace.Standard, 7)); diff != "" {
		t.Errorf("standard (-want +got):\n%s", diff)
	}
}
