package robustness

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/mqtt"
)

func (f *flood) name(what string) string {
	f.visits++
	return fmt.Sprintf("%s-%d", what, f.visits)
}

// refused is what a full disk must refuse, and how.
func (f *flood) refused(t *testing.T) {
	t.Run("a new persistent session, 5.0", func(t *testing.T) {
		d := &device{id: f.name("new"), v: mqtt.V5, expiry: never, dial: f.p.dial, fault: t.Errorf}
		defer d.close()
		_, _, err := d.connect(t.Context())
		if err != (refused{mqtt.QuotaExceeded}) {
			t.Errorf("CONNECT: %v, want refusal with %v", err, mqtt.QuotaExceeded)
		}
	})
	t.Run("a new persistent session, 3.1.1", func(t *testing.T) {
		d := &device{id: f.name("new"), v: mqtt.V311, expiry: never, dial: f.p.dial, fault: t.Errorf}
		defer d.close()
		if _, _, err := d.connect(t.Context()); err == nil {
			t.Errorf("CONNECT was accepted")
		}
	})
	t.Run("a retained message", func(t *testing.T) {
		var code atomic.Int32
		code.Store(-1)
		d := f.volatile(t)
		defer d.close()
		d.answered = func(_ *parcel, c mqtt.Code) { code.Store(int32(c)) }
		d.publish(mqtt.Message{Topic: "kept", QoS: 1, Retain: true, Payload: noise(1, pourSize)}, nil)
		waitFor(5*time.Second, func() bool { return code.Load() >= 0 })
		if c := code.Load(); c != int32(mqtt.QuotaExceeded) {
			t.Errorf("PUBACK: %d, want %v", c, mqtt.QuotaExceeded)
		}
	})
	t.Run("a publisher of 3.1.1", func(t *testing.T) {
		d := &device{id: f.name("old"), v: mqtt.V311, dial: f.p.dial, fault: t.Errorf}
		defer d.close()
		d.answered = func(*parcel, mqtt.Code) { t.Errorf("the message was acknowledged") }
		l, _, err := d.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d.publish(mqtt.Message{Topic: "flood/old", QoS: 1, Payload: noise(1, pourSize)}, nil)
		select {
		case <-l.ended:
		case <-time.After(5 * time.Second):
			t.Errorf("its connection goes on, want it closed")
		}
	})
}

// volatile is a client whose session ends with its connection.
func (f *flood) volatile(t *testing.T) *device {
	t.Helper()
	d := &device{id: f.name("volatile"), v: mqtt.V5, dial: f.p.dial, fault: t.Errorf}
	if _, _, err := d.connect(t.Context()); err != nil {
		t.Fatalf("a session that need not be stored: %v", err)
	}
	return d
}

// goesOn is what needs no disk: QoS 0, and QoS 1 and 2 between sessions that
// end with their connections.
func (f *flood) goesOn(t *testing.T) {
	sub, pub := f.volatile(t), f.volatile(t)
	defer sub.close()
	defer pub.close()
	var came [3]atomic.Int64
	var acked atomic.Int64
	sub.heard = func(m *heard) {
		if n := number(m.payload); n != came[m.qos].Load()+1 {
			t.Errorf("QoS %d number %d came after %d", m.qos, n, came[m.qos].Load())
		}
		came[m.qos].Add(1)
	}
	pub.answered = func(_ *parcel, c mqtt.Code) {
		if c != mqtt.Success {
			t.Errorf("a message that need not be stored was answered with %v", c)
		}
		acked.Add(1)
	}
	if _, err := sub.subscribe(2, "live"); err != nil {
		t.Fatal(err)
	}
	const each = 100
	for n := range int64(each) {
		for qos := range byte(3) {
			pub.publish(mqtt.Message{Topic: "live", QoS: qos, Payload: payload(n+1, 100)}, nil)
		}
	}
	waitFor(5*time.Second, func() bool {
		return acked.Load() == 2*each && came[0].Load() == each && came[1].Load() == each && came[2].Load() == each
	})
	for qos := range came {
		if n := came[qos].Load(); n != each {
			t.Errorf("%d messages of QoS %d came, want %d", n, qos, each)
		}
	}
}

// visit connects the regular, and disconnects it.
func (f *flood) visit(t *testing.T, do func()) {
	t.Helper()
	l, _, err := f.regular.connect(t.Context())
	if err != nil {
		t.Fatalf("the regular: %v", err)
	}
	do()
	f.regular.disconnect(l)
	f.regular.close()
}

// comesBack is what most clients do: they connect and subscribe to what they are
// subscribed to. Only what is new is refused.
func (f *flood) comesBack(t *testing.T) {
	f.visit(t, func() {
		if codes, err := f.regular.subscribe(1, "quiet/#"); err != nil || codes[0].IsError() {
			t.Errorf("SUBSCRIBE again: %v, %v, want it granted", codes, err)
		}
		if codes, err := f.regular.subscribe(1, "new/#"); len(codes) != 1 || codes[0] != mqtt.QuotaExceeded {
			t.Errorf("SUBSCRIBE to more: %v, %v, want %v", codes, err, mqtt.QuotaExceeded)
		}
	})
}
