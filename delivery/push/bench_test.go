package push

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"gridmq/delivery"
	"gridmq/event"
	"gridmq/store/memory"
)

// What a webhook on this machine takes, from Publish to the last answer: one event in a
// request, and batches. events/s counts events.
func BenchmarkPush(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) { benchmark(b, size) })
	}
}

func benchmark(b *testing.B, size int) {
	const events = 1000
	var taken atomic.Int64
	round := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		n := int64(1)
		if size > 1 {
			n = int64(len(idsOf(body)))
		}
		if err == nil && taken.Add(n) == events {
			round <- struct{}{}
		}
	}))
	defer s.Close()
	pool, err := New(Options{PlainHTTP: true})
	if err != nil {
		b.Fatal(err)
	}
	st := memory.New(memory.Options{MaxBytes: 8 << 30})
	defer st.Close()
	p, err := delivery.Open(st, delivery.Options{Pushers: pool})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	sub := to("a", batch(size))
	sub.Destination.WebHook.URL = s.URL
	if err := p.SetTopic(namespace, delivery.Topic{Name: topicName, Retention: day}); err != nil {
		b.Fatal(err)
	}
	if err := p.SetSubscription(namespace, topicName, sub); err != nil {
		b.Fatal(err)
	}
	var list []event.Event
	for i := range events {
		list = append(list, newEvent(fmt.Sprint(i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		taken.Store(0)
		if err := p.Stream(namespace, topicName).Publish(context.Background(), list); err != nil {
			b.Fatal(err)
		}
		<-round
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
