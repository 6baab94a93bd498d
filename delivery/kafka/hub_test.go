package kafka

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gridmq/delivery"
	"gridmq/delivery/push"
)

// hub is the one of a destination.
func (w *world) hub(name string) *hub { return w.kafka.hubs[fold(hubID(name))] }

// TestShared: subscriptions with one destination share its client, which goes when nobody
// has used it for a while, and comes back.
func TestShared(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		second := to("a", func(s *delivery.Subscription) { s.Name = "second" })
		w.open(destination("a", c))
		w.tell(to("a"), second)
		w.publish("1")
		after(time.Second)
		w.wantRecords(c, "a", "1", "1")
		h := w.hub("a")
		first := h.client
		if first == nil || w.net.dialed() > 5 { // one seed, two brokers, and what goes to each
			t.Errorf("client %v, %d connections", first, w.net.dialed())
		}
		after(4 * time.Minute)
		w.publish("2")
		after(4 * time.Minute)
		if h.client != first {
			t.Error("the client is another one, after 4 minutes")
		}
		after(2 * time.Minute)
		if h.client != nil {
			t.Error("the client is still there, after 6 minutes")
		}
		w.publish("3")
		after(time.Second)
		w.wantRecords(c, "a", "1", "1", "2", "2", "3", "3")
	})
}

// TestGone: without subscription nothing is sent, and the client goes.
func TestGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		w.open(destination("a", c))
		w.tell(to("a"))
		w.publish("1")
		after(time.Second)
		if err := w.p.DeleteSubscription(namespace, topicName, "a"); err != nil {
			t.Fatal(err)
		}
		w.publish("2")
		after(6 * time.Minute)
		w.wantRecords(c, "a", "1")
		if w.hub("a").client != nil {
			t.Error("the client is still there")
		}
	})
}

// silence lets a cluster take produce requests and not answer, until it is called.
func silence(c *kfake.Cluster) (speak func()) {
	quiet := make(chan struct{})
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		c.SleepControl(func() { <-quiet })
		return nil, nil, false
	})
	return func() { close(quiet) }
}

// TestStopped: the end of a plane ends what is under way after its grace, uncounted, and
// a new start sends it.
func TestStopped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		speak := silence(c)
		d := destination("a", c)
		w.open(d)
		w.tell(to("a"))
		w.publish("1")
		after(time.Second)
		start := time.Now()
		w.close()
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("Close took %v", took)
		}
		if len(w.seen) != 1 || w.seen[0] != delivery.Canceled {
			t.Errorf("outcomes %v, want Canceled", w.seen)
		}
		speak()
		w.open(d)
		w.tell(to("a"))
		after(2 * time.Minute)
		if got := ids(t, w.records(c, "a")); len(got) == 0 || len(got) > 2 {
			t.Errorf("records %v, want one, or two of one event", got)
		}
		if s := w.stats("a"); s.Undelivered != 0 || s.Outstanding != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// TestOthersStopped: a subscription that is deleted while its records are under way takes
// records of another one with it, which are sent again and not counted.
func TestOthersStopped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("", kfake.SeedTopics(1, "a"))
		speak := silence(c)
		second := to("a", func(s *delivery.Subscription) { s.Name = "second" })
		w.open(destination("a", c))
		w.tell(to("a"), second)
		w.publish("1")
		after(time.Second)
		if err := w.p.DeleteSubscription(namespace, topicName, "second"); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Second)
		speak()
		after(5 * time.Minute)
		got := ids(t, w.records(c, "a"))
		if len(slices.Compact(got)) != 1 {
			t.Errorf("records %v", got)
		}
		if s := w.stats("a"); s.Received != 1 || s.Undelivered != 0 {
			t.Errorf("stats %+v, outcomes %v", s, w.seen)
		}
	})
}

// TestFull: a client that holds all that it may lets those wait who send more, for their
// time, and goes on when it is empty again. Another destination knows nothing of it.
func TestFull(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.cluster("a"), w.cluster("b")
		speak := silence(a)
		w.open(destination("a", a), destination("b", b))
		shipment := func(name string, n, size int) *push.Shipment {
			s := &push.Shipment{Subscription: "s", Destination: to(name).Destination}
			for i := range n {
				e := newEvent(fmt.Sprint(i))
				e.Data = []byte(`"` + strings.Repeat("x", size) + `"`)
				s.Attempts = append(s.Attempts, delivery.Attempt{Event: e, Count: 1})
			}
			return s
		}
		var succeeded, timedOut atomic.Int64
		for range 20 { // 20 times 1 MB
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				for _, v := range w.kafka.Send(ctx, shipment("a", 20, 50_000)) {
					switch v.Outcome {
					case delivery.Succeeded:
						succeeded.Add(1)
					case delivery.TimedOut:
						timedOut.Add(1)
					}
				}
			}()
		}
		after(10 * time.Second)
		// 335 events of 50 kB are 16 MiB; besides, each of the twenty waits with one.
		if n := w.kafka.Buffered(); n < 300 || n > 360 {
			t.Errorf("%d of 400 events are held or wait with the client, want about 350", n)
		}
		for _, v := range w.kafka.Send(t.Context(), shipment("b", 20, 10)) {
			if v.Outcome != delivery.Succeeded {
				t.Errorf("the other destination: %+v", v)
			}
		}
		after(25 * time.Second)
		if n := timedOut.Load(); n != 400 {
			t.Errorf("%d events timed out, want 400", n)
		}
		speak()
		after(time.Minute)
		if n := w.kafka.Buffered(); n != 0 {
			t.Errorf("%d records are held, want 0", n)
		}
		for _, v := range w.kafka.Send(t.Context(), shipment("a", 20, 10)) {
			if v.Outcome != delivery.Succeeded {
				t.Errorf("afterwards: %+v", v)
			}
		}
		w.kafka.Close()
		if v := w.kafka.Send(t.Context(), shipment("a", 1, 1)); v[0].Outcome != delivery.Canceled {
			t.Errorf("after Close: %+v", v)
		}
		synctest.Wait()
	})
}

// mute is the address of somebody who takes connections and says nothing.
func (w *world) mute() string {
	w.t.Helper()
	l, err := w.net.Listen("tcp", "localhost:8000")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, nc) }()
		}
	}()
	return "localhost:8000"
}

// TestValidateHub: what whoever makes a subscription is told.
func TestValidateHub(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		away := destination("away", c)
		away.Brokers = []string{"localhost:1"}
		silent := destination("silent", c)
		silent.Brokers = []string{w.mute()}
		denied := w.cluster("denied")
		denied.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "denied", Err: kerr.TopicAuthorizationFailed, Count: -1})
		w.open(destination("a", c), destination("missing", c), away, silent, destination("denied", denied))
		for name, want := range map[string]string{
			"a": "", "missing": `the topic "missing" (kafka.missing) does not exist`, "away": "cannot be reached",
			"silent": "no broker of kafka.silent has answered within 20s", "denied": "the right to write", "other": "add one below kafka",
		} {
			start := time.Now()
			err := w.kafka.ValidateHub(t.Context(), to(name).Destination)
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("%s: took %v", name, took)
			}
			switch {
			case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
		d := to("a").Destination
		d.Headers = []delivery.Header{{Name: "ce_id", Value: "1"}}
		if err := w.kafka.ValidateHub(t.Context(), d); err == nil || !strings.Contains(err.Error(), `"ce_id"`) {
			t.Errorf("a header of ours: %v", err)
		}
		if c.TopicInfo("missing") != nil {
			t.Error("the topic was made by asking for it")
		}
	})
}

// TestNotConfiguredAnyMore: events of a subscription whose destination has gone from the
// configuration wait.
func TestNotConfiguredAnyMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		w.open()
		w.tell(to("a"))
		w.publish("1")
		after(time.Minute)
		if len(w.seen) != 1 || w.seen[0] != delivery.NotFound {
			t.Errorf("outcomes %v, want NotFound", w.seen)
		}
		w.close()
		w.open(destination("a", c))
		w.tell(to("a"))
		after(6 * time.Minute)
		w.wantRecords(c, "a", "1")
	})
}
