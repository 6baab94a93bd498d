package behaviour

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	manage "gridmq/control/client"
	events "gridmq/gateway/client"
)

// A desk is where the events of a namespace are published and received over HTTP, with
// an access key of the namespace.
type desk struct {
	testing.TB
	ns    string
	plane *manage.Client
	http  *events.Client
}

// newDesk is the desk of a namespace. at is host:port of HTTPS, ca a file.
func newDesk(t testing.TB, plane *manage.Client, ns, at, ca string) *desk {
	t.Helper()
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := plane.Keys(t.Context(), fleets.ID(ns))
	if err != nil {
		t.Fatal(err)
	}
	c, err := events.New(events.Options{Endpoint: "https://" + at + "/ns/" + ns, Key: key, CA: pem})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &desk{t, ns, plane, c}
}

// desk is that of the fleet's namespace.
func (f *fleet) desk() *desk {
	f.Helper()
	ca, err := localCA()
	if err != nil {
		f.Fatal(err)
	}
	return newDesk(f.T, f.plane, f.ns, f.house.addresses["wss"].Address, ca.CertFile)
}

// topic makes a topic, and event subscriptions with defaults.
func (d *desk) topic(name string, subscriptions ...string) {
	d.Helper()
	d.put(object{"properties": object{}}, "topics", name)
	for _, s := range subscriptions {
		d.subscription(name, s, nil)
	}
}

// subscription makes a queue, with some properties of it: maxDeliveryCount and so on.
func (d *desk) subscription(topic, name string, queue object) {
	d.Helper()
	if queue == nil {
		queue = object{}
	}
	d.put(object{"properties": object{"deliveryConfiguration": object{"deliveryMode": "Queue", "queue": queue}}},
		"topics", topic, "eventSubscriptions", name)
}

func (d *desk) put(body object, below ...string) {
	d.Helper()
	if _, _, _, err := d.plane.Put(d.Context(), fleets.ID(d.ns, below...), jsonOf(body), manage.Condition{}); err != nil {
		d.Fatalf("PUT %v: %v", below, err)
	}
}

// tryPublish publishes events.
func (d *desk) tryPublish(topic string, list ...string) error {
	var raw []json.RawMessage
	for _, e := range list {
		raw = append(raw, json.RawMessage(e))
	}
	return d.http.Publish(d.Context(), topic, raw)
}

// anEvent is one whose id and data are the name.
func anEvent(name string) string {
	return string(jsonOf(object{"specversion": "1.0", "id": name, "source": "/test", "type": "t", "data": name}))
}

// all is the event subscription that most topics here have.
func all(topic string) events.Subscription { return events.Subscription{Topic: topic, Name: "all"} }

// next receives one event, and acknowledges it.
func (d *desk) next(topic, subscription string) string {
	d.Helper()
	at := events.Subscription{Topic: topic, Name: subscription}
	ctx, cancel := context.WithTimeout(d.Context(), patience)
	defer cancel()
	list, err := d.http.Receive(ctx, at, 1, 30*time.Second)
	if err != nil || len(list) != 1 {
		d.Fatalf("receive from %s/%s: %d events, %v; want one", topic, subscription, len(list), err)
	}
	done, failed, err := d.http.Settle(ctx, at, events.Acknowledge, []string{list[0].LockToken}, 0)
	if err != nil || len(done) != 1 {
		d.Fatalf("acknowledge: %v, %v", failed, err)
	}
	return string(list[0].Event)
}

// subjects are those of the next n events.
func (d *desk) subjects(topic, subscription string, n int) (list []string) {
	d.Helper()
	for range n {
		var e struct{ Subject string }
		if err := json.Unmarshal([]byte(d.next(topic, subscription)), &e); err != nil {
			d.Fatal(err)
		}
		list = append(list, e.Subject)
	}
	return list
}

// refusedWith wants an answer of this status and code.
func refusedWith(t testing.TB, what string, err error, status int, code string) {
	t.Helper()
	if r, ok := errors.AsType[*events.Error](err); !ok || r.Status != status || r.Code != code {
		t.Errorf("%s: %v, want %d %s", what, err, status, code)
	}
}
