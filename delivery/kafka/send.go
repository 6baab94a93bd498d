package kafka

import (
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// send makes one attempt for all records, and says what came of each. Those that were too
// large in a batch with others are sent again in smaller ones.
func send(ctx context.Context, client *kgo.Client, records []*kgo.Record) []error {
	errs := produce(ctx, client, records)
	var large []int
	for i, err := range errs {
		if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
			large = append(large, i)
		}
	}
	if len(large) == 0 || len(records) == 1 {
		return errs
	}
	for _, half := range [][]int{large[:len(large)/2], large[len(large)/2:]} {
		if len(half) == 0 {
			continue
		}
		smaller := make([]*kgo.Record, len(half))
		for i, at := range half {
			smaller[i] = again(records[at])
		}
		for i, err := range send(ctx, client, smaller) {
			errs[half[i]] = err
		}
	}
	return errs
}

// again is a record that the client has not seen.
func again(r *kgo.Record) *kgo.Record {
	return &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers}
}

// produce gives records to the client and waits for all, but not longer than ctx.
func produce(ctx context.Context, client *kgo.Client, records []*kgo.Record) []error {
	a := &answers{errs: make([]error, len(records)), known: make([]bool, len(records)), left: len(records), all: make(chan struct{})}
	for i, r := range records {
		client.Produce(ctx, r, func(_ *kgo.Record, err error) { a.set(i, err) }) // waits when the client is full
	}
	select {
	case <-a.all:
	case <-ctx.Done():
	}
	return a.take(ctx.Err())
}

// answers are what became of the records of one call. The client may go on setting them
// when nobody looks any more.
type answers struct {
	all chan struct{} // closed when none is left

	mu    sync.Mutex
	errs  []error
	known []bool
	left  int
}

func (a *answers) set(i int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.errs == nil {
		return
	}
	a.errs[i], a.known[i] = err, true
	if a.left--; a.left == 0 {
		close(a.all)
	}
}

// take ends the waiting; missing is what those get that have no answer.
func (a *answers) take(missing error) []error {
	a.mu.Lock()
	defer a.mu.Unlock()
	errs := a.errs
	a.errs = nil
	for i := range errs {
		if !a.known[i] {
			errs[i] = missing
		}
	}
	return errs
}
