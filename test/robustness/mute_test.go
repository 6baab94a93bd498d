package robustness

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/mqtt"
)

// The mutes of TestMute, and what the broker may take because of them.
const (
	mutesEach    = 6 // over each transport
	muteTime     = 15 * time.Second
	muteQueue    = 2    // MiB a session may have queued
	muteMemory   = 450  // MiB, at most; the worst case of the queues is 4*2*24
	mutePatience = 2000 // messages of a bystander that are enough
	muteTrip     = 5 * time.Second
)

var muteWays = []string{"tcp", "tls", "ws", "wss"}

// TestMute lets clients write at full speed that never read, each of them
// subscribed to what all of them write, so that both directions of every
// connection are full. There is no dead-lock: bystanders are served all the
// time, mutes are cut off after the write time-out, and when they have gone
// nothing is left of them. Memory is bounded by the queues.
func TestMute(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, bin,
		"--set", fmt.Sprintf("namespaces.dev.limits.queue.bytes=%dMiB", muteQueue),
		"--set", "namespaces.dev.limits.queue.messages=2000",
		"--set", "namespaces.dev.limits.write_timeout=3s",
		"--set", "namespaces.dev.limits.hold_acknowledgements=2s")
	p.start()
	b := newBystander(t, p)
	before := p.goroutines()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	mutes := map[string][]*mute{}
	for _, way := range muteWays {
		for i := range mutesEach {
			m := newMute(p, way, i)
			mutes[way] = append(mutes[way], m)
			group.Go(func() { m.run(ctx) })
		}
	}
	group.Go(func() { b.run(ctx) })
	time.Sleep(muteTime)
	loud := p.goroutines()
	cancel()
	group.Wait()

	for _, way := range muteWays {
		judgeMutes(t, way, mutes[way])
	}
	b.judge(t)
	if peak := p.mib("VmHWM"); peak > muteMemory {
		t.Errorf("the broker took up to %d MiB, want at most %d", peak, muteMemory)
	} else {
		t.Logf("%d MiB resident at most", peak)
	}
	if !waitFor(10*time.Second, func() bool { return p.metric("gridmq_connections") == 1 }) {
		t.Errorf("%.0f connections are left, want the bystander's", p.metric("gridmq_connections"))
	}
	after := 0
	if !waitFor(10*time.Second, func() bool { after = p.goroutines(); return after <= before+2 }) {
		t.Errorf("%d goroutines are left, %d were there before", after, before)
	}
	t.Logf("goroutines: %d before, %d meanwhile, %d after", before, loud, after)
	p.stop()
}

// goroutines is how many the broker has, as its operations listener tells.
func (p *process) goroutines() (n int) {
	p.t.Helper()
	resp, err := http.Get("http://" + p.ready.Load().Operations + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	line, _ := bufio.NewReader(resp.Body).ReadString('\n')
	if _, err := fmt.Sscanf(line, "goroutine profile: total %d", &n); err != nil {
		p.t.Fatalf("goroutine profile begins with %q", line)
	}
	return n
}

// A mute writes and does not read. Which version, QoS and kind of session it
// uses depends on its number.
type mute struct {
	p       *process
	way     string
	id      string
	v       mqtt.Version
	qos     byte
	kept    bool // the session is persistent
	written atomic.Int64
	cuts    int // how often the broker ended its connection
	logins  int
	trouble error // of the newest login that failed
}

// newMute: QoS 1 and 2 without reading goes with 3.1.1, which has no Receive
// Maximum; a client of 5.0 would be told that it exceeds it.
func newMute(p *process, way string, i int) *mute {
	m := &mute{p: p, way: way, id: fmt.Sprintf("mute-%s-%d", way, i), v: mqtt.V5, kept: i%2 == 1}
	if m.qos = byte(i % 3); m.qos > 0 {
		m.v = mqtt.V311
	}
	return m
}

// run writes until ctx ends, over a new connection when the old one is cut.
func (m *mute) run(ctx context.Context) {
	for ctx.Err() == nil {
		c := &mqtt.Connect{Version: m.v, ClientID: m.id, CleanStart: !m.kept}
		if m.v == mqtt.V5 && m.kept {
			c.Properties.SessionExpiryInterval = 60
			c.Properties.Mark(mqtt.PropSessionExpiryInterval)
		}
		nc, err := m.login(ctx, c)
		if err != nil {
			if m.trouble = err; ctx.Err() == nil {
				time.Sleep(50 * time.Millisecond)
			}
			continue
		}
		m.logins++
		stop := context.AfterFunc(ctx, func() { hangUp(nc) })
		m.write(nc)
		stop()
		hangUp(nc)
		if ctx.Err() == nil {
			m.cuts++
		}
	}
}

// hangUp closes the socket beneath a connection: no TLS or WebSocket goodbye,
// which would wait for room in a socket that has none.
func hangUp(nc net.Conn) {
	_ = nc.SetDeadline(time.Now())
	_ = nc.Close()
}

// login connects and subscribes. What it does not do is read the answers: the
// packets are written and the rest is up to the broker.
func (m *mute) login(ctx context.Context, c *mqtt.Connect) (net.Conn, error) {
	nc, err := m.p.open(ctx, m.way)
	if err != nil {
		return nil, err
	}
	s := mqtt.Subscribe{PacketID: 60_000, Subscriptions: []mqtt.Subscription{{Filter: "mute/#", QoS: 2}}}
	if _, err := nc.Write(s.Append(c.Append(nil), m.v)); err != nil {
		hangUp(nc)
		return nil, err
	}
	return nc, nil
}

// write publishes until the connection ends.
func (m *mute) write(nc net.Conn) {
	msg := mqtt.Message{Topic: "mute/" + m.id, Payload: noise(1, 1000)}
	var b []byte
	id := uint16(0)
	for {
		b = b[:0]
		for len(b) < 32<<10 {
			if id++; id == 50_000 {
				id = 1
			}
			o := mqtt.Out{Version: m.v, QoS: m.qos}
			if m.qos > 0 {
				o.PacketID = id
			}
			b = mqtt.AppendPublish(b, &msg, &o)
		}
		n, err := nc.Write(b)
		m.written.Add(int64(n))
		if err != nil {
			return
		}
	}
}

func judgeMutes(t *testing.T, way string, mutes []*mute) {
	t.Helper()
	cuts, written := 0, int64(0)
	var by []string
	for _, m := range mutes {
		cuts += m.cuts
		written += m.written.Load()
		by = append(by, fmt.Sprintf("%.1f (QoS %d, cut %d times)", float64(m.written.Load())/(1<<20), m.qos, m.cuts))
		if m.written.Load() == 0 {
			t.Errorf("%s could not write anything; %d logins, %v", m.id, m.logins, m.trouble)
		}
	}
	if cuts == 0 {
		t.Errorf("over %s nobody was cut off although nobody reads", way)
	}
	t.Logf("%s: %d MiB written: %s", way, written>>20, strings.Join(by, ", "))
}

// A bystander sends messages to itself and wants them back.
type bystander struct {
	d     *device
	back  chan int64
	acked chan mqtt.Code
	trips []time.Duration
	err   error
}

func newBystander(t *testing.T, p *process) *bystander {
	b := &bystander{back: make(chan int64, 1), acked: make(chan mqtt.Code, 1)}
	b.d = &device{id: "bystander", v: mqtt.V5, expiry: never, dial: p.dial, fault: t.Errorf}
	b.d.heard = func(m *heard) { b.back <- number(m.payload) }
	b.d.answered = func(_ *parcel, c mqtt.Code) { b.acked <- c }
	if _, _, err := b.d.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.d.close)
	if _, err := b.d.subscribe(1, "aside"); err != nil {
		t.Fatal(err)
	}
	return b
}

// run sends one message after another until ctx ends; the first that does not
// come back is the last.
func (b *bystander) run(ctx context.Context) {
	for n := int64(1); ctx.Err() == nil && n < mutePatience; n++ {
		begin := time.Now()
		b.d.publish(mqtt.Message{Topic: "aside", QoS: 1, Payload: payload(n, 100)}, nil)
		late := time.After(4 * muteTrip)
		for acked, came := false, false; !acked || !came; {
			select {
			case c := <-b.acked:
				acked = true
				if c != mqtt.Success {
					b.err = fmt.Errorf("message %d was answered with %v", n, c)
					return
				}
			case m := <-b.back:
				came = came || m == n
			case <-late:
				b.err = fmt.Errorf("message %d after %v: acknowledged %v, came %v, reason %v", n, 4*muteTrip, acked, came, b.d.lastReason())
				return
			}
		}
		b.trips = append(b.trips, time.Since(begin))
		idle(ctx, 20*time.Millisecond)
	}
}

func (b *bystander) judge(t *testing.T) {
	t.Helper()
	if b.err != nil {
		t.Errorf("the bystander was not served: %v", b.err)
	}
	if len(b.trips) == 0 {
		return
	}
	slices.Sort(b.trips)
	worst := b.trips[len(b.trips)-1]
	if worst > muteTrip {
		t.Errorf("a round trip of the bystander took %v, want at most %v", worst, muteTrip)
	}
	t.Logf("%d round trips of the bystander: %v in the middle, %v at most", len(b.trips),
		b.trips[len(b.trips)/2].Round(100*time.Microsecond), worst.Round(100*time.Microsecond))
}
