package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"gridmq/mqtt"
)

// TestKill kills the broker 20 times under traffic. What must hold is in the
// parts of a world, below.
func TestKill(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	newWorld(t, bin).run(20, 900*time.Millisecond)
}

// TestKillWithRaceDetector is a short TestKill of a broker that watches itself
// for data races: a report fails the test.
func TestKillWithRaceDetector(t *testing.T) {
	bin, err := raceBinary()
	if err != nil {
		cannot(t, "the race detector does not work here: %v", err)
	}
	newWorld(t, bin).run(3, 2500*time.Millisecond)
}

// A world is a broker and everybody around it.
type world struct {
	t    *testing.T
	p    *process
	main *ledger // "kill/...": what sessions are entitled to
	kept *ledger // "kept/...": retained messages

	publishers  []*publisher
	subscribers []*subscriber
	group       *pool // a shared group, whose members are among subscribers
	keepers     []*publisher
	mortals     []*mortal
	wills       *register

	// season is held by those who read retained messages, against keepers.
	season sync.RWMutex
}

// Queues are wide enough for what comes while a session is away: their policy
// is not what is tested here.
var wideQueues = []string{
	"--set", "namespaces.dev.limits.queue.messages=10000000",
	"--set", "namespaces.dev.limits.queue.bytes=8GiB",
}

func newWorld(t *testing.T, binary string) *world {
	w := &world{t: t, p: newProcess(t, binary, wideQueues...), main: newLedger(), kept: newLedger(), wills: newRegister()}
	w.addPublishers()
	w.addSubscribers()
	w.addKeepers()
	w.addMortals()
	return w
}

func (w *world) device(id string, v mqtt.Version, receive uint16) *device {
	return &device{id: id, v: v, expiry: never, receive: receive, dial: w.p.dial}
}

// addPublishers: both QoS, both versions, small and large windows and payloads.
// Payloads are large enough in sum for snapshot rounds to fall between kills.
func (w *world) addPublishers() {
	add := func(qos byte, v mqtt.Version, window, size int, pause time.Duration) {
		id := fmt.Sprintf("publisher-%d", len(w.publishers))
		var topics []string
		for i := range 3 {
			topics = append(topics, fmt.Sprintf("kill/%d/%d", len(w.publishers), i))
		}
		w.publishers = append(w.publishers, newPublisher(w.main, w.device(id, v, 0), qos, window, size, pause, topics...))
	}
	for _, qos := range []byte{1, 2} {
		add(qos, mqtt.V5, 100, 200, 50*time.Millisecond)
		add(qos, mqtt.V311, 10, 40_000, 30*time.Millisecond)
		add(qos, mqtt.V5, 1, 100, 2*time.Millisecond)
	}
}

// addSubscribers: always there, coming and going, slow with a small window, one
// that starts clean again and again, and one with overlapping subscriptions.
func (w *world) addSubscribers() {
	add := func(name string, v mqtt.Version, qos byte, receive uint16, h habit, filters ...string) {
		w.subscribers = append(w.subscribers, newSubscriber(w.main, w.device(name, v, receive), qos, h, filters...))
	}
	visits := habit{stay: 300 * time.Millisecond, away: 300 * time.Millisecond, polite: true}
	add("there-1", mqtt.V5, 1, 0, habit{}, "kill/#")
	add("there-2", mqtt.V5, 2, 0, habit{}, "kill/#")
	add("there-3.1.1", mqtt.V311, 2, 0, habit{}, "kill/#")
	add("visits-1", mqtt.V311, 1, 0, visits, "kill/#")
	add("visits-2", mqtt.V5, 2, 20, visits, "kill/#")
	add("rarely-2", mqtt.V5, 2, 0, habit{stay: 200 * time.Millisecond, away: 3 * time.Second}, "kill/#")
	add("slow-2", mqtt.V5, 2, 8, habit{slow: 200 * time.Microsecond}, "kill/+/0")
	add("overlap-2", mqtt.V5, 2, 50, habit{stay: time.Second}, "kill/+/0", "kill/+/1", "kill/+/2", "kill/#")
	w.group = newPool(w.main, "kill/+/1")
	for i := range 2 {
		add(fmt.Sprintf("shares-%d", i), mqtt.V5, 2, 30, visits, "$share/group/kill/+/1")
		w.group.join(w.subscribers[len(w.subscribers)-1])
	}
	add("fresh-2", mqtt.V5, 2, 0, habit{stay: 600 * time.Millisecond, fresh: true}, "kill/#")
	add("fresh-1", mqtt.V5, 1, 0, habit{stay: 900 * time.Millisecond, away: 100 * time.Millisecond, fresh: true}, "kill/#")
}

func (w *world) addKeepers() {
	for i := range 4 {
		var topics []string
		for j := range 5 {
			topics = append(topics, fmt.Sprintf("kept/%d/%d", i, j))
		}
		d := w.device(fmt.Sprintf("keeper-%d", i), mqtt.V5, 0)
		dial := d.dial
		d.dial = func(ctx context.Context) (net.Conn, error) {
			w.season.RLock() // not while somebody reads
			defer w.season.RUnlock()
			return dial(ctx)
		}
		k := newPublisher(w.kept, d, byte(1+i%2), 1+3*i, 300, 10*time.Millisecond, topics...)
		k.retain = true
		w.keepers = append(w.keepers, k)
	}
}

// addMortals: wills at once and delayed, of sessions that stay and that go.
func (w *world) addMortals() {
	for i := range 12 {
		m := &mortal{name: fmt.Sprintf("mortal-%d", i), wills: w.wills, deaths: w.p.deaths.Load}
		m.d = w.device(m.name, mqtt.V5, 0)
		m.d.fault = w.main.fault
		switch i % 4 {
		case 0: // comes back at once
		case 1:
			m.d.expiry, m.pause = 0, 300*time.Millisecond
		case 2:
			m.delay, m.pause = 60, 50*time.Millisecond
		case 3:
			m.delay, m.gone, m.pause = 1, true, time.Second
		}
		w.mortals = append(w.mortals, m)
	}
}

// run lives through some kills, lets everybody finish, and compares.
func (w *world) run(kills int, between time.Duration) {
	t := w.t
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var readers, writers, dying sync.WaitGroup
	stop, rest := make(chan struct{}), make(chan struct{})
	end := func() {
		cancel()
		readers.Wait()
		writers.Wait()
		dying.Wait()
	}
	defer end()

	w.p.start()
	watcher := w.watch()
	readers.Go(func() { watcher.run(ctx, rest) })
	for _, s := range w.subscribers {
		readers.Go(func() { s.run(ctx, rest) })
	}
	for _, s := range append(w.subscribers, watcher) {
		select {
		case <-s.ready:
		case <-ctx.Done():
			t.Fatalf("%s is not subscribed", s.d.id)
		}
	}
	for _, p := range append(w.publishers, w.keepers...) {
		writers.Go(func() { p.run(ctx, stop) })
	}
	living, die := context.WithCancel(ctx)
	defer die()
	for _, m := range w.mortals {
		dying.Go(func() { m.run(living) })
	}

	begin := time.Now()
	for i := range kills {
		w.killOnce(i, between)
	}
	killed := time.Since(begin)
	time.Sleep(between)
	close(stop)
	close(rest)
	die()
	dying.Wait()
	if !waitFor(30*time.Second, func() bool { return w.unacknowledged() == 0 }) {
		t.Errorf("%d messages are not acknowledged 30 s after the last start", w.unacknowledged())
	}
	writers.Wait()
	w.judge(watcher)
	t.Logf("%d kills in %v; everybody done after %v", w.p.deaths.Load(), killed.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	end()
	w.rest()
}

// rest is an orderly stop and a start: nothing is repeated after that.
func (w *world) rest() {
	w.p.stop()
	w.p.start()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range w.subscribers {
		all.Go(func() {
			before := s.t.total()
			s.look(ctx)
			if n := s.t.total() - before; n > 0 {
				w.t.Errorf("%s got %d messages after an orderly stop and a start", s.d.id, n)
			}
		})
	}
	all.Wait()
	for _, f := range w.main.takeFaults() {
		w.t.Error(f)
	}
	w.p.stop()
}

// killOnce lets the world run for a while, kills the broker, sometimes again
// while it recovers, and sees what it has kept.
func (w *world) killOnce(i int, between time.Duration) {
	time.Sleep(between/2 + rand.N(between))
	w.season.Lock()
	defer w.season.Unlock()
	w.p.kill()
	if i%4 == 3 { // and once more while it starts
		w.p.launch()
		time.Sleep(rand.N(120 * time.Millisecond))
		w.p.kill()
	}
	took := w.p.start()
	if took > 20*time.Second {
		w.t.Errorf("ready after %v", took)
	}
	checkRetained(w.t, w.kept, w.p.dial, "kept/#")
}

// watch is a session that gets the wills.
func (w *world) watch() *subscriber {
	d := w.device("watcher", mqtt.V5, 0)
	s := newSubscriber(w.main, d, 2, habit{}, "will/#")
	d.heard = func(m *heard) { w.wills.heard(string(m.payload)) }
	return s
}

func (w *world) unacknowledged() (n int) {
	for _, p := range append(w.publishers, w.keepers...) {
		n += p.d.open()
	}
	return n
}

// judge compares what everybody has with what was sent.
func (w *world) judge(watcher *subscriber) {
	t := w.t
	missing := func() (list []string) {
		for _, s := range w.subscribers {
			list = append(list, s.t.missing()...)
		}
		return list
	}
	waitFor(20*time.Second, func() bool {
		return len(missing()) == 0 && len(w.group.missing()) == 0 && w.wills.wanting() == 0
	})
	time.Sleep(200 * time.Millisecond) // for what must not come
	for _, s := range w.subscribers {
		for _, f := range s.t.faults() {
			t.Error(f)
		}
	}
	for _, f := range append(w.wills.faults(), w.group.faults()...) {
		t.Error(f)
	}
	checkRetained(t, w.kept, w.p.dial, "kept/#")
	for _, l := range []*ledger{w.main, w.kept} {
		list := l.takeFaults()
		for _, f := range list[:min(len(list), 30)] {
			t.Error(f)
		}
	}
	for _, s := range w.subscribers {
		if s.t.total() > 0 { // members of the group are counted there
			t.Log(s.t)
		}
	}
	total, again := int64(0), 0
	for _, s := range w.main.streams {
		total += s.sent.Load()
		s.again.Range(func(any, any) bool { again++; return true })
	}
	t.Logf("%d messages published, %d of them sent again by their publisher; wills: %d due, %d barred",
		total, again, w.wills.count(due), w.wills.count(barred))
}

// waitFor waits until ok, and says whether that came.
func waitFor(patience time.Duration, ok func() bool) bool {
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
