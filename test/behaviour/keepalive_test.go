package behaviour

import (
	"testing"
	"time"

	"gridmq/mqtt"
)

// TestKeepAlive: silent for one and a half intervals, and the connection is over.
func TestKeepAlive(t *testing.T) {
	both(t, func(e *env) {
		watcher := e.watch()
		begin := time.Now()
		quiet := e.raw(e.id("quiet"), func(p *mqtt.Connect) {
			p.KeepAlive = 1
			p.Will = &mqtt.Will{Topic: e.topic("wills/quiet"), Payload: []byte("quiet"), QoS: 1}
		})
		const pings = 10                                                       // for six seconds, one and a half intervals are less
		busy := e.raw(e.id("busy"), func(p *mqtt.Connect) { p.KeepAlive = 3 }) // long enough for a machine that is busy, too
		pinged := make(chan struct{})
		go func() { // beyond the end of quiet: it lives on as it is heard
			defer close(pinged)
			for range pings {
				if _, err := busy.wire.Write(mqtt.AppendPingreq(nil)); err != nil {
					return
				}
				<-time.After(600 * time.Millisecond)
			}
		}()
		quiet.wantEnd(mqtt.KeepAliveTimeout)
		if took := time.Since(begin); took < 1400*time.Millisecond {
			e.Errorf("ended after %v, want 1.5 s", took)
		}
		watcher.want("quiet")
		<-pinged
		for range pings {
			busy.of(mqtt.PINGRESP)
		}
		busy.wantEnd(mqtt.KeepAliveTimeout)
	})
}

// TestServerKeepAlive: the maximum of the namespace holds for all who ask for
// more or for none; MQTT 5 is told, and Paho then pings as told.
func TestServerKeepAlive(t *testing.T) {
	bothOwn(t, func(e *env) {
		e.own(limit("keep_alive_maximum", 2))
		told := e.as(v5)
		pings := told.connect(login{id: e.id("pings"), alive: 60})
		if got := pings.connack.Properties.ServerKeepAlive; got == nil || *got != 2 {
			e.Fatalf("Server Keep Alive for 60 s: %v, want 2", got)
		}
		if got := told.connect(login{id: e.id("modest"), alive: 1}).connack.Properties.ServerKeepAlive; got != nil {
			e.Errorf("Server Keep Alive for 1 s: %v, want none", *got)
		}
		for _, asked := range []uint16{0, 60} {
			begin := time.Now()
			r := e.raw(e.id("quiet"), func(p *mqtt.Connect) { p.KeepAlive = asked })
			if r.v == mqtt.V5 && (!r.connack.Properties.Has(mqtt.PropServerKeepAlive) || r.connack.Properties.ServerKeepAlive != 2) {
				e.Errorf("Server Keep Alive for %d s: %d, want 2", asked, r.connack.Properties.ServerKeepAlive)
			}
			r.wantEnd(mqtt.KeepAliveTimeout)
			if took := time.Since(begin); took < 2900*time.Millisecond {
				e.Errorf("ended after %v, want 3 s", took)
			}
		}
		pings.silent() // twice the time later it is still there
	})
}
