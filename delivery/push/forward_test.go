package push

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"gridmq/delivery"
	"gridmq/event"
)

// forwarding is a subscription whose endpoint is a topic elsewhere.
func forwarding(s *delivery.Subscription) {
	s.Destination.WebHook.Forward = true
	s.Destination.Headers = []delivery.Header{{Name: "aeg-sas-key", Value: "k", Secret: true}, {Name: "aeg-event-type", Value: "x"}}
}

// A request is one of a publisher: its headers, its api-version, and no question before.
func TestForwardedRequest(t *testing.T) {
	for url, want := range map[string]string{
		"https://far.example/api/events":                           "https://far.example/api/events?api-version=2018-01-01",
		"https://far.example/topics/t/api/events?a=b":              "https://far.example/topics/t/api/events?a=b&api-version=2018-01-01",
		"https://far.example/topics/T:Publish":                     "https://far.example/topics/T:Publish?api-version=2024-06-01",
		"https://far.example/topics/t:publish?Api-Version=2023-11": "https://far.example/topics/t:publish?Api-Version=2023-11",
	} {
		d := to("a", forwarding).Destination
		d.WebHook.URL = url
		d.WebHook.MaxEvents = 2
		x := &target{subscription: "s", origin: "o", hook: d.WebHook}
		r, err := x.newRequest(t.Context(), pack(d, []delivery.Attempt{attemptOf(newEvent("1"), 1)})[0])
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		if r.URL.String() != want || r.Method != http.MethodPost || r.Header.Get("aeg-sas-key") != "k" || r.Header.Get("Content-Type") != batchType ||
			fmt.Sprint(idsOf(body)) != "[1]" || body[0] != '[' {
			t.Errorf("%s %v %v %s, want %s", r.Method, r.URL, r.Header, body, want)
		}
		for _, name := range []string{"aeg-event-type", "aeg-subscription-name", originHeader} {
			if r.Header.Get(name) != "" || len(r.Header[name]) > 0 {
				t.Errorf("%s is sent", name)
			}
		}
	}
	inWorld(t, func(t *testing.T, w *world) {
		if err := w.pool.ValidateEndpoint(t.Context(), namespace, to("a", forwarding).Destination); err != nil || len(w.e.calls) > 0 {
			t.Errorf("%v, asked %v", err, w.e.calls)
		}
	})
}

// A key that was made anew, a topic that is not there yet: events wait, and pass then.
func TestForwardIsPatient(t *testing.T) {
	for _, code := range []int{401, 403, 404, 410} {
		inWorld(t, func(t *testing.T, w *world) {
			w.e.answer["a"] = status(code)
			w.tell(to("a", forwarding, batch(10)))
			w.publish("1", "2")
			after(time.Hour)
			w.wantDead()
			w.e.become("a", status(200))
			after(time.Hour)
			if st := w.stats("a"); st.Received != 2 || st.Outstanding != 0 {
				t.Errorf("%d: stats %+v", code, st)
			}
		})
	}
}

// Of a batch that is refused, only what is wrong becomes a dead letter.
func TestForwardRefusedEvent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var taken []string
		w.e.answer["a"] = func(_ context.Context, c call) (int, http.Header, error) {
			if slices.Contains(c.ids, "bad") {
				return 400, nil, nil
			}
			taken = append(taken, c.ids...)
			return 200, nil, nil
		}
		w.tell(to("a", forwarding, batch(10)))
		w.publish("1", "2", "bad", "3", "4", "5")
		after(time.Minute)
		slices.Sort(taken)
		if fmt.Sprint(taken) != "[1 2 3 4 5]" {
			t.Errorf("taken: %v", taken)
		}
		w.wantDead("bad 1 Undeliverable due to client error | BadRequest [{aeg-event-type x}]")
	})
}

// An event that has made its hops is not sent; what others pretend is not believed.
func TestHops(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.tell(to("a", forwarding))
		list := map[string]event.Value{"7": event.Integer(7), "8": event.Integer(8), "t8": event.String("8"), "t3": event.String("3"),
			"minus": event.Integer(-1), "word": event.String("x"), "large": event.String("99999999999999999999"), "true": event.Boolean(true)}
		var events []event.Event
		for id, v := range list {
			e := newEvent(id)
			e.SetExtension(HopAttribute, v)
			events = append(events, e)
		}
		if err := w.p.Stream(namespace, topicName).Publish(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		var sent []string
		for _, c := range w.e.calls {
			sent = append(sent, c.ids...)
		}
		slices.Sort(sent)
		if fmt.Sprint(sent) != "[7 minus t3 true word]" {
			t.Errorf("sent: %v", sent)
		}
		if st := w.stats("a"); st.DeadLettered != 3 || st.Received != 5 {
			t.Errorf("stats %+v", st)
		}
	})
	e := newEvent("1")
	for want := range int64(3) {
		if got := hopsOf(&e); got != want {
			t.Errorf("%d hops, want %d", got, want)
		}
		e.SetExtension(HopAttribute, event.Integer(want+1))
	}
}

// The schedule of custom topics, and of what is forwarded: spec/routing.md, section 5.
func TestTopicSchedule(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.e.answer["a"] = status(500)
		w.tell(to("a", func(s *delivery.Subscription) { s.Schedule, s.MaxDeliveryCount = delivery.TopicSchedule, 30 }))
		w.publish("1")
		after(24*time.Hour - time.Second)
		w.wantCalls("a", "0s [1] #0", "10s [1] #1", "40s [1] #2", "1m40s [1] #3", "6m40s [1] #4", "16m40s [1] #5", "46m40s [1] #6",
			"1h46m40s [1] #7", "4h46m40s [1] #8", "10h46m40s [1] #9", "22h46m40s [1] #10")
	})
}
