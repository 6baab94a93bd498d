package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gridmq/delivery"
)

// always is a fault of every produce request.
func always(err *kerr.Error, change ...func(*kfake.Fault)) kfake.Fault {
	f := kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "a", Err: err, Count: -1}
	for _, c := range change {
		c(&f)
	}
	return f
}

const clientError = "Undeliverable due to client error | "

// TestNotTriedAgain: what the brokers will never take becomes a dead letter at once, and
// is sent once.
func TestNotTriedAgain(t *testing.T) {
	for err, outcome := range map[*kerr.Error]string{
		kerr.MessageTooLarge: "PayloadTooLarge", kerr.RecordListTooLarge: "PayloadTooLarge",
		kerr.InvalidRecord: "BadRequest", kerr.InvalidTimestamp: "BadRequest", kerr.UnsupportedForMessageFormat: "BadRequest",
		kerr.TopicAuthorizationFailed: "Forbidden", kerr.ClusterAuthorizationFailed: "Forbidden",
	} {
		t.Run(err.Message, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				c := w.cluster("a")
				f := c.Fault(always(err))
				w.open(destination("a", c))
				w.tell(to("a"))
				w.publish("1")
				after(time.Second)
				w.wantDead("1 1 " + clientError + outcome)
				if n := f.Hits(); n != 1 {
					t.Errorf("%d requests, want 1", n)
				}
				f.Remove()
				after(6 * time.Minute) // a pause is over
				w.publish("2")
				after(time.Second)
				w.wantRecords(c, "a", "2")
			})
		})
	}
}

// TestTriedAgain: other failures are tried again; the record is there once when the
// trouble is over, and not before the destination's pause.
func TestTriedAgain(t *testing.T) {
	tests := map[*kerr.Error]struct {
		outcome delivery.Outcome
		back    time.Duration // after the trouble is over at 35 s
		records int           // of the event; 2: the brokers have it although they say no
	}{
		kerr.SaslAuthenticationFailed:          {delivery.Unauthorized, 6 * time.Minute, 1},
		kerr.UnknownTopicOrPartition:           {delivery.NotFound, 6 * time.Minute, 1},
		kerr.InvalidTopicException:             {delivery.NotFound, 6 * time.Minute, 1},
		kerr.PolicyViolation:                   {delivery.Aborted, time.Minute, 1},
		kerr.UnknownServerError:                {delivery.Aborted, time.Minute, 1},
		kerr.ThrottlingQuotaExceeded:           {delivery.TimedOut, time.Minute, 1},
		kerr.NotEnoughReplicas:                 {delivery.TimedOut, time.Minute, 1},
		kerr.NotEnoughReplicasAfterAppend:      {delivery.TimedOut, time.Minute, 2},
		kerr.NotLeaderForPartition:             {delivery.TimedOut, time.Minute, 1},
		kerr.LeaderNotAvailable:                {delivery.TimedOut, time.Minute, 1},
		kerr.KafkaStorageError:                 {delivery.TimedOut, time.Minute, 1},
		kerr.CorruptMessage:                    {delivery.Busy, time.Minute, 1},
		kerr.RequestTimedOut:                   {delivery.TimedOut, time.Minute, 2},
		kerr.NetworkException:                  {delivery.TimedOut, time.Minute, 1},
		kerr.FencedLeaderEpoch:                 {delivery.TimedOut, time.Minute, 1},
		kerr.OutOfOrderSequenceNumber:          {delivery.TimedOut, time.Minute, 1},
		kerr.UnknownProducerID:                 {delivery.TimedOut, time.Minute, 1},
		kerr.InvalidProducerEpoch:              {delivery.TimedOut, time.Minute, 1},
		kerr.TransactionCoordinatorFenced:      {delivery.Aborted, time.Minute, 1},
		kerr.ErrorForCode(32000).(*kerr.Error): {delivery.Aborted, time.Minute, 1},
	}
	for err, tt := range tests {
		t.Run(err.Message, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				c := w.cluster("a")
				f := c.Fault(always(err))
				w.open(destination("a", c))
				w.tell(to("a"))
				w.publish("1")
				after(35 * time.Second)
				f.Remove()
				after(tt.back)
				w.wantRecords(c, "a", slices.Repeat([]string{"1"}, tt.records)...)
				if !slices.Contains(w.seen, tt.outcome) {
					t.Errorf("outcomes %v, want %v", w.seen, tt.outcome)
				}
				w.wantDead()
			})
		})
	}
}

// TestPartialFailure: of one request only the events fail whose partition does.
func TestPartialFailure(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		f := c.Fault(always(kerr.InvalidRecord, func(f *kfake.Fault) { f.Partitions = []int32{1} }))
		w.open(destination("a", c))
		w.tell(to("a"))
		var all []string
		for i := range 30 {
			all = append(all, fmt.Sprintf("%02d", i))
		}
		w.publish(all...)
		after(time.Second)
		f.Remove()
		got := ids(t, w.records(c, "a"))
		dead := len(w.dead.letters)
		if dead == 0 || len(got) == 0 || dead+len(got) != 30 {
			t.Errorf("%d events have arrived, %d are dead letters, of 30", len(got), dead)
		}
		for _, l := range w.dead.letters {
			if slices.Contains(got, l.Event.ID) {
				t.Errorf("event %s has arrived and is a dead letter", l.Event.ID)
			}
		}
		w.publish("x") // the destination is not put aside
		after(time.Second)
		if n := len(w.records(c, "a")); n != len(got)+1 {
			t.Errorf("%d records, want %d", n, len(got)+1)
		}
	})
}

// TestTooLargeTogether: a batch that is too large for the broker is sent in smaller ones,
// and only the event that is too large by itself becomes a dead letter.
func TestTooLargeTogether(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("", kfake.SeedTopics(1, "a"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000"}))
		w.open(destination("a", c))
		w.tell(to("a"))
		large := newEvent("large")
		large.Data = []byte(`"` + string(slices.Repeat([]byte("x"), 30_000)) + `"`)
		middle := newEvent("middle")
		middle.Data = large.Data[:10_000]
		middle.Data = append(slices.Clone(middle.Data), '"')
		second := middle
		second.ID = "second"
		w.publishEvents(newEvent("1"), middle, large, second, newEvent("2"))
		after(time.Second)
		w.wantRecords(c, "a", "1", "2", "middle", "second")
		w.wantDead("large 1 " + clientError + "PayloadTooLarge")
	})
}

// TestTooLargeForOurselves: a record larger than Destination.MessageBytes is not sent.
func TestTooLargeForOurselves(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		w.open(destination("a", c, func(d *Destination) { d.MessageBytes = MinMessageBytes }))
		w.tell(to("a"))
		large := newEvent("large")
		large.Data = []byte(`"` + string(slices.Repeat([]byte("x"), MinMessageBytes)) + `"`)
		w.publishEvents(newEvent("1"), large)
		after(time.Second)
		w.wantRecords(c, "a", "1")
		w.wantDead("large 1 " + clientError + "PayloadTooLarge")
	})
}

// TestTopicMadeLater: a topic that is not there is asked for every five minutes.
func TestTopicMadeLater(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("")
		w.open(destination("a", c))
		w.tell(to("a"))
		w.publish("1")
		after(40 * time.Second)
		if s := w.stats("a"); s.Undelivered != 1 || s.Outstanding != 1 {
			t.Errorf("stats %+v", s)
		}
		if err := c.CreateTopic("a", 1, nil); err != nil {
			t.Fatal(err)
		}
		after(3 * time.Minute)
		w.wantRecords(c, "a")
		after(3 * time.Minute)
		w.wantRecords(c, "a", "1")
	})
}

// TestLeaderMoves: the client finds the new leader by itself; nobody is told.
func TestLeaderMoves(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		w.open(destination("a", c))
		w.tell(to("a"))
		var want []string
		for i := range 20 {
			id := fmt.Sprintf("%02d", i)
			want = append(want, id)
			w.publish(id)
			c.ShufflePartitionLeaders()
			after(100 * time.Millisecond)
		}
		after(10 * time.Second)
		w.wantRecords(c, "a", want...)
		if s := w.stats("a"); s.Undelivered != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// TestConnectionsCut: what the client repeats after connections broke is there once.
func TestConnectionsCut(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		// The answers come late, so that connections break between the work and the answer.
		c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			c.SleepControl(func() { time.Sleep(50 * time.Millisecond) })
			return nil, nil, false
		})
		w.open(destination("a", c))
		w.tell(to("a"))
		var want []string
		for i := range 20 {
			id := fmt.Sprintf("%02d", i)
			want = append(want, id)
			w.publish(id)
			after(time.Duration(10+i*4) * time.Millisecond)
			w.net.cut()
		}
		after(time.Minute)
		w.wantRecords(c, "a", want...)
		w.wantDead()
	})
}

// TestClusterGoneAndBack: a cluster that is away is put aside, its events wait, and
// another destination knows nothing of it.
func TestClusterGoneAndBack(t *testing.T) {
	for name, tt := range map[string]struct {
		err     error
		outcome delivery.Outcome
		back    time.Duration
	}{
		"refused":  {errors.New("connection refused"), delivery.SocketError, 2 * time.Minute},
		"no name":  {&net.DNSError{Err: "no such host", Name: "localhost", IsNotFound: true}, delivery.ResolutionError, 6 * time.Minute},
		"time-out": {context.DeadlineExceeded, delivery.TimedOut, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				a, b := w.cluster("a"), w.cluster("b")
				w.open(destination("a", a), destination("b", b))
				w.tell(to("a"), to("b"))
				w.net.refuse(tt.err, a.ListenAddrs()...)
				w.publish("1", "2")
				after(time.Second)
				w.wantRecords(b, "b", "1", "2")
				after(40 * time.Second)
				if s := w.stats("a"); s.Undelivered != 2 || !slices.Contains(w.seen, tt.outcome) {
					t.Errorf("stats %+v, outcomes %v, want %v", s, w.seen, tt.outcome)
				}
				w.publish("3")
				after(time.Second)
				w.wantRecords(b, "b", "1", "2", "3")
				w.net.refuse(nil, a.ListenAddrs()...)
				after(tt.back)
				w.wantRecords(a, "a", "1", "2", "3")
				w.wantDead()
			})
		})
	}
}

// TestBrokerFallsSilent: an answer that does not come ends the attempt after 30 seconds.
func TestBrokerFallsSilent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		var talks atomic.Bool
		c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if !talks.Load() {
				c.SleepControl(func() { time.Sleep(28 * time.Second) })
			}
			return nil, nil, false
		})
		w.open(destination("a", c))
		w.tell(to("a"))
		w.publish("1")
		after(50 * time.Second)
		talks.Store(true)
		after(5 * time.Minute)
		if len(w.took) < 2 || w.took[0] != 30*time.Second {
			t.Errorf("attempts took %v, want 30s for the first", w.took)
		}
		got := ids(t, w.records(c, "a"))
		if len(slices.Compact(got)) != 1 {
			t.Errorf("records %v", got)
		}
		w.wantDead()
	})
}

// TestAttemptsUsedUp: an event that is never taken becomes a dead letter, in half an hour.
func TestAttemptsUsedUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		c.Fault(always(kerr.UnknownServerError))
		w.open(destination("a", c))
		w.tell(to("a"))
		w.publish("1")
		after(29 * time.Minute)
		w.wantDead()
		after(2 * time.Minute)
		w.wantDead("1 10 Maximum delivery attempts was exceeded. | Aborted")
	})
}
