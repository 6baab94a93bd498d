package broker

import (
	"context"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"gridmq/mqtt"
	"gridmq/topic"
)

// What the broker tells of a namespace below $SYS/broker, for tools that expect it, under
// Mosquitto's names. It is about that namespace alone: what others do is nobody's business.
// It is published at QoS 0 and not retained, to whoever is there; who subscribes is told
// within a second. Decision: docs/decisions/018-sys-topics.md.

const onlyWeTell = "topics below $SYS are the broker's: clients cannot publish there"

// systemTopics is what one namespace needs for it. But for asked it belongs to tellSystem.
type systemTopics struct {
	asked atomic.Bool // somebody has subscribed: do not wait for the interval
	last  time.Time   // when it was published
	loads [len(loadNames)]load
}

// hurry has the values published soon.
func (s *systemTopics) hurry() { s.asked.Store(true) }

// loadNames are what averages are made of; see systemTopics.measure.
var loadNames = [...]string{"publish/received", "publish/sent", "publish/dropped", "bytes/received", "bytes/sent"}

// loadMinutes are the times over which averages go.
var loadMinutes = [...]int{1, 5, 15}

// A load is a moving average of a counter, per minute.
type load struct {
	last     uint64
	averages [len(loadMinutes)]float64
}

// add takes the counter as it is after some time.
func (l *load) add(count uint64, passed time.Duration) {
	perMinute := float64(count-l.last) / passed.Minutes()
	l.last = count
	for i, minutes := range loadMinutes {
		weight := math.Exp(-passed.Minutes() / float64(minutes))
		l.averages[i] = l.averages[i]*weight + perMinute*(1-weight)
	}
}

// tellSystem publishes what is due, until ctx is done.
func (b *Broker) tellSystem(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, ns := range b.all() {
				ns.tellSystem(now)
			}
		case <-ctx.Done():
			return
		}
	}
}

// tellSystem publishes the values of a namespace, if they are due.
func (ns *namespace) tellSystem(now time.Time) {
	every := ns.limits.Load().SystemInterval
	if every <= 0 {
		return
	}
	s := &ns.system
	if s.last.IsZero() {
		s.last = ns.b.began
	}
	passed := now.Sub(s.last)
	due := passed >= every-time.Second/2
	if !due && !s.asked.Load() {
		return
	}
	s.asked.Store(false)
	if due {
		s.last = now
		s.measure(ns, passed)
	}
	if ns.disabled.Load() {
		return
	}
	ns.eachSystem(now, func(name, value string) {
		r := ns.route([]byte(topic.System + "/broker/" + name))
		if len(r.targets) == 0 && len(r.groups) == 0 {
			return
		}
		m := mqtt.Message{Topic: r.topic, Payload: []byte(value), Published: now.UnixMilli()}
		var p publication
		p.start(ns, &m, m.Published)
		p.system = true
		_, _ = p.run(r) // of QoS 0: nothing is stored
		p.wake()
	})
}

func sum[T any](list []T, of func(*T) uint64) (n uint64) {
	for i := range list {
		n += of(&list[i])
	}
	return n
}

func loadCounter(v *atomic.Uint64) uint64 { return v.Load() }

// measure moves the averages on.
func (s *systemTopics) measure(ns *namespace, passed time.Duration) {
	t := &ns.traffic
	for i, count := range [len(loadNames)]uint64{sum(t.received[:], loadCounter), sum(t.delivered[:], loadCounter), sum(t.dropped[:], loadCounter),
		t.bytesIn.Load(), t.bytesOut.Load()} {
		s.loads[i].add(count, passed)
	}
}

// eachSystem calls tell for what there is below $SYS/broker.
func (ns *namespace) eachSystem(now time.Time, tell func(name, value string)) {
	number := func(name string, n uint64) { tell(name, strconv.FormatUint(n, 10)) }
	t := &ns.traffic
	ns.mu.Lock()
	sessions := len(ns.sessions)
	ns.mu.Unlock()
	online := max(0, int(ns.online.Load()))
	received, sent := sum(t.received[:], loadCounter), sum(t.delivered[:], loadCounter)

	tell("version", "gridmq "+ns.b.version)
	tell("uptime", strconv.Itoa(int(now.Sub(ns.b.began).Seconds()))+" seconds")
	number("clients/total", uint64(sessions))
	number("clients/connected", uint64(online))
	number("clients/active", uint64(online)) // an older name of the same
	number("clients/disconnected", uint64(max(0, sessions-online)))
	number("clients/inactive", uint64(max(0, sessions-online)))
	number("messages/received", received)
	number("messages/sent", sent)
	number("publish/messages/received", received)
	number("publish/messages/sent", sent)
	number("publish/messages/dropped", sum(t.dropped[:], loadCounter))
	number("bytes/received", t.bytesIn.Load())
	number("bytes/sent", t.bytesOut.Load())
	number("subscriptions/count", uint64(ns.index.Len()))
	number("retained messages/count", uint64(ns.retained.names.Len()))
	number("store/messages/count", uint64(ns.queues.Stats().Live))
	for i, name := range loadNames {
		for j, minutes := range loadMinutes {
			tell("load/"+name+"/"+strconv.Itoa(minutes)+"min", strconv.FormatFloat(ns.system.loads[i].averages[j], 'f', 2, 64))
		}
	}
}
