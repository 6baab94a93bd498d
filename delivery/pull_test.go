package delivery

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/event"
	"gridmq/event/filter"
	"gridmq/internal/bubble"
)

// pull runs f in virtual time with a topic of one day and one subscription.
func pull(t *testing.T, change func(*Subscription, *Options), f func(*testing.T, *world)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		s := inMemory()
		defer s.Close()
		sub, o := subscription(), Options{}
		if change != nil {
			change(&sub, &o)
		}
		w := newWorld(t, s, o)
		defer w.close()
		w.tell(day, sub)
		f(t, w)
	})
}

func TestReceiveAcknowledge(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		w.publish("a", "b")
		if ticket, err := w.stream().Append([]byte("routed")); err != nil || ticket == 0 {
			t.Fatalf("Append = %d, %v", ticket, err)
		}
		if err := w.store.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := w.receive(2, 0)
		if got := fmt.Sprint(names(first)); got != "[a:1 b:1]" {
			t.Fatalf("received %v", got)
		}
		if string(first[0].Event.Data) != `{"n":1}` {
			t.Errorf("data = %s", first[0].Event.Data)
		}
		rest := w.receive(100, 0)
		if len(rest) != 1 || string(rest[0].Event.Data) != "routed" {
			t.Fatalf("then %v", rest)
		}
		tokens := append(tokensOf(first), tokensOf(rest)...)
		answers, err := w.queue().Acknowledge(t.Context(), append(tokens, tokens[0], "x+/="))
		wantCodes(t, answers, err, OK, OK, OK, BadToken)
		answers, err = w.queue().Acknowledge(t.Context(), tokens[:1])
		wantCodes(t, answers, err, TokenLost)
		if answers[0].Message != "Token has expired." {
			t.Errorf("message %q", answers[0].Message)
		}
		w.expect()
		st := w.queue().Stats()
		if st.Matched != 3 || st.Received != 3 || st.Acknowledged != 3 || st.BadTokens != 1 || st.LostTokens != 1 || st.Outstanding != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// Section 18, checks 4, 5 and 9.
func TestLongPoll(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		start := time.Now()
		if got := w.receive(1, 10*time.Second); len(got) != 0 || time.Since(start) != 10*time.Second {
			t.Errorf("received %v after %v, want nothing after 10s", got, time.Since(start))
		}
		start = time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			w.publish("a", "b")
		}()
		if got := names(w.receive(10, 10*time.Second)); fmt.Sprint(got) != "[a:1 b:1]" || time.Since(start) != 3*time.Second {
			t.Errorf("received %v after %v, want both after 3s", got, time.Since(start))
		}
	})
}

// Each waiter gets one; nobody is forgotten.
func TestManyWaiters(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		got := make(chan string, 20)
		for range 20 {
			go func() { got <- fmt.Sprint(names(w.receive(1, time.Minute))) }()
		}
		synctest.Wait()
		if n := w.queue().Waiting(); n != 20 {
			t.Errorf("%d wait", n)
		}
		var ids []string
		for i := range 20 {
			ids = append(ids, fmt.Sprint(i))
		}
		w.publish(ids...)
		synctest.Wait()
		if len(got) != 20 {
			t.Errorf("%d of 20 waiters have an event", len(got))
		}
	})
}

func TestClientGoneWhileWaiting(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := w.queue().Receive(ctx, 1, time.Minute)
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Receive = %v", err)
		}
		w.publish("a")
		w.expect("a:1")
	})
}

// Section 9.5: release, lapse, the count.
func TestCounts(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		w.publish("a")
		first := w.expect("a:1")
		answers, err := w.queue().Release(t.Context(), tokensOf(first), 0)
		wantCodes(t, answers, err, OK)
		second := w.expect("a:2")
		time.Sleep(time.Minute) // the lock's time
		answers, err = w.queue().Acknowledge(t.Context(), tokensOf(append(first, second...)))
		wantCodes(t, answers, err, TokenLost, TokenLost)
		third := w.expect("a:3")
		answers, err = w.queue().Release(t.Context(), tokensOf(third), 0) // used up
		wantCodes(t, answers, err, OK)
		w.expect()
		if st := w.queue().Stats(); st.Dropped != 1 || st.Outstanding != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestReleaseDelay(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		w.publish("a")
		answers, err := w.queue().Release(t.Context(), tokensOf(w.expect("a:1")), 10*time.Second)
		wantCodes(t, answers, err, OK)
		start := time.Now()
		if got := w.receive(1, time.Minute); len(got) != 1 || time.Since(start) != 10*time.Second {
			t.Errorf("available after %v, want 10s", time.Since(start))
		}
	})
}

// Section 9.4, with its example: renewed at 59:59 by 300 s.
func TestRenew(t *testing.T) {
	pull(t, func(s *Subscription, _ *Options) { s.Lock = 5 * time.Minute }, func(t *testing.T, w *world) {
		w.publish("a")
		tokens := tokensOf(w.expect("a:1"))
		start := time.Now()
		renew := func(at time.Duration, want SettlementCode) {
			t.Helper()
			time.Sleep(at - time.Since(start))
			answers, err := w.queue().RenewLock(t.Context(), tokens)
			wantCodes(t, answers, err, want)
		}
		for m := 4; m <= 56; m += 4 {
			renew(time.Duration(m)*time.Minute, OK)
		}
		renew(59*time.Minute+59*time.Second, OK)
		renew(60*time.Minute+1*time.Second, TokenLost)
		time.Sleep(64*time.Minute + 58*time.Second - time.Since(start))
		w.expect() // still locked
		answers, err := w.queue().Acknowledge(t.Context(), tokens)
		wantCodes(t, answers, err, OK)
	})
	pull(t, nil, func(t *testing.T, w *world) { // after the lock's end
		w.publish("a")
		tokens := tokensOf(w.expect("a:1"))
		time.Sleep(time.Minute)
		answers, err := w.queue().RenewLock(t.Context(), tokens)
		wantCodes(t, answers, err, TokenLost)
	})
}

// Section 7: a copy that nobody asked for, one that is locked, one that is delayed.
func TestTimeToLive(t *testing.T) {
	dead := &sink{}
	pull(t, func(s *Subscription, o *Options) {
		s.TimeToLive = 90 * time.Second
		s.DeadLetters = &DeadLetters{"/a", "c"}
		o.DeadLetters = dead
	}, func(t *testing.T, w *world) {
		w.publish("never")
		time.Sleep(90*time.Second + 10*time.Millisecond)
		synctest.Wait()
		letters := dead.take()
		if len(letters) != 1 || letters[0].Event.ID != "never" || letters[0].Attempts != 0 || letters[0].Reason != "Event time to live was exceeded." {
			t.Fatalf("dead letters %+v", letters)
		}
		w.publish("locked")
		time.Sleep(80 * time.Second)
		tokens := tokensOf(w.expect("locked:1"))
		time.Sleep(59 * time.Second) // expired, but settleable until the lock ends
		answers, err := w.queue().Acknowledge(t.Context(), tokens)
		wantCodes(t, answers, err, OK)

		w.publish("lapsing", "delayed")
		time.Sleep(80 * time.Second)
		list := w.expect("delayed:1", "lapsing:1")
		for _, d := range list {
			if d.Event.ID == "delayed" {
				answers, err := w.queue().Release(t.Context(), []string{d.LockToken}, time.Hour)
				wantCodes(t, answers, err, OK)
			}
		}
		time.Sleep(11 * time.Second)
		if l := dead.take(); len(l) != 1 || l[0].Event.ID != "delayed" {
			t.Errorf("a delay ends with the time to live: %+v", l)
		}
		time.Sleep(time.Minute)
		if l := dead.take(); len(l) != 1 || l[0].Event.ID != "lapsing" || l[0].Attempts != 1 {
			t.Errorf("after the lock: %+v", l)
		}
		if st := w.queue().Stats(); st.DeadLettered != 3 || st.Dropped != 0 || st.Outstanding+st.Departures != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestRejectAndUsedUp(t *testing.T) {
	dead := &sink{}
	pull(t, func(s *Subscription, o *Options) {
		s.MaxDeliveryCount = 1
		s.DeadLetters = &DeadLetters{"/a", "c"}
		o.DeadLetters = dead
	}, func(t *testing.T, w *world) {
		w.publish("a")
		answers, err := w.queue().Reject(t.Context(), tokensOf(w.expect("a:1")))
		wantCodes(t, answers, err, OK)
		synctest.Wait()
		if l := dead.take(); len(l) != 1 || l[0].Reason != "Event was rejected." || l[0].Event.ID != "a" {
			t.Errorf("rejected: %+v", l)
		}
		w.publish("b") // section 18, check 7
		w.expect("b:1")
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		if l := dead.take(); len(l) != 1 || l[0].Reason != "Maximum delivery attempts was exceeded." || l[0].Attempts != 1 || l[0].LastAttempt.IsZero() {
			t.Errorf("used up: %+v", l)
		}
		w.expect()
	})
}

// Section 13.5.
func TestSinkRefuses(t *testing.T) {
	dead := &sink{err: errors.New("no")}
	pull(t, func(s *Subscription, o *Options) {
		s.DeadLetters = &DeadLetters{"/a", "c"}
		o.DeadLetters = dead
	}, func(t *testing.T, w *world) {
		w.publish("a")
		answers, err := w.queue().Reject(t.Context(), tokensOf(w.expect("a:1")))
		wantCodes(t, answers, err, OK)
		start := time.Now()
		time.Sleep(12 * time.Minute)
		dead.mu.Lock()
		var offsets []time.Duration
		for _, c := range dead.calls {
			offsets = append(offsets, c.Sub(start))
		}
		dead.mu.Unlock()
		if got := fmt.Sprint(offsets); got != "[0s 10s 1m10s 6m10s 11m10s]" {
			t.Errorf("asked at %v", got)
		}
		time.Sleep(48 * time.Hour)
		if st := w.queue().Stats(); st.Dropped != 1 || st.Departures != 0 || st.DeadLettered != 0 || st.DeadLetterFailures == 0 {
			t.Errorf("after two days %+v", st)
		}
	})
}

func TestFilters(t *testing.T) {
	only := func(id string) filter.Config {
		return filter.Config{Filters: []filter.Condition{{Operator: filter.StringBeginsWith, Key: "id", Strings: []string{id}}}}
	}
	pull(t, func(s *Subscription, _ *Options) { s.Filter = only("a") }, func(t *testing.T, w *world) {
		w.publish("a1", "b1")
		sub := subscription()
		sub.Filter = only("b")
		w.tell(day, sub) // decides about later events only
		w.publish("a2", "b2")
		w.restart(day, sub)
		w.expect("a1:1", "b2:1")
		if st := w.queue().Stats(); st.Matched != 2 || st.Unmatched != 2 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestNewSubscriptionStartsAtTheEnd(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		w.publish("old")
		other := subscription()
		other.Name, other.Created = "other", 2
		w.tell(day, subscription(), other)
		w.publish("new")
		list, err := w.stream().Queue("OTHER").Receive(t.Context(), 10, 0)
		if err != nil || fmt.Sprint(names(list)) != "[new:1]" {
			t.Errorf("the new one received %v, %v", names(list), err)
		}
		answers, err := w.queue().Acknowledge(t.Context(), tokensOf(list)) // of another subscription
		wantCodes(t, answers, err, BadToken)
		old := w.expect("new:1", "old:1")
		again := subscription()
		again.Created = 3
		w.tell(day, again, other) // made anew
		answers, err = w.queue().Acknowledge(t.Context(), tokensOf(old))
		wantCodes(t, answers, err, TokenLost, TokenLost)
		w.expect()
	})
}

func TestRestartKeepsLocks(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		w.publish("a", "b", "c")
		list := w.receive(2, 0)
		time.Sleep(30 * time.Second)
		w.restart(day, subscription())
		w.expect("c:1")
		answers, err := w.queue().Acknowledge(t.Context(), tokensOf(list[:1]))
		wantCodes(t, answers, err, OK)
		time.Sleep(30 * time.Second)
		w.expect("b:2")
	})
}

func TestExpires(t *testing.T) {
	pull(t, func(s *Subscription, _ *Options) { s.Expires = time.Now().Add(time.Hour) }, func(t *testing.T, w *world) {
		w.publish("a")
		q := w.queue()
		done := make(chan error)
		w.expect("a:1")
		go func() {
			_, err := q.Receive(t.Context(), 1, 2*time.Hour)
			done <- err
		}()
		time.Sleep(time.Hour)
		if got := <-done; !errors.Is(got, ErrGone) && got != nil {
			t.Errorf("Receive = %v", got)
		}
		synctest.Wait()
		if w.queue() != nil {
			t.Error("an expired subscription is still there")
		}
		if ticket, err := w.stream().Append([]byte("x")); ticket != 0 || err != nil {
			t.Errorf("Append with no subscription = %d, %v", ticket, err)
		}
	})
}

func TestDelete(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		w.publish("a")
		q, s := w.queue(), w.stream()
		if err := w.p.DeleteTopic(namespace, "ORDERS"); err != nil {
			t.Fatal(err)
		}
		if w.stream() != nil {
			t.Error("the topic is still there")
		}
		if _, err := q.Receive(t.Context(), 1, time.Minute); !errors.Is(err, ErrGone) {
			t.Errorf("Receive = %v", err)
		}
		if err := s.Publish(t.Context(), []event.Event{newEvent("x")}); !errors.Is(err, ErrGone) {
			t.Errorf("Publish = %v", err)
		}
		w.tell(day, subscription()) // the number again, and its logs
		w.publish("b")
		w.restart(day, subscription())
		w.expect("b:1")
		if err := w.p.DropNamespace(namespace); err != nil {
			t.Fatal(err)
		}
		if logs, err := Logs(w.store); len(logs) != 0 || err != nil {
			t.Errorf("logs after DropNamespace: %v, %v", logs, err)
		}
		w.tell(day, subscription())
		w.expect()
		w.publish("c")
		w.expect("c:1")
	})
}

// What control does not tell again is removed.
func TestSettledRemoves(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		other := subscription()
		other.Name = "other"
		w.tell(day, subscription(), other)
		w.restart(day, other)
		if w.queue() != nil || w.stream().Queue("other") == nil {
			t.Error("the wrong one was removed")
		}
		w.close()
		w.open()
		if w.stream() != nil {
			t.Error("a topic is there before it was told")
		}
		if err := w.p.Settled(); err != nil {
			t.Fatal(err)
		}
		if logs, err := Logs(w.store); len(logs) != 0 || err != nil {
			t.Errorf("logs %v, %v", logs, err)
		}
	})
}

func TestBroken(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		for _, r := range []string{"broken", "good", "broken"} {
			if _, err := w.stream().Append([]byte(r)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.store.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.receive(10, 0); len(got) != 1 || string(got[0].Event.Data) != "good" {
			t.Errorf("received %v", got)
		}
		if st := w.queue().Stats(); st.Damaged != 2 {
			t.Errorf("stats %+v", st)
		}
	})
}

// The bound of copies that are out, of bytes in an answer, of a topic.
func TestBounds(t *testing.T) {
	pull(t, func(_ *Subscription, o *Options) {
		o.Limits = Limits{Outstanding: 3, ReceiveBytes: 600, TopicBytes: 2000}
	}, func(t *testing.T, w *world) {
		w.publish("a", "b", "c", "d", "e")
		if got := names(w.receive(100, 0)); fmt.Sprint(got) != "[a:1 b:1 c:1]" {
			t.Fatalf("received %v", got)
		}
		w.expect()
		err := error(nil)
		for range 100 {
			if err = w.stream().Publish(t.Context(), []event.Event{newEvent("x")}); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrBacklog) {
			t.Errorf("a full topic answers %v", err)
		}
		if st := w.stream().Stats(); st.Refused != 1 || st.Bytes > 2000 {
			t.Errorf("stats %+v", st)
		}
		time.Sleep(day + time.Hour) // all expire
		if st := w.stream().Stats(); st.Bytes != 0 {
			t.Errorf("after their time %+v", st)
		}
		w.publish("y")
		w.expect("y:1")
	})
}

func TestPushIsNotPulled(t *testing.T) {
	pull(t, func(s *Subscription, _ *Options) {
		s.Mode, s.Destination = Push, &Destination{WebHook: &WebHook{URL: "https://x", MaxEvents: 1, PreferredBytes: 1 << 16}}
	}, func(t *testing.T, w *world) {
		if _, err := w.queue().Receive(t.Context(), 1, time.Minute); !errors.Is(err, ErrPush) || w.queue().Mode() != Push {
			t.Errorf("Receive = %v", err)
		}
	})
}

// A copy that is given back ends another consumer's wait.
func TestReleaseWakes(t *testing.T) {
	pull(t, nil, func(t *testing.T, w *world) {
		w.publish("a")
		tokens := tokensOf(w.expect("a:1"))
		go func() {
			time.Sleep(time.Second)
			_, _ = w.queue().Release(context.Background(), tokens, 0)
		}()
		start := time.Now()
		if got := names(w.receive(1, 30*time.Second)); fmt.Sprint(got) != "[a:2]" || time.Since(start) != time.Second {
			t.Errorf("received %v after %v, want a:2 after 1s", got, time.Since(start))
		}
	})
}
