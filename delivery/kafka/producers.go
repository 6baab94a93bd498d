package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"gridmq/delivery"
	"gridmq/delivery/push"
)

// Producers send events to the destinations of the configuration.
type Producers struct{ hubs map[string]*hub } // by folded resource id

var _ push.Hubs = (*Producers)(nil)

// New makes producers. Errors: what is wrong with a destination, or that a file of it
// cannot be read, joined.
func New(o Options) (*Producers, error) {
	o = o.withDefaults()
	p := &Producers{hubs: map[string]*hub{}}
	var errs []error
	for _, d := range o.Destinations {
		fail := func(err error) { errs = append(errs, fmt.Errorf("kafka.%s: %w", d.Name, err)) }
		if wrong := d.Validate(); len(wrong) > 0 {
			for _, one := range wrong {
				fail(one)
			}
			continue
		}
		id := fold(d.ResourceID)
		if other := p.hubs[id]; other != nil {
			fail(fmt.Errorf("resource_id: kafka.%s has the same", other.d.Name))
			continue
		}
		h, err := newHub(d, &o)
		if err != nil {
			fail(err)
			continue
		}
		p.hubs[id] = h
	}
	return p, errors.Join(errs...)
}

// Buffered is how many events the clients of all destinations hold.
func (p *Producers) Buffered() (n int64) {
	for _, h := range p.hubs {
		n += h.buffered()
	}
	return n
}

// Close implements push.Hubs.
func (p *Producers) Close() {
	var all sync.WaitGroup
	for _, h := range p.hubs {
		all.Go(h.close)
	}
	all.Wait()
}

// Send implements push.Hubs.
func (p *Producers) Send(ctx context.Context, s *push.Shipment) []push.Verdict {
	h := p.hubs[fold(s.Destination.EventHub.ResourceID)]
	if h == nil {
		return same(len(s.Attempts), unknown())
	}
	client, err := h.acquire()
	if err != nil {
		return same(len(s.Attempts), judge(err, nil))
	}
	defer h.release()
	records := make([]*kgo.Record, len(s.Attempts))
	for i := range s.Attempts {
		records[i] = h.d.newRecord(s.Destination, s.Subscription, &s.Attempts[i])
		if s.Traces != nil {
			addTrace(records[i], s.Traces[i])
		}
	}
	start := time.Now()
	errs := send(ctx, client, records)
	cause := h.last.failure(start)
	verdicts := make([]push.Verdict, len(errs))
	for i, err := range errs {
		verdicts[i] = judge(err, cause)
	}
	return verdicts
}

// same are n verdicts.
func same(n int, v push.Verdict) []push.Verdict {
	all := make([]push.Verdict, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// ValidateHub implements push.Hubs: the destination is known, and its topic there.
func (p *Producers) ValidateHub(ctx context.Context, d *delivery.Destination) error {
	h := p.hubs[fold(d.EventHub.ResourceID)]
	if h == nil {
		return fmt.Errorf("no destination of the broker's configuration has the resource id %q: add one below kafka, with the addresses of its brokers", d.EventHub.ResourceID)
	}
	for _, one := range d.Headers {
		if reserved(one.Name) {
			return fmt.Errorf("the delivery property %q is the broker's own in a record; choose another name", one.Name)
		}
	}
	client, err := h.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	limited, cancel := context.WithTimeout(ctx, validateTime)
	defer cancel()
	return h.look(limited, client)
}
