package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"gridmq/delivery"
	"gridmq/internal/bubble"
	"gridmq/store/memory"
)

// planeEvents is what the server plugs in.
type planeEvents struct{ plane *delivery.Plane }

func (p planeEvents) Topic(namespace, topic string) Topic {
	if s := p.plane.Stream(namespace, topic); s != nil {
		return streamTopic{s}
	}
	return nil
}

type streamTopic struct{ *delivery.Stream }

func (s streamTopic) Queue(name string) Queue {
	if q := s.Stream.Queue(name); q != nil {
		return q
	}
	return nil
}

type received struct {
	Value []struct {
		BrokerProperties struct {
			LockToken     string
			DeliveryCount int
		}
		Event map[string]any
	}
}

// TestWithPlane goes through the acceptance checks of section 18 that concern this
// room, over the real event plane.
func TestWithPlane(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		st := memory.New(memory.Options{})
		defer st.Close()
		plane, err := delivery.Open(st, delivery.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer plane.Close()
		h := newHouse(t, func(h *house) { h.o.Events = planeEvents{plane} })
		defer h.g.Close()
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		check(plane.SetTopic("plant", delivery.Topic{Name: "Orders", Retention: 24 * time.Hour}))
		check(plane.SetSubscription("plant", "orders", delivery.Subscription{Name: "Billing", Created: 1, MaxDeliveryCount: 10, Lock: time.Minute}))
		check(plane.Settled())

		ok := func(path, body string, change ...func(*http.Request)) string {
			t.Helper()
			a := h.do(h.ask(path, body, change...))
			if a.status != 200 {
				t.Fatalf("%s: %d %s", path, a.status, a.body)
			}
			return a.body
		}
		receive := func() received {
			t.Helper()
			var r received
			check(json.Unmarshal([]byte(ok(receivePath+"&maxEvents=10&maxWaitTime=10", "")), &r))
			return r
		}
		settle := func(verb, token string) string {
			t.Helper()
			return ok("/topics/orders/eventsubscriptions/billing:"+verb+"?"+version, fmt.Sprintf(`{"lockTokens":[%q]}`, token))
		}

		began := time.Now() // 4: an empty queue
		if r := receive(); r.Value == nil || len(r.Value) != 0 || time.Since(began) != 10*time.Second {
			t.Errorf("%+v after %v", r, time.Since(began))
		}
		go func() {
			time.Sleep(3 * time.Second)
			h.do(h.ask(publishPath, order))
		}()
		began = time.Now()
		r := receive()
		if len(r.Value) != 1 || time.Since(began) != 3*time.Second || r.Value[0].Event["id"] != "o-4711" {
			t.Fatalf("%+v after %v", r, time.Since(began))
		}
		for want := 1; want <= 3; want++ { // 5: counts
			if got := r.Value[0].BrokerProperties.DeliveryCount; got != want {
				t.Errorf("delivery %d, want %d", got, want)
			}
			if want == 1 {
				settle("release", r.Value[0].BrokerProperties.LockToken)
			} else if want == 2 {
				time.Sleep(61 * time.Second)
			}
			if want < 3 {
				r = receive()
			}
		}
		token := r.Value[0].BrokerProperties.LockToken // 6: twice, and garbage
		if got, want := settle("acknowledge", token), fmt.Sprintf(`{"succeededLockTokens":[%q],"failedLockTokens":[]}`, token); got != want {
			t.Errorf("acknowledged: %s, want %s", got, want)
		}
		if got, want := settle("acknowledge", token), fmt.Sprintf(`{"succeededLockTokens":[],"failedLockTokens":[{"lockToken":%q,"error":{"code":"TokenLost","message":"Token has expired."}}]}`, token); got != want {
			t.Errorf("again: %s, want %s", got, want)
		}
		var failed struct {
			FailedLockTokens []struct{ Error struct{ Code string } }
		}
		check(json.Unmarshal([]byte(settle("reject", "garbage+/=")), &failed))
		if failed.FailedLockTokens[0].Error.Code != "BadToken" {
			t.Errorf("garbage: %+v", failed)
		}

		binary := func(contentType, body string) any { // 2: what binary mode becomes
			t.Helper()
			ok(publishPath, body, header("Content-Type", contentType), header("ce-id", "1"), header("ce-source", "/s"), header("ce-type", "t"), header("ce-specversion", "1.0"))
			r := receive()
			settle("acknowledge", r.Value[0].BrokerProperties.LockToken)
			if data, there := r.Value[0].Event["data"]; there {
				return data
			}
			return r.Value[0].Event["data_base64"]
		}
		for contentType, want := range map[string]string{"application/json": "map[a:1]", "text/plain": `{"a":1}`, "application/octet-stream": "eyJhIjoxfQ=="} {
			if got := fmt.Sprint(binary(contentType, `{"a":1}`)); got != want {
				t.Errorf("%s: %s, want %s", contentType, got, want)
			}
		}
		check(plane.DeleteSubscription("plant", "orders", "billing"))
		if a := h.do(h.ask(receivePath, "")); a.status != 404 {
			t.Errorf("the subscription is gone: %d", a.status)
		}
	})
}
