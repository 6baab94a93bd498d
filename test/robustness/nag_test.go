package robustness

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/mqtt"
)

// TestNags: clients ask at full speed, for things whose answers need no other
// client, and never read them. The broker holds a bounded number of answers and
// ends them after the write time-out; bystanders are served.
func TestNags(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, bin, "--set", "namespaces.dev.limits.write_timeout=2s")
	p.start()
	b := newBystander(t, p)
	before := p.mib("VmRSS")
	var all []*nag
	for name, block := range questions() {
		for _, way := range []string{"tcp", "tls"} {
			all = append(all, &nag{p: p, way: way, id: name + "-" + way, block: block, mustEnd: name != "subscriptions"})
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { b.run(ctx) })
	for _, n := range all {
		group.Go(func() { n.run(ctx) })
	}
	waitFor(30*time.Second, func() bool {
		return !slices.ContainsFunc(all, func(n *nag) bool { return n.mustEnd && n.cuts.Load() == 0 })
	})
	cancel()
	group.Wait()
	b.judge(t)
	for _, n := range all {
		if n.mustEnd && n.cuts.Load() == 0 {
			t.Errorf("%s was never ended although it reads nothing; it wrote %d MiB", n.id, n.wrote.Load()>>20)
		}
		t.Logf("%s: %d MiB written, ended %d times", n.id, n.wrote.Load()>>20, n.cuts.Load())
	}
	// An answer of 4 bytes is held as some 50; a thousand of those, a read and a
	// write buffer and what Go keeps of them is less than a MiB for each client.
	if peak := p.mib("VmHWM"); peak > before+len(all)+100 {
		t.Errorf("the broker took %d MiB at most, %d at first", peak, before)
	} else {
		t.Logf("%d MiB resident at most, %d at first", peak, before)
	}
	if !waitFor(10*time.Second, func() bool { return p.metric("gridmq_connections") == 1 }) {
		t.Errorf("%.0f connections are left, want the bystander's", p.metric("gridmq_connections"))
	}
	p.stop()
}

// questions are blocks of packets that are answered each.
func questions() map[string][]byte {
	fill := func(one func(b []byte, id uint16) []byte) (b []byte) {
		for id := uint16(1); len(b) < 64<<10; id++ {
			b = one(b, id)
		}
		return b
	}
	sub := []mqtt.Subscription{{Filter: "nag"}}
	return map[string][]byte{
		"pings": fill(func(b []byte, _ uint16) []byte { return mqtt.AppendPingreq(b) }),
		"subscriptions": fill(func(b []byte, id uint16) []byte {
			return (&mqtt.Subscribe{PacketID: id, Subscriptions: sub}).Append(b, mqtt.V311)
		}),
		"releases": fill(func(b []byte, id uint16) []byte { return mqtt.AppendAck(b, mqtt.V311, mqtt.PUBREL, id, 0, "") }),
		"publishes": fill(func(b []byte, id uint16) []byte {
			return mqtt.AppendPublish(b, &mqtt.Message{Topic: "nobody", QoS: 1}, &mqtt.Out{Version: mqtt.V311, QoS: 1, PacketID: id})
		}),
	}
}

// A nag writes the same questions again and again.
type nag struct {
	p       *process
	way, id string
	block   []byte
	wrote   atomic.Int64
	cuts    atomic.Int64 // how often the broker ended it
	mustEnd bool         // its answers fill the sockets in time
}

func (n *nag) run(ctx context.Context) {
	for ctx.Err() == nil {
		nc, err := n.p.open(ctx, n.way)
		if err != nil {
			idle(ctx, 20*time.Millisecond)
			continue
		}
		smallEars(nc)
		stop := context.AfterFunc(ctx, func() { hangUp(nc) })
		n.write(nc)
		stop()
		hangUp(nc)
		if ctx.Err() == nil {
			n.cuts.Add(1)
		}
	}
}

// smallEars keeps the kernel from holding megabytes of answers for us.
func smallEars(nc net.Conn) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	if t, ok := nc.(*net.TCPConn); ok {
		_ = t.SetReadBuffer(8 << 10)
	}
}

func (n *nag) write(nc net.Conn) {
	c := &mqtt.Connect{Version: mqtt.V311, ClientID: n.id, CleanStart: true}
	_, err := nc.Write(c.Append(nil))
	for err == nil {
		var w int
		w, err = nc.Write(n.block)
		n.wrote.Add(int64(w))
	}
}
