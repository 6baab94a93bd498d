package delivery

import (
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gridmq/event"
	"gridmq/store/memory"
	"gridmq/store/pebble"
)

func benchWorld(b *testing.B) *world {
	s := memory.New(memory.Options{MaxBytes: 8 << 30})
	w := newWorld(b, s, Options{Limits: Limits{TopicBytes: 4 << 30}})
	w.tell(day, subscription())
	b.Cleanup(func() { w.close(); s.Close() })
	b.ReportAllocs()
	return w
}

// What MQTT routing costs a PUBLISH, beside the store's own work.
func BenchmarkAppend(b *testing.B) {
	w := benchWorld(b)
	s, record := w.stream(), make([]byte, 200)
	for b.Loop() {
		if _, err := s.Append(record); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendNobodySubscribes(b *testing.B) {
	w := benchWorld(b)
	if err := w.p.DeleteSubscription(namespace, topicName, subName); err != nil {
		b.Fatal(err)
	}
	s, record := w.stream(), make([]byte, 200)
	for b.Loop() {
		if _, err := s.Append(record); err != nil {
			b.Fatal(err)
		}
	}
}

func hundred() (events []event.Event) {
	for i := range 100 {
		e := newEvent(fmt.Sprint("o-", i))
		e.Data = []byte(`{"total":19.9,"customer":{"id":4711,"city":"Ulm"},"text":"` + fmt.Sprintf("%0100d", i) + `"}`)
		events = append(events, e)
	}
	return events
}

func BenchmarkPublish100(b *testing.B) {
	w := benchWorld(b)
	s, events := w.stream(), hundred()
	for b.Loop() {
		if err := s.Publish(context.Background(), events); err != nil {
			b.Fatal(err)
		}
	}
}

// Publish, receive and acknowledge 100 events, each step durable, on Pebble without a
// disk beneath.
func BenchmarkPublishReceiveAcknowledge100(b *testing.B) {
	st, err := pebble.Open(pebble.Options{Dir: "db", FS: vfs.NewMem(), Reserve: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	w := newWorld(b, st, Options{})
	defer w.close()
	w.tell(day, subscription())
	s, q, events := w.stream(), w.queue(), hundred()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Publish(context.Background(), events); err != nil {
			b.Fatal(err)
		}
		list, err := q.Receive(context.Background(), 100, 0)
		if err != nil || len(list) != 100 {
			b.Fatal(len(list), err)
		}
		if _, err := q.Acknowledge(context.Background(), tokensOf(list)); err != nil {
			b.Fatal(err)
		}
	}
}
