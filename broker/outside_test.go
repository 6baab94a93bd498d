package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/faulty"
)

var caller = &Identity{Name: "caller"}

// post publishes a message without a session, and returns the code of its refusal.
func (h *house) post(p Post) mqtt.Code {
	h.t.Helper()
	_, err := h.b.Publish(context.Background(), "test", caller, &p)
	var refusal *mqtt.Error
	if err != nil && !errors.As(err, &refusal) {
		h.t.Fatalf("publish: %v", err)
	}
	if refusal != nil {
		return refusal.Code
	}
	return mqtt.Success
}

// A message without a session reaches those who are there, those who are away, and new
// subscribers, with its properties; and what is its caller's stays it.
func TestOutside(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		away := h.connect("away", expiry(1000))
		away.subscribe("a/#", atQoS(1))
		away.lose()
		here := h.watch("a/#")
		payload := []byte("hello")
		p := Post{Topic: "a/b", QoS: 1, Retain: true, Payload: payload}
		p.Properties.MessageExpiryInterval = 60
		p.Properties.ContentType = "text/plain"
		p.Properties.Mark(mqtt.PropMessageExpiryInterval, mqtt.PropContentType)
		if code := h.post(p); code != mqtt.Success {
			t.Fatalf("refused: %v", code)
		}
		clear(payload)
		late := h.watch("a/b")
		for name, d := range map[string]*device{"here": here, "away": h.connect("away", expiry(1000)), "late": late} {
			if m := d.receive(); m.Topic != "a/b" || m.Payload != "hello" || m.QoS != 1 || m.Retain != (name == "late") || m.Expiry != 60 {
				t.Errorf("%s: %+v", name, *m)
			}
		}
		h.settled()
	})
}

func TestOutsideRefused(t *testing.T) {
	long := repeat("x", 101)
	tests := map[string]struct {
		post Post
		want mqtt.Code
	}{
		"wildcard":       {Post{Topic: "a/#"}, mqtt.TopicNameInvalid},
		"no topic":       {Post{}, mqtt.TopicNameInvalid},
		"NUL":            {Post{Topic: "a\x00"}, mqtt.TopicNameInvalid},
		"long topic":     {Post{Topic: long}, mqtt.TopicNameInvalid},
		"deep topic":     {Post{Topic: "a/b/c/d/e/f"}, mqtt.TopicNameInvalid},
		"QoS":            {Post{Topic: "a", QoS: 2}, mqtt.QoSNotSupported},
		"QoS that is no": {Post{Topic: "a", QoS: 3}, mqtt.TopicNameInvalid},
		"large":          {Post{Topic: "a", Payload: make([]byte, 1020)}, mqtt.PacketTooLarge},
		"retained":       {Post{Topic: "a", Payload: make([]byte, 600), Retain: true}, mqtt.PacketTooLarge},
		"not authorized": {Post{Topic: "secret"}, mqtt.NotAuthorized},
		"content type":   {Post{Topic: "a", Properties: withContentType(long)}, mqtt.QuotaExceeded},
		"good":           {Post{Topic: "a", Payload: make([]byte, 900)}, mqtt.Success},
	}
	h := build(t, func(l *Limits) {
		l.MaximumTopicBytes, l.MaximumTopicLevels, l.MaximumQoS, l.MaximumPacketSize, l.RetainedBytes, l.MaximumPropertyBytes = 100, 5, 1, 1024, 500, 100
	})
	t.Cleanup(h.close)
	h.stop()
	h.auth = &porter{denied: []string{"secret"}}
	h.start()
	for name, tt := range tests {
		if got := h.post(tt.post); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	for _, namespace := range []string{"nowhere", "test"} {
		if namespace == "test" {
			if err := h.b.SetEnabled("test", false); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.b.Publish(t.Context(), namespace, caller, &Post{Topic: "a"}); !errors.Is(err, ErrDisabled) {
			t.Errorf("in %s: %v, want ErrDisabled", namespace, err)
		}
	}
	h.stop()
	if code := h.post(Post{Topic: "a"}); code != mqtt.ServerShuttingDown {
		t.Errorf("after the end: %v", code)
	}
}

func withContentType(s string) (p mqtt.Properties) {
	p.ContentType = s
	p.Mark(mqtt.PropContentType)
	return p
}

// A caller is counted by itself, and all of them with the connections.
func TestOutsideRates(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		publish := func(who string, n int) string {
			text := ""
			for range n {
				if _, err := h.b.Publish(t.Context(), "test", &Identity{Name: who}, &Post{Topic: "a", Payload: make([]byte, 10)}); err != nil {
					var e *mqtt.Error
					if !errors.As(err, &e) || e.Code != mqtt.MessageRateTooHigh {
						t.Fatal(err)
					}
					text += "-"
					continue
				}
				text += "+"
			}
			return text
		}
		for _, step := range []struct {
			who  string
			n    int
			want string
			wait time.Duration
		}{
			{"ann", 6, "++++--", 0},      // 4 of a caller
			{"ben", 6, "++++--", 0},      // 8 of 10 in all
			{"cid", 3, "++-", 0},         // 10 of 10
			{"ann", 1, "-", time.Second}, // and nothing was taken for what is refused
			{"ann", 5, "++++-", time.Hour},
			{"ann", 5, "++++-", 0},
		} {
			if got := publish(step.who, step.n); got != step.want {
				t.Errorf("%s: %s, want %s", step.who, got, step.want)
			}
			time.Sleep(step.wait)
		}
	}, func(l *Limits) { l.SessionPublishRate, l.PublishRate, l.SessionPublishBytes = 4, 10, 1000 })
}

// It returns when all that must survive is durable, and not before.
func TestOutsideIsDurable(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		sub := h.connect("s", expiry(1000))
		sub.subscribe("a", atQoS(1))
		sub.lose()
		h.st.Hold()
		done := make(chan mqtt.Code, 1)
		go func() { done <- h.post(Post{Topic: "a", QoS: 1, Payload: []byte("1")}) }()
		time.Sleep(time.Second)
		select {
		case code := <-done:
			t.Error("answered before it was durable")
			done <- code
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.b.Publish(ctx, "test", caller, &Post{Topic: "a", QoS: 1, Payload: []byte("2")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without patience: %v", err)
		}
		h.st.Release()
		if code := <-done; code != mqtt.Success {
			t.Error(code)
		}
		h.crash()
		h.connect("s", expiry(1000)).receives("1", "2")
	})
}

// A full disk refuses, and nobody has got anything.
func TestOutsideStoreFull(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		sub := h.connect("s", expiry(1000))
		sub.subscribe("a", atQoS(1))
		h.st.Fail(faulty.Submit, store.ErrFull)
		_, err := h.b.Publish(t.Context(), "test", caller, &Post{Topic: "a", QoS: 1})
		var refusal *mqtt.Error
		if !errors.As(err, &refusal) || refusal.Code != mqtt.QuotaExceeded || !errors.Is(err, store.ErrFull) {
			t.Errorf("refused with %v", err)
		}
		sub.quiet(time.Second)
		h.st.Heal()
	})
}

// routed tells callers that there is an event, and only then.
func TestOutsideRouted(t *testing.T) {
	routed(t, func(t *testing.T, h *house, g *gazette) {
		for topic, want := range map[string]bool{"a": true, "private": false} {
			got, err := h.b.Publish(t.Context(), "test", caller, &Post{Topic: topic, Payload: []byte("x")})
			if err != nil || got != want {
				t.Errorf("%s: routed %v, %v; want %v", topic, got, err, want)
			}
		}
		g.expect(t, "caller a x")
		g.full = true
		if code := h.post(Post{Topic: "a", QoS: 1}); code != mqtt.QuotaExceeded {
			t.Errorf("without room: %v", code)
		}
	})
}

// A caller waits for a receiver that is overloaded: until it has caught up, for
// HoldAcknowledgements, or for as long as the caller likes.
func TestOutsideHeld(t *testing.T) {
	const hold = 10 * time.Second
	flood := func(t *testing.T, h *house) *device {
		sub := h.connect("s", clean, receiveMaximum(1))
		sub.subscribe("a", atQoS(1))
		for i := range 6 { // one is in its window, five wait: the mark is half of ten
			if code := h.post(Post{Topic: "a", QoS: 1, Payload: fmt.Append(nil, i)}); code != mqtt.Success {
				t.Fatal(code)
			}
		}
		return sub
	}
	took := func(f func()) time.Duration {
		start := time.Now()
		f()
		return time.Since(start)
	}
	few := func(l *Limits) { l.Queue.Messages, l.HoldAcknowledgements = 10, hold }
	t.Run("for its time", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			flood(t, h)
			if d := took(func() { h.post(Post{Topic: "a", QoS: 1}) }); d != hold {
				t.Errorf("took %v, want %v", d, hold)
			}
		}, few)
	})
	t.Run("until it has caught up", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub := flood(t, h)
			d := took(func() {
				go func() {
					time.Sleep(3 * time.Second)
					for range 7 {
						sub.receive()
					}
				}()
				h.post(Post{Topic: "a", QoS: 1})
			})
			if d != 3*time.Second {
				t.Errorf("took %v, want 3 s", d)
			}
			synctest.Wait()
		}, few)
	})
	t.Run("until it is gone", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			sub := flood(t, h)
			d := took(func() {
				go func() { time.Sleep(time.Second); sub.lose() }()
				h.post(Post{Topic: "a", QoS: 1})
			})
			if d != time.Second {
				t.Errorf("took %v, want 1 s", d)
			}
			synctest.Wait()
		}, few)
	})
	t.Run("for the caller's patience", func(t *testing.T) {
		virtual(t, func(t *testing.T, h *house) {
			flood(t, h)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			d := took(func() {
				if _, err := h.b.Publish(ctx, "test", caller, &Post{Topic: "a", QoS: 1}); err != nil {
					t.Errorf("the message stands: %v", err)
				}
			})
			if d != 2*time.Second {
				t.Errorf("took %v, want 2 s", d)
			}
		}, few)
	})
}

// Nothing of a namespace is left when it was removed while messages came.
func TestOutsideMeetsRemove(t *testing.T) {
	h := newHouse(t)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				h.post(Post{Topic: fmt.Sprint(i % 100), Retain: true, Payload: []byte("x")})
			}
		}
	}()
	time.Sleep(10 * time.Millisecond)
	if err := h.b.Remove(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	close(stop)
	<-done
	if err := h.b.Open(NamespaceConfig{Name: "test", Limits: h.limits, Authenticator: AllowAll{}, Authorizer: AllowAll{}}); err != nil {
		t.Fatal(err)
	}
	if n := h.ns().retained.names.Len(); n != 0 {
		t.Errorf("%d retained messages are left", n)
	}
}

// BenchmarkOutside is a message without a session that nobody receives.
func BenchmarkOutside(b *testing.B) {
	h := build(b)
	defer h.close()
	p := Post{Topic: "a", Payload: make([]byte, 200)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.b.Publish(context.Background(), "test", caller, &p); err != nil {
			b.Fatal(err)
		}
	}
}
