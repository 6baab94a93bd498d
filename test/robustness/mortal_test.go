package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"gridmq/mqtt"
)

// A mortal connects with a will, a new one each time, and dies: with the
// broker, by itself, or after a goodbye.
type mortal struct {
	name   string
	d      *device
	wills  *register
	delay  uint32 // seconds of Will Delay Interval; long ones are cancelled by its return
	pause  time.Duration
	deaths func() int64 // how many brokers have been killed
	gone   bool         // never comes back under its name
	epoch  int
}

// testament is the will of the next connection.
func (m *mortal) testament() string {
	m.epoch++
	if m.gone {
		m.d.id, m.d.known = fmt.Sprintf("%s.%d", m.name, m.epoch), false
	}
	text := fmt.Sprintf("%s/%d", m.d.id, m.epoch)
	m.d.will = &mqtt.Will{Topic: "will/" + m.d.id, Payload: []byte(text), QoS: 2}
	if m.delay > 0 {
		m.d.will.Properties.WillDelayInterval = m.delay
		m.d.will.Properties.Mark(mqtt.PropWillDelayInterval)
	}
	m.wills.set(text, open) // known before anybody can hear it
	return text
}

// run lives and dies until ctx ends.
func (m *mortal) run(ctx context.Context) {
	defer m.d.close()
	before := ""
	for ctx.Err() == nil {
		text, deaths := m.testament(), m.deaths()
		l, _, err := m.d.connect(ctx)
		if err != nil {
			idle(ctx, 2*time.Millisecond)
			continue
		}
		if m.returns() && before != "" {
			m.wills.set(before, barred) // we are back in time [MQTT-3.1.3-9]
		}
		before = text
		m.live(ctx, l, text, deaths)
		m.d.readers.Wait()
		idle(ctx, m.pause)
	}
}

// returns says whether coming back cancels the will.
func (m *mortal) returns() bool { return m.delay > 0 && !m.gone }

// live is one connection. A delayed will stays open here: the return decides.
func (m *mortal) live(ctx context.Context, l *link, text string, deaths int64) {
	lost := func() {
		if !m.returns() {
			m.wills.set(text, due)
		}
	}
	select {
	case <-l.ended: // killed
		lost()
	case <-ctx.Done():
		m.part(l, text, deaths)
	case <-time.After(500*time.Millisecond + rand.N(3*time.Second)):
		if rand.IntN(2) == 0 {
			l.close()
			lost()
		} else {
			m.part(l, text, deaths)
		}
	}
}

// part says goodbye. Nobody acknowledges that, so it counts only when no broker
// has died since before CONNECT, and none does for a while.
func (m *mortal) part(l *link, text string, before int64) {
	m.d.disconnect(l)
	time.Sleep(300 * time.Millisecond)
	if m.deaths() == before {
		m.wills.set(text, barred)
	}
}
