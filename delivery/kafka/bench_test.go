package kafka

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"gridmq/delivery"
	"gridmq/delivery/push"
	"gridmq/event"
	"gridmq/store/memory"
)

// What a cluster on this machine takes, from Publish to the last answer; a part of it is
// the cluster's own work. events/s counts events.
func BenchmarkSend(b *testing.B) {
	const events = 1000
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "a"), kfake.BlackholeProduce())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	producers, err := New(Options{Destinations: []Destination{destination("a", c)}})
	if err != nil {
		b.Fatal(err)
	}
	taken, round := 0, make(chan struct{}, 1)
	observe := func(_ string, _ delivery.Outcome, n int, _ time.Duration) { // by one worker
		if taken += n; taken%events == 0 {
			round <- struct{}{}
		}
	}
	pool, err := push.New(push.Options{Hubs: producers, Observe: observe})
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
	if err := p.SetTopic(namespace, delivery.Topic{Name: topicName, Retention: day}); err != nil {
		b.Fatal(err)
	}
	if err := p.SetSubscription(namespace, topicName, to("a")); err != nil {
		b.Fatal(err)
	}
	var list []event.Event
	for i := range events {
		list = append(list, newEvent(fmt.Sprint(i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Stream(namespace, topicName).Publish(context.Background(), list); err != nil {
			b.Fatal(err)
		}
		<-round
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
