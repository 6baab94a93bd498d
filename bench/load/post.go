package load

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync/atomic"
	"time"
)

// postBatch is how many events one request publishes.
const postBatch = 100

const batchType = "application/cloudevents-batch+json; charset=utf-8"

// posted publishes batches of events over HTTP, then receives and acknowledges them.
func (r *run) posted(ctx context.Context) error {
	if r.Events == nil {
		return errNoEvents
	}
	if r.Publishers == 0 || r.Subscribers == 0 {
		return errNoLoad
	}
	warm := uint64(r.Messages / warmShare)
	batches := (uint64(r.Messages) + warm) / uint64(r.Publishers) / postBatch
	plane := r.Events.open(r.Publishers)
	defer plane.close()
	work, crew := newCrew(ctx)
	defer crew.wg.Wait()
	defer crew.cancel(nil)
	var busy atomic.Int64
	busy.Store(int64(r.Publishers))
	for i := range r.Publishers {
		crew.start(func() error { defer busy.Add(-1); return r.post(work, plane, uint32(i), batches) })
	}
	if err := r.afterWarmUp(work, warm, func() bool { return busy.Load() == 0 }); err != nil {
		return err
	}
	crew.wg.Wait()
	c, sent := newCensus(r.meter.run, r.Publishers), make([]uint64, r.Publishers)
	for i := range sent {
		sent[i] = batches * postBatch
	}
	r.result.Sent = r.meter.acked.Load()
	err := r.pull(ctx, phasePull, subscriptionPath(EventTopic, PullSub), c, r.meter.acked.Load())
	c.into(&r.result, sent)
	return err
}

// post publishes batches of events of one publisher, each when the one before has been
// answered.
func (r *run) post(ctx context.Context, plane *dataPlane, publisher uint32, batches uint64) error {
	rest := base64.StdEncoding.EncodeToString(make([]byte, r.Size-headSize))
	var body, answer []byte
	for n := range batches {
		body = body[:0]
		h := head{run: r.meter.run, publisher: publisher, stamp: int64(time.Since(r.meter.clock))}
		for i := range uint64(postBatch) {
			h.seq = n*postBatch + i
			body = appendEvent(body, h, rest)
		}
		body[0] = '['
		body = append(body, ']')
		var err error
		if answer, err = plane.post(ctx, "/topics/"+EventTopic+":publish"+apiVersion, batchType, body, answer); err != nil {
			return err
		}
		r.meter.acked.Add(postBatch)
	}
	return nil
}

// appendEvent appends a comma and an event whose data is h and what follows it, in
// base64.
func appendEvent(b []byte, h head, rest string) []byte {
	b = fmt.Appendf(b, `,{"specversion":"1.0","id":"%08x-%d-%d","source":"/bench/%d","type":"bench.event","data_base64":"`,
		h.run, h.publisher, h.seq, h.publisher)
	var raw [headSize]byte
	h.put(raw[:])
	b = base64.StdEncoding.AppendEncode(b, raw[:])
	return append(append(b, rest...), `"}`...)
}
