package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/mqtt"
)

// The crowd: 10,000 who say nothing, in all ways there are to connect, and 50
// who publish as fast as they can.
const (
	crowdIdle       = 10_000
	crowdPublishers = 50
	crowdReceivers  = 10
	crowdTime       = 10 * time.Second // of full speed
	crowdMemory     = 700              // MiB, at most
	crowdPatience   = 10 * time.Second // for a stranger's round trip at full speed
)

// TestCrowd lets 50 publishers run at full speed into a broker with 10,000 idle
// connections. Nobody is disconnected, strangers are served meanwhile, what was
// acknowledged arrives in order, memory is bounded, each of the idle
// still hears a message, and in the end the broker stops in good order.
func TestCrowd(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	needFiles(t, crowdIdle+1000)
	p := newProcess(t, bin)
	p.start()
	empty := p.mib("VmRSS")
	begin := time.Now()
	crowd := gather(t, p, crowdIdle)
	defer func() {
		for _, s := range crowd {
			s.nc.Close()
		}
	}()
	if t.Failed() {
		return
	}
	t.Logf("%d idle connections after %v: %d MiB resident, %d before", len(crowd), time.Since(begin).Round(time.Millisecond), p.mib("VmRSS"), empty)

	r := newRace(t, p)
	stop := make(chan struct{})
	strangers := make(chan []time.Duration)
	go func() { strangers <- visit(t, p, stop) }()
	r.run(crowdTime)
	close(stop)
	trips := <-strangers
	slices.Sort(trips)
	if len(trips) == 0 || trips[len(trips)-1] > crowdPatience {
		t.Errorf("round trips of strangers took up to %v, want at most %v", trips, crowdPatience)
	} else {
		t.Logf("%d strangers: a whole visit took %v in the middle, %v at most", len(trips),
			trips[len(trips)/2].Round(time.Millisecond), trips[len(trips)-1].Round(time.Millisecond))
	}
	r.judge(30 * time.Second)
	t.Log(r)
	if peak := p.mib("VmHWM"); peak > crowdMemory {
		t.Errorf("the broker took up to %d MiB, want at most %d", peak, crowdMemory)
	} else {
		t.Logf("%d MiB resident at most", peak)
	}
	ring(t, p, crowd)
	begin = time.Now()
	p.stop() // tells 10,000 clients
	t.Logf("stopped within %v", time.Since(begin).Round(time.Millisecond))
}

// gather connects idle clients: most over tcp, 5 % each over ws, tls and wss
// (handshakes cost us more than the broker); half of them with sessions that
// stay. All listen for the bell.
func gather(t *testing.T, p *process, n int) []*still {
	ways := append(slices.Repeat([]string{"tcp"}, 17), "ws", "tls", "wss")
	crowd := make([]*still, n)
	var next atomic.Int64
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !t.Failed(); i = int(next.Add(1)) - 1 {
				c := &mqtt.Connect{Version: mqtt.V5, ClientID: fmt.Sprintf("idle-%05d", i), CleanStart: true, KeepAlive: 600}
				if i/len(ways)%2 == 0 {
					c.Properties.SessionExpiryInterval = 3600
					c.Properties.Mark(mqtt.PropSessionExpiryInterval)
				}
				s, err := p.still(t.Context(), ways[i%len(ways)], c, "bell")
				if err != nil {
					t.Errorf("idle client %d over %s: %v", i, ways[i%len(ways)], err)
					return
				}
				crowd[i] = s
			}
		})
	}
	group.Wait()
	return slices.DeleteFunc(crowd, func(s *still) bool { return s == nil })
}

// ring publishes one message that every idle client must hear.
func ring(t *testing.T, p *process, crowd []*still) {
	d := &device{id: "ringer", v: mqtt.V5, dial: p.dial, fault: t.Errorf}
	if _, _, err := d.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer d.close()
	begin := time.Now()
	d.publish(mqtt.Message{Topic: "bell", QoS: 1, Payload: payload(1, 50)}, nil)
	deaf := 0
	for _, s := range crowd {
		h, _, err := s.read(time.Until(begin.Add(20 * time.Second)))
		if err != nil || h.Type != mqtt.PUBLISH {
			if deaf++; deaf <= 3 {
				t.Errorf("an idle client got %v, %v instead of the bell", h.Type, err)
			}
		}
	}
	if deaf > 0 {
		t.Errorf("%d of %d idle clients did not hear the bell", deaf, len(crowd))
	} else {
		t.Logf("all %d idle clients heard the bell within %v", len(crowd), time.Since(begin).Round(time.Millisecond))
	}
}

// visit is one stranger after another, until stop: connect, subscribe, publish
// to oneself, go. It returns how long each visit took.
func visit(t *testing.T, p *process, stop <-chan struct{}) (trips []time.Duration) {
	ways := []string{"tcp", "tls", "ws", "wss"}
	for i := 0; ; i++ {
		select {
		case <-stop:
			return trips
		case <-time.After(200*time.Millisecond + rand.N(200*time.Millisecond)):
		}
		begin := time.Now()
		if err := p.visit(ways[i%len(ways)], i); err != nil {
			t.Errorf("stranger %d over %s, after %v: %v", i, ways[i%len(ways)], time.Since(begin), err)
		}
		trips = append(trips, time.Since(begin))
	}
}

func (p *process) visit(way string, i int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	topic := fmt.Sprintf("strange/%d", i)
	c := &mqtt.Connect{Version: mqtt.V5, ClientID: fmt.Sprintf("stranger-%d", i), CleanStart: true}
	s, err := p.still(ctx, way, c, topic)
	if err != nil {
		return err
	}
	defer s.nc.Close()
	m := mqtt.Message{Topic: topic, QoS: 1, Payload: payload(int64(i), 20)}
	if _, err := s.nc.Write(mqtt.AppendPublish(nil, &m, &mqtt.Out{Version: mqtt.V5, QoS: 1, PacketID: 1})); err != nil {
		return err
	}
	for range 2 { // PUBLISH and PUBACK, in any order
		h, _, err := s.read(20 * time.Second)
		if err != nil {
			return err
		}
		if h.Type != mqtt.PUBLISH && h.Type != mqtt.PUBACK {
			return fmt.Errorf("%v came", h.Type)
		}
	}
	return nil
}

// race is the publishers at full speed and those who listen to them.
type race struct {
	t         *testing.T
	p         *process
	receivers []*device
	sent      [crowdPublishers]atomic.Int64
	came      [crowdPublishers]atomic.Int64 // newest number
	count     [3]atomic.Int64               // that came, by QoS
	zero      atomic.Int64                  // sent with QoS 0
	took      time.Duration                 // until the last acknowledgement
}

// qosOf: of five publishers two use QoS 0, two QoS 1 and one QoS 2.
func (r *race) qosOf(i int) byte { return [5]byte{0, 0, 1, 1, 2}[i%5] }

func newRace(t *testing.T, p *process) *race {
	r := &race{t: t, p: p}
	for k := range crowdReceivers {
		d := &device{id: fmt.Sprintf("receiver-%d", k), v: mqtt.V5, dial: p.dial, fault: t.Errorf}
		d.heard = r.hear
		if _, _, err := d.connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.close)
		if _, err := d.subscribe(2, fmt.Sprintf("race/+/%d", k)); err != nil {
			t.Fatal(err)
		}
		r.receivers = append(r.receivers, d)
	}
	return r
}

// topic of a publisher; each receiver listens to five.
func (r *race) topic(i int) string { return fmt.Sprintf("race/%02d/%d", i, i%crowdReceivers) }

func (r *race) hear(m *heard) {
	i := int(m.topic[5]-'0')*10 + int(m.topic[6]-'0')
	n, last := number(m.payload), r.came[i].Load()
	if m.qos > 0 && n != last+1 || n <= last {
		r.t.Errorf("%s: number %d came after %d", m.topic, n, last)
	}
	r.came[i].Store(n)
	r.count[m.qos].Add(1)
}

// run lets everybody publish for a while.
func (r *race) run(d time.Duration) {
	var group sync.WaitGroup
	stop := make(chan struct{})
	for i := range crowdPublishers {
		if r.qosOf(i) == 0 {
			group.Go(func() { r.shout(i, stop) })
		} else {
			group.Go(func() { r.speak(i, stop) })
		}
	}
	begin := time.Now()
	time.Sleep(d)
	close(stop)
	group.Wait()
	r.took = time.Since(begin)
}

// shout publishes with QoS 0, as fast as the socket takes it.
func (r *race) shout(i int, stop <-chan struct{}) {
	c := &mqtt.Connect{Version: mqtt.V5, ClientID: fmt.Sprintf("racer-%d", i), CleanStart: true}
	s, err := r.p.still(r.t.Context(), "tcp", c)
	if err != nil {
		r.t.Errorf("racer %d: %v", i, err)
		return
	}
	defer s.nc.Close()
	var b []byte
	m := mqtt.Message{Topic: r.topic(i)}
	for {
		select {
		case <-stop:
			return
		default:
		}
		b = b[:0]
		for len(b) < 16<<10 {
			m.Payload = payload(r.sent[i].Add(1), 100)
			b = mqtt.AppendPublish(b, &m, &mqtt.Out{Version: mqtt.V5})
			r.zero.Add(1)
		}
		if _, err := s.nc.Write(b); err != nil {
			r.t.Errorf("racer %d: %v", i, err)
			return
		}
	}
}

// speak publishes with QoS 1 or 2 and a window of 100 until stop, and goes when
// everything is acknowledged.
func (r *race) speak(i int, stop <-chan struct{}) {
	window := make(chan struct{}, 100)
	d := &device{id: fmt.Sprintf("racer-%d", i), v: mqtt.V5, dial: r.p.dial, fault: r.t.Errorf}
	d.answered = func(_ *parcel, c mqtt.Code) {
		if c != mqtt.Success {
			r.t.Errorf("racer %d was answered with %v", i, c)
		}
	}
	d.finished = func(*parcel) { <-window }
	l, _, err := d.connect(r.t.Context())
	if err != nil {
		r.t.Errorf("racer %d: %v", i, err)
		return
	}
	defer d.close()
	for {
		select {
		case <-stop:
			if !waitFor(60*time.Second, func() bool { return d.open() == 0 }) {
				r.t.Errorf("racer %d: %d messages are not acknowledged after a minute of silence", i, d.open())
			}
			return
		case <-l.ended:
			r.t.Errorf("racer %d lost its connection: %v", i, d.lastReason())
			return
		case window <- struct{}{}:
			d.publish(mqtt.Message{Topic: r.topic(i), QoS: r.qosOf(i), Payload: payload(r.sent[i].Add(1), 100)}, nil)
		}
	}
}

// judge waits for what was acknowledged.
func (r *race) judge(patience time.Duration) {
	waitFor(patience, func() bool {
		for i := range crowdPublishers {
			if r.qosOf(i) > 0 && r.came[i].Load() < r.sent[i].Load() {
				return false
			}
		}
		return true
	})
	for i := range crowdPublishers {
		if came, sent := r.came[i].Load(), r.sent[i].Load(); r.qosOf(i) > 0 && came != sent {
			r.t.Errorf("%s: %d of %d acknowledged messages came", r.topic(i), came, sent)
		}
	}
}

func (r *race) String() string {
	s := r.took.Seconds()
	rate := func(q int) float64 { return float64(r.count[q].Load()) / s / 1000 }
	return fmt.Sprintf("within %v until all was acknowledged, received in thousands a second: %.1f of QoS 0 (%.1f sent), %.1f of QoS 1, %.1f of QoS 2; client with %d cores",
		r.took.Round(time.Millisecond), rate(0), float64(r.zero.Load())/s/1000, rate(1), rate(2), runtime.NumCPU())
}
