package robustness

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/broker"
	"gridmq/mqtt"
	"gridmq/store"
	"gridmq/store/faulty"
)

// Histories around one moment of a crash, or of a commit.

// A will without delay is published although its client returns at once: it is
// the loss of the connection that counts (section 3.1.2.5).
func TestWillOfClientThatReturnsAfterCrash(t *testing.T) {
	for name, c := range map[string]struct {
		expiry uint32
		delay  uint32
		want   bool
	}{
		"session kept":                 {expiry: never, want: true},
		"session not kept":             {expiry: 0, want: true},
		"a delay cancels it":           {expiry: never, delay: 60, want: false},
		"not when the session is over": {expiry: 0, delay: 60, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.enter()
				sub := h.guest("sub", mqtt.V5)
				h.depart(sub, h.arriveFor(sub, 2, "will/#"))
				got := map[string]int{}
				var mu sync.Mutex
				sub.heard = func(m *heard) {
					mu.Lock()
					defer mu.Unlock()
					got[string(m.payload)]++
				}
				const clients = 300 // more than a broker that paces wills sends at once
				var all []*device
				for i := range clients {
					d := h.guest(fmt.Sprintf("dying-%d", i), mqtt.V5)
					d.expiry = c.expiry
					d.will = &mqtt.Will{Topic: "will/" + d.id, QoS: 1, Payload: []byte(d.id)}
					if c.delay > 0 {
						d.will.Properties.WillDelayInterval = c.delay
						d.will.Properties.Mark(mqtt.PropWillDelayInterval)
					}
					h.arrive(d)
					all = append(all, d)
				}
				h.crash()
				h.enter()
				for _, d := range all {
					d.readers.Wait()
					d.will = nil
					h.arrive(d)
				}
				h.arrive(sub)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				want := 0
				if c.want {
					want = 1
				}
				wrong := 0
				for _, d := range all {
					if got[d.id] != want {
						wrong++
					}
				}
				if wrong > 0 {
					t.Errorf("%d of %d wills did not come %d times", wrong, clients, want)
				}
			})
		})
	}
}

// A client is lost and back before its will has been published: a crash at that
// moment loses neither the old will nor the new one, which the connection that
// is there has been promised.
func TestWillMeetsReturn(t *testing.T) {
	for name, publishedFirst := range map[string]bool{"crash before the old will": false, "crash after the old will": true} {
		t.Run(name, func(t *testing.T) { // in real time: a client that waits for a mutex stops a bubble
			h := newHouse(t)
			may := &hesitant{}
			h.may = may
			n := h.enter()
			sub, d := h.guest("sub", mqtt.V5), h.guest("dying", mqtt.V5)
			got := make(chan int64, 10)
			sub.heard = func(m *heard) { got <- number(m.payload) }
			h.depart(sub, h.arriveFor(sub, 2, "will/#"))
			d.will = &mqtt.Will{Topic: "will/old", QoS: 1, Payload: payload(1, 20)}
			l := h.arrive(d)
			asked, answer := may.over("will/old")
			l.close()
			<-asked
			d.will = &mqtt.Will{Topic: "will/new", QoS: 1, Payload: payload(2, 20)}
			back := make(chan error, 1)
			go func() { // the broker may let it wait for the old will
				_, _, err := d.connect(t.Context())
				back <- err
			}()
			var promised bool
			if publishedFirst {
				answer()
				promised = <-back == nil
				if err := n.st.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
			} else {
				select {
				case err := <-back:
					promised = err == nil
					back <- err
				case <-time.After(100 * time.Millisecond): // a while for it to come too early
				}
			}
			n.st.Crash(errPowerCut)
			answer()
			h.leave()
			if !publishedFirst {
				<-back
			}
			d.readers.Wait()
			h.enter()
			h.arrive(sub)
			want := map[int64]bool{1: true, 2: promised}
			for len(want) > 0 {
				select {
				case n := <-got:
					if !want[n] {
						t.Errorf("will %d came a second time, or was never promised", n)
					}
					want[n] = false
				case <-time.After(10 * time.Second):
					t.Fatalf("did not come: %v", want)
				}
				maps.DeleteFunc(want, func(_ int64, missing bool) bool { return !missing })
			}
		})
	}
}

// A clean start ends a session, and so publishes its will, at the moment at which
// the will's delay is over: it is published once.
func TestWillMeetsCleanStart(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		may := &hesitant{}
		h.may = may
		h.enter()
		sub, d := h.guest("sub", mqtt.V5), h.guest("dying", mqtt.V5)
		got := collect(sub)
		h.arriveFor(sub, 2, "will")
		d.will = &mqtt.Will{Topic: "will", QoS: 1, Payload: payload(1, 20)}
		d.will.Properties.WillDelayInterval = 60
		d.will.Properties.Mark(mqtt.PropWillDelayInterval)
		l := h.arrive(d)
		l.close()
		d.readers.Wait()
		synctest.Wait()
		time.Sleep(59_900 * time.Millisecond)
		asked, answer := may.over("will")
		fresh := h.guest("dying", mqtt.V5)
		fresh.clean = true
		back := make(chan struct{})
		go func() { // ends with CONNACK
			defer close(back)
			_, _, _ = fresh.connect(t.Context())
		}()
		<-asked
		time.Sleep(200 * time.Millisecond) // the delay is over; nobody may wait for a lock
		answer()
		<-back
		time.Sleep(time.Minute)
		wantNumbers(t, "the subscriber", got, 1)
	})
}

// slowReader lets something happen between the look of ReadAt and its return,
// and before Notify.
type slowReader struct {
	*faulty.Store
	mu         sync.Mutex
	afterRead  func(err error)
	beforeWait func()
}

func (s *slowReader) hooks() (func(error), func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.afterRead, s.beforeWait
}

// ReadAt is store.Store.ReadAt.
func (s *slowReader) ReadAt(log store.LogID, pos store.Position) ([]byte, error) {
	b, err := s.Store.ReadAt(log, pos)
	if after, _ := s.hooks(); after != nil {
		after(err)
	}
	return b, err
}

// Notify is store.Store.Notify.
func (s *slowReader) Notify(t store.Ticket, w store.Waiter) {
	if _, before := s.hooks(); before != nil {
		before()
	}
	s.Store.Notify(t, w)
}

// slowScene is a session that is behind: it takes one message at a time, and so
// many bytes wait for it that those to come are kept on disk only.
func slowScene(t *testing.T, h *house) (st *slowReader, pub *device, goOn func(), got map[int64]int, waiting int64) {
	h.wrap = func(s *faulty.Store) store.Store {
		st = &slowReader{Store: s}
		return st
	}
	h.enter()
	sub := h.guest("slow", mqtt.V5)
	sub.receive = 1
	got = collect(sub)
	hear, free := sub.heard, make(chan struct{})
	sub.heard = func(m *heard) {
		<-free
		hear(m)
	}
	h.arriveFor(sub, 1, "a")
	pub = h.guest("pub", mqtt.V5)
	h.arrive(pub)
	waiting = 40
	for n := range waiting {
		m := number1("a", 1, n+1)
		m.Payload = payload(n+1, 40_000)
		pub.publish(m, nil)
	}
	synctest.Wait()
	return st, pub, sync.OnceFunc(func() { close(free) }), got, waiting
}

// A message becomes durable just after its reader has not found it: it is not
// lost, only early.
func TestReadMeetsCommit(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		st, pub, goOn, got, n := slowScene(t, h)
		st.Hold()
		pub.publish(number1("a", 1, n+1), nil)
		synctest.Wait()
		st.afterRead = func(err error) {
			if err != nil { // not durable yet ... and now it is
				st.Release()
				_ = st.Sync(t.Context())
			}
		}
		goOn()
		wantAll(t, got, n+1)
	})
}

// A session looks for a message before its publisher has said that there is a
// commit to wait for.
func TestReadMeetsPublish(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		st, pub, goOn, got, n := slowScene(t, h)
		for i := range 8 { // each makes the publisher call Notify during the fan-out
			h.arriveFor(h.guest(fmt.Sprintf("other-%d", i), mqtt.V5), 2, "a")
		}
		synctest.Wait()
		st.Hold()
		st.mu.Lock()
		st.beforeWait = func() {
			goOn()
			time.Sleep(10 * time.Millisecond) // as long as a fan-out to many takes
		}
		st.mu.Unlock()
		pub.publish(number1("a", 2, n+1), nil)
		time.Sleep(time.Second)
		st.Release()
		wantAll(t, got, n+1)
	})
}

// wantAll wants the numbers 1 to n, each once.
func wantAll(t *testing.T, got map[int64]int, n int64) {
	t.Helper()
	var want []int64
	for i := range n {
		want = append(want, i+1)
	}
	wantNumbers(t, "the subscriber", got, want...)
}

// hesitant is an authorizer that can be made to take its time over one topic.
type hesitant struct {
	broker.AllowAll
	mu            sync.Mutex
	topic         string
	asked, answer chan struct{}
}

// over makes the next question about topic wait: asked is closed when it comes,
// and it is answered once answer is closed.
func (h *hesitant) over(topic string) (asked <-chan struct{}, answer func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.topic, h.asked, h.answer = topic, make(chan struct{}), make(chan struct{})
	c := h.answer
	return h.asked, sync.OnceFunc(func() { close(c) })
}

// Publish implements broker.Authorizer.
func (h *hesitant) Publish(id *broker.Identity, topic string) broker.Verdict {
	h.mu.Lock()
	asked, answer := h.asked, h.answer
	if topic != h.topic {
		asked = nil
	} else {
		h.topic = ""
	}
	h.mu.Unlock()
	if asked != nil {
		close(asked)
		<-answer
	}
	return h.AllowAll.Publish(id, topic)
}

// A snapshot that falls between the PUBLISH of QoS 2 and its entry in the log
// must not know the identifier: after a crash the message sent again is new.
func TestSnapshotMeetsPublish(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		may := &hesitant{}
		h.may = may
		n := h.enter()
		sub, pub, busy := h.guest("sub", mqtt.V5), h.guest("pub", mqtt.V5), h.guest("busy", mqtt.V5)
		away := h.guest("away", mqtt.V5)
		got := collect(sub)
		h.arriveFor(sub, 2, "hard/#")
		h.depart(away, h.arriveFor(away, 1, "bulk"))
		h.arrive(pub)
		h.arrive(busy)
		pub.publish(number1("easy", 2, 0), nil) // its session has changed, so snapshots want it
		synctest.Wait()
		asked, answer := may.over("hard/1")
		pub.publish(number1("hard/1", 2, 1), nil)
		<-asked
		for i := range int64(90) { // a snapshot round every 64 MiB
			m := number1("bulk", 1, i)
			m.Payload = make([]byte, 900_000)
			busy.publish(m, nil)
		}
		time.Sleep(5 * time.Second)
		if err := n.st.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.st.Crash(errPowerCut)
		answer()
		h.leave()
		pub.readers.Wait()
		sub.readers.Wait()
		h.may = broker.AllowAll{}
		h.enter()
		h.arrive(sub)
		h.arrive(pub)
		time.Sleep(time.Second)
		if pub.open() != 0 {
			t.Errorf("%d messages of the publisher are open", pub.open())
		}
		wantNumbers(t, "the subscriber", got, 1)
	})
}

// What the engine cannot read at the moment is not lost for ever.
func TestReadFails(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.enter()
		sub, pub := h.guest("sub", mqtt.V5), h.guest("pub", mqtt.V5)
		got := collect(sub)
		h.depart(sub, h.arriveFor(sub, 1, "a"))
		h.arrive(pub)
		pub.publish(number1("a", 1, 1), nil)
		synctest.Wait()
		h.now.Load().st.FailNth(faulty.ReadAt, 1, errInjected)
		h.arrive(sub)
		time.Sleep(time.Second)
		sub.close() // the broker may have ended it, or itself
		h.leave()
		h.enter()
		h.arrive(sub)
		wantNumbers(t, "the subscriber", got, 1)
	})
}
