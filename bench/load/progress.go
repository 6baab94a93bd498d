package load

import (
	"fmt"
	"sync"
	"time"
)

// Progress is how far a run is.
type Progress struct {
	Phase   string
	Elapsed time.Duration // since the start of the run
	// Sent and Delivered are totals; the rates are those of the last second.
	// Connected is the number of connections open.
	Sent, Delivered         uint64
	SentRate, DeliveredRate float64
	Connected               int64
}

// String is one line for people.
func (p Progress) String() string {
	if p.Sent == 0 && p.Delivered == 0 {
		return fmt.Sprintf("%4.0fs %-9s %s connections", p.Elapsed.Seconds(), p.Phase, thousands(uint64(p.Connected)))
	}
	return fmt.Sprintf("%4.0fs %-9s sent %s/s, delivered %s/s (%s so far)", p.Elapsed.Seconds(), p.Phase,
		thousands(uint64(p.SentRate)), thousands(uint64(p.DeliveredRate)), thousands(p.Delivered))
}

// report calls Options.Progress once a second until the returned function is
// called, which waits for the last one.
func (r *run) report() (stop func()) {
	if r.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		before := r.progress()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			now := r.progress()
			span := (now.Elapsed - before.Elapsed).Seconds()
			if now.Sent >= before.Sent { // else other publishers are at work now
				now.SentRate = float64(now.Sent-before.Sent) / span
			}
			now.DeliveredRate = float64(now.Delivered-before.Delivered) / span
			r.Progress(now)
			before = now
		}
	})
	return func() { close(done); wg.Wait() }
}

func (r *run) progress() Progress {
	p := Progress{Elapsed: time.Since(r.meter.clock), Delivered: r.meter.got.Load(), Connected: r.connected.Load()}
	p.Phase, _ = r.current.Load().(string)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, pub := range r.pubs {
		p.Sent += pub.sent.Load()
	}
	return p
}
