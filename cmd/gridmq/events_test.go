package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const eventDocuments = `
- kind: EventSubscription
  namespace: shop
  name: orders/billing
  properties:
    deliveryConfiguration: {deliveryMode: Queue, queue: {eventTimeToLive: P2D, maxDeliveryCount: 4}}
    filtersConfiguration: {includedEventTypes: [shop.order.placed]}
- kind: Namespace
  name: shop
  properties:
    topicSpacesConfiguration:
      state: Enabled
      routeTopicResourceId: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces/shop/topics/Orders
- {kind: Topic, namespace: shop, name: orders, properties: {eventRetentionInDays: 3}}
- kind: RoleAssignment
  namespace: shop
  name: 0a7d3e6e-0000-4000-8000-000000000002
  scope: topics/orders
  properties: {roleDefinitionId: /providers/Microsoft.Authorization/roleDefinitions/d5a91429-5739-47e2-a06b-3470a27159e7, principalId: p}
`

// A namespace that routes to a topic of its own is made before it and completed after.
func TestTopicsAndSubscriptions(t *testing.T) {
	d, other := newDesk(t, nil), newDesk(t, nil)
	file := d.file("shop.yaml", eventDocuments)
	dry := d.run("apply --dry-run -f", file)
	if dry.code != 0 || !strings.Contains(dry.out, "would create EventSubscription shop/orders/billing\n") {
		t.Errorf("dry run: exit code %d, %s%s", dry.code, dry.out, dry.errs)
	}
	d.must(0, `created Namespace shop
created Topic shop/orders
changed Namespace shop
    properties.topicSpacesConfiguration.routeTopicResourceId: + "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/gridmq/providers/Microsoft.EventGrid/namespaces/shop...
created EventSubscription shop/orders/billing
created RoleAssignment shop/0a7d3e6e-0000-4000-8000-000000000002
`, "apply -f", file)
	if s := d.must(0, "", "apply -q -f", file); !strings.HasSuffix(s.errs, "4 unchanged\n") {
		t.Errorf("again: %s", s.errs)
	}
	d.must(0, `TOPIC    NAME      MODE    EXPIRES   TYPES
orders   billing   Queue   -         shop.order.placed
`, "get eventsubscriptions")
	if s := d.run("get subscription Orders/Billing -o yaml"); s.code != 0 || !strings.Contains(s.out, "eventTimeToLive: P2D") {
		t.Errorf("one: exit code %d, %s%s", s.code, s.out, s.errs)
	}
	if s := d.run("get eventsubscription billing"); s.code == 0 || !strings.Contains(s.errs, "orders/billing") {
		t.Errorf("without its topic: exit code %d, %s", s.code, s.errs)
	}
	if s := d.run("get topic a/b"); s.code == 0 || !strings.Contains(s.errs, "slash") {
		t.Errorf("a topic with a slash: exit code %d, %s", s.code, s.errs)
	}
	for _, notation := range []string{"yaml", "json"} {
		out := filepath.Join(d.dir, "out."+notation)
		d.must(0, "", "export -n shop -o "+notation+" -O", out)
		if s := d.must(0, "", "apply -q -f", out); !strings.HasSuffix(s.errs, "4 unchanged\n") {
			t.Errorf("%s, applied where it is from: %q", notation, s.errs)
		}
		if s := other.run("apply -f", out); s.code != 0 {
			t.Errorf("%s, applied elsewhere: exit code %d, %s", notation, s.code, s.errs)
		}
		if diff := cmp.Diff(d.run("export -n shop").out, other.run("export -n shop").out); diff != "" {
			t.Errorf("%s: the other one is different (-here +there):\n%s", notation, diff)
		}
		if s := other.run("delete namespace shop --yes"); s.code != 0 {
			t.Fatal(s.errs)
		}
	}
	template := filepath.Join(d.dir, "template.json")
	d.must(0, "", "export -n shop -o arm -O", template)
	if s := other.run("apply -f", template); s.code != 0 {
		t.Errorf("as a template: exit code %d, %s", s.code, s.errs)
	}
	if s := d.run("delete topic orders"); s.code == 0 || !strings.Contains(s.errs, "routeTopicResourceId") {
		t.Errorf("a topic that is routed to: exit code %d, %s", s.code, s.errs)
	}
	d.must(0, "deleted EventSubscription shop/orders/billing\n", "delete eventsubscription orders/billing")
	d.must(0, `deleted RoleAssignment shop/0a7d3e6e-0000-4000-8000-000000000002
not there EventSubscription shop/orders/billing
deleted Namespace shop
not there Topic shop/orders
`, "delete --yes -f", file)
}
