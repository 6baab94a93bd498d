package behaviour

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/mqtt"
)

// An attempt is one connection of a flood. Without an error it came to its end.
type attempt func(nc net.Conn) error

var errHello = errors.New("recorded")

// A recorder keeps what is written first, and ends there.
type recorder struct {
	net.Conn
	hello []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.hello = append(r.hello, b...)
	return 0, errHello
}

// attempts by what they cost the broker. Those with a handshake cost the attacker as
// much; hello, which is always the same, costs him nothing.
func (s *siege) attempts(k caller) map[string]attempt {
	s.Helper()
	trust, err := clientTLS()
	if err != nil {
		s.Fatal(err)
	}
	cfg := k.config(trust)
	r := &recorder{}
	_ = tls.Client(r, cfg).Handshake()
	talk := func(nc net.Conn, say []byte) error {
		c := tls.Client(nc, cfg)
		if _, err := c.Write(say); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 4))
		return err
	}
	return map[string]attempt{
		"stranger":  func(nc net.Conn) error { return talk(nc, k.connect()) },
		"garbage":   func(nc net.Conn) error { return talk(nc, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) },
		"handshake": func(nc net.Conn) error { return tls.Client(nc, cfg).Handshake() },
		"hello": func(nc net.Conn) error {
			if _, err := nc.Write(r.hello); err != nil {
				return err
			}
			_, err := io.ReadFull(nc, make([]byte, 100))
			return err
		},
	}
}

// flood makes n attempts from an address, 64 at once, for so long at most, and
// returns how many were made and how many came to their end.
func (s *siege) flood(what attempt, from string, n int, most time.Duration) (made, through int64) {
	var left, ended atomic.Int64
	left.Store(int64(n))
	end := time.Now().Add(most)
	d := &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for time.Now().Before(end) && left.Add(-1) >= 0 {
				nc, err := d.Dial("tcp", s.house.addresses["mqtts"].Address)
				if err != nil {
					continue
				}
				_ = nc.(*net.TCPConn).SetLinger(0) // ports are few
				_ = nc.SetDeadline(time.Now().Add(5 * time.Second))
				if what(nc) == nil {
					ended.Add(1)
				}
				nc.Close()
			}
		})
	}
	group.Wait()
	return int64(n) - max(0, left.Load()), ended.Load()
}

// A watch is a client that publishes and others that come, during a flood.
type watch struct {
	stop   chan struct{}
	puback chan time.Duration
	comers chan time.Duration
}

// watching begins with a client that is connected from the attacker's own address;
// those who come do so from another.
func (s *siege) watching(steady *raw, comer caller) *watch {
	w := &watch{make(chan struct{}), make(chan time.Duration, 1), make(chan time.Duration, 1)}
	go func() { w.puback <- steady.keepPublishing("devices/press-1/x", w.stop) }()
	go func() { w.comers <- s.keepComing(comer, w.stop) }()
	return w
}

func (s *siege) keepComing(k caller, stop <-chan struct{}) (worst time.Duration) {
	for {
		select {
		case <-stop:
			return worst
		case <-time.After(50 * time.Millisecond):
		}
		begin := time.Now()
		nc, err := s.dial(k)
		if err != nil {
			return time.Hour
		}
		_ = nc.SetDeadline(time.Now().Add(patience))
		_, _ = nc.Write(k.connect())
		got := make([]byte, 4)
		_, err = io.ReadFull(nc, got)
		nc.Close()
		if err != nil || got[0] != 0x20 || got[3] != 0 {
			return time.Hour
		}
		worst = max(worst, time.Since(begin))
	}
}

// seldom is how long somebody may wait at most while the machine is this busy.
const seldom = 10 * time.Second

func (w *watch) end(t *testing.T) string {
	t.Helper()
	close(w.stop)
	puback, comer := <-w.puback, <-w.comers
	if puback > seldom || comer > seldom {
		t.Errorf("a client waited %v for a PUBACK, another %v to come in", puback, comer)
	}
	return fmt.Sprintf("PUBACK after %v at most, a new client in after %v", puback.Round(time.Millisecond), comer.Round(time.Millisecond))
}

var floodTime = flag.Duration("flood", 6*time.Second, "how long TestAttackFlood may take for its 50,000 connections; 1m makes them all")

// TestAttackFlood: up to 50,000 connections from one address, as fast as they can be made
// in a few seconds: more than that many a minute. -flood 1m goes on for the minute.
// The address is kept away; who is connected from it, and who comes from elsewhere,
// is not disturbed.
func TestAttackFlood(t *testing.T) {
	n := 50_000
	if testing.Short() {
		n = 5000
	}
	f := fortified(t, 20_000, "refusals.per_second=5", "refusals.burst=50") // handshakes take long here
	f.open("flood", "", "")
	f.trust("flood", "ca1", f.ca)
	f.put("flood", "clients", "press-1", `{}`)
	kept := func() float64 { return f.metric(`gridmq_listener_refused_total{listener="mqtts",reason="penalty"}`) }
	accepted := func() float64 { return f.metric(`gridmq_listener_accepted_total{listener="mqtts"}`) }
	evil := caller{ns: "flood", id: "x", cert: f.forge(nil, named("x"))}
	all := f.attempts(evil)
	comer := caller{ns: "flood", id: "comer", from: "127.0.0.9", cert: f.badge("press-1")}
	f.enter(comer).drop()
	before := f.memory("VmRSS")
	for i, tt := range []struct {
		name string
		n    int
	}{{"stranger", 200}, {"handshake", 200}, {"garbage", 200}, {"hello", n}} {
		steady := caller{ns: "flood", id: "steady " + tt.name, from: fmt.Sprint("127.0.1.", i+1), cert: f.badge("press-1")}
		r := f.enter(steady)
		w := f.watching(r, comer)
		away, came, refused := kept(), accepted(), f.counted(mqtt.NotAuthorized)
		begin := time.Now()
		made, through := f.flood(all[tt.name], steady.from, tt.n, *floodTime)
		took := time.Since(begin)
		said := w.end(t)
		t.Logf("%s: %d in %v, %d came to their end, %.0f kept away; %s; memory %d MB, at most %d", tt.name, made, took.Round(time.Millisecond), through,
			kept()-away, said, f.memory("VmRSS")>>20, f.memory("VmHWM")>>20)
		if accepted()-came < float64(made) {
			t.Errorf("%s: %.0f of %d are counted", tt.name, accepted()-came, made)
		}
		if kept() == away {
			t.Errorf("%s: the address was not kept away", tt.name)
		}
		if tt.name == "stranger" && f.counted(mqtt.NotAuthorized)-refused != float64(through) {
			t.Errorf("%d strangers were refused, %.0f are counted", through, f.counted(mqtt.NotAuthorized)-refused)
		}
		// The address comes back by itself.
		f.awaits("the address may come back", func() bool { nc, err := f.dial(steady); return err == nil && nc.Close() == nil })
		r.drop()
	}
	if grown := f.memory("VmHWM") - before; grown > 400<<20 {
		t.Errorf("the broker's memory has grown by %d MB", grown>>20)
	}
	list, err := f.plane.Refused(t.Context(), "flood", 100)
	if err != nil || len(list) == 0 || !strings.Contains(list[0].Reason, "not signed") && !strings.Contains(list[0].Reason, "no client") {
		t.Errorf("the list of refusals: %+v, %v", list, err)
	}
}

// TestAttackHeldConnections: an address that opens connections and says nothing has
// its number of them.
func TestAttackHeldConnections(t *testing.T) {
	f := fortified(t, 1500, "listeners.mqtts.max_connections_per_address=300")
	held(f)
	begin := time.Now()
	f.enter(caller{ns: "flood", id: "comer", from: "127.0.0.9", cert: f.badge("press-1")})
	if took := time.Since(begin); took > seldom {
		t.Errorf("a client from elsewhere was let in after %v", took)
	}
}

// TestAttackDescriptors is the same without that number: whoever takes all file
// descriptors must not take those of the store.
func TestAttackDescriptors(t *testing.T) {
	f := fortified(t, 400, "listeners.mqtts.handshake_timeout=1m")
	steady := held(f)
	f.put("flood", "clients", "press-2", `{}`)
	for i := range 400 { // until the store needs another file
		m := mqtt.Message{Topic: "devices/press-1/y", Payload: make([]byte, 256<<10), QoS: 1, Retain: true}
		steady.write(mqtt.AppendPublish(nil, &m, &mqtt.Out{Version: mqtt.V5, QoS: 1, PacketID: uint16(i + 1), Retain: true}))
		steady.acked(mqtt.PUBACK, uint16(i+1))
	}
	f.enter(caller{ns: "flood", id: "comer", from: "127.0.0.9", cert: f.badge("press-1")})
}

// held opens more connections than there are descriptors, and returns a client that
// was there before.
func held(f *fortress) *raw {
	f.Helper()
	f.open("flood", "", "")
	f.trust("flood", "ca1", f.ca)
	f.put("flood", "clients", "press-1", `{}`)
	steady := f.enter(caller{ns: "flood", id: "steady", from: "127.0.0.8", cert: f.badge("press-1")})
	d := &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.1.9")}}
	for range 2000 {
		if nc, err := d.Dial("tcp", f.house.addresses["mqtts"].Address); err == nil {
			f.Cleanup(func() { nc.Close() })
		}
	}
	if !steady.publishes("devices/press-1/x") {
		f.Error("a client was disturbed")
	}
	return steady
}
