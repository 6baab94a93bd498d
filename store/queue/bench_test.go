package queue

import (
	"context"
	"fmt"
	"testing"

	"gridmq/store"
	"gridmq/store/memory"
)

// nobody is an Owner whose queues are always empty.
type nobody struct{}

func (nobody) AppendState(b []byte, _ ID) ([]byte, bool)     { return b, true }
func (nobody) Holds(ID, store.Position) bool                 { return false }
func (nobody) Moved(ID, store.Position, store.Position) bool { return true }
func (nobody) Dropped(ID, store.Position, error)             {}

// window bounds what is not durable yet, as a receive maximum does.
type window chan struct{}

func (w window) Committed(store.Ticket, error) { <-w }

// place remembers where a message went.
type place store.Position

func (p *place) Enqueue(pos store.Position, _ store.Ticket) { *p = place(pos) }

// BenchmarkPublish stores messages of 200 bytes, up to 1,000 of which are not durable
// yet, for 1 and for 100 queues, and says at once that they are done with. The store
// is in memory: what is measured is the queue and its share of the commit groups.
func BenchmarkPublish(b *testing.B) {
	for _, targets := range []int{1, 100} {
		b.Run(fmt.Sprintf("targets=%d", targets), func(b *testing.B) {
			st := memory.New(memory.Options{})
			defer st.Close()
			m := Message{Record: make([]byte, 200)}
			for id := range targets {
				m.Targets = append(m.Targets, Target{Queue: ID(id + 1), Flags: 1, Slots: []uint32{0}})
			}
			ids := make([]ID, targets)
			for i := range ids {
				ids[i] = ID(i + 1)
			}
			q, err := Open(st, store.LogID{Namespace: "bench"}, Options{}, newOffice(ids...))
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan error)
			go func() { ended <- q.Run(ctx, nobody{}) }()
			under := make(window, 1000)
			var at place
			b.ReportAllocs()
			b.ResetTimer()
			for seq := range uint64(b.N) {
				under <- struct{}{}
				t, err := q.Publish(&m, &at)
				if err != nil {
					b.Fatal(err)
				}
				st.Notify(t, under)
				for _, id := range ids {
					q.Done(id, seq+1, store.Position(at))
				}
			}
			if err := st.Sync(ctx); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			stop()
			<-ended
		})
	}
}
