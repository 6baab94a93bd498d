package resource_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"gridmq/control/resource"
	"gridmq/store/memory"
	"gridmq/store/pebble"
)

// BenchmarkPut registers clients from several callers at once, on a disk.
func BenchmarkPut(b *testing.B) {
	s, err := pebble.Open(pebble.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	x, err := resource.Open(context.Background(), resource.Options{Store: s, Kinds: resource.Kinds(resource.Rules{})})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	fill(b, x, 0, 0)
	var next atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			put(b, x, "clients", fmt.Sprintf("c%d", next.Add(1)), `{"properties":{"attributes":{"kind":"press","hall":4}}}`)
		}
	})
}

// BenchmarkOpen replays 20,000 clients.
func BenchmarkOpen(b *testing.B) {
	s := memory.New(memory.Options{})
	defer s.Close()
	o := resource.Options{Store: s, Kinds: resource.Kinds(resource.Rules{})}
	x, err := resource.Open(context.Background(), o)
	if err != nil {
		b.Fatal(err)
	}
	fill(b, x, 0, 20_000)
	x.Close()
	b.ReportAllocs()
	for b.Loop() {
		if x, err = resource.Open(context.Background(), o); err != nil {
			b.Fatal(err)
		}
		x.Close()
	}
}

func fill(b *testing.B, x *resource.Set, from, to int) {
	put(b, x, "namespaces", "plant", `{}`)
	for i := from; i < to; i++ {
		put(b, x, "clients", fmt.Sprintf("c%d", i), `{"properties":{"attributes":{"kind":"press","hall":4}}}`)
	}
}

func put(b *testing.B, x *resource.Set, kind, name, body string) {
	_, err := x.Put(context.Background(), resource.Put{Body: []byte(body),
		Request: resource.Request{Kind: x.Kind(kind), Namespace: "plant", Name: name}})
	if err != nil {
		b.Fatal(err)
	}
}
