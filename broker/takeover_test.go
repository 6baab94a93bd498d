package broker

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/mqtt"
)

// loose is a client that may be cut off at any moment: it ignores errors.
func (h *house) loose(id string, wishes ...wish) *device {
	d := h.dial(mqtt.V5)
	p := mqtt.Connect{Version: mqtt.V5, ClientID: id}
	for _, w := range wishes {
		w(&p)
	}
	_, _ = d.nc.Write(p.Append(nil))
	return d
}

func (d *device) shout(b []byte) { _, _ = d.nc.Write(b) }

func subscribePacket(filters ...string) []byte {
	p := mqtt.Subscribe{PacketID: 1}
	for _, f := range filters {
		p.Subscriptions = append(p.Subscriptions, mqtt.Subscription{Filter: f, QoS: 1})
	}
	return p.Append(nil, mqtt.V5)
}

// TestOneIDManyLogins: whoever logs in with one identifier at once, however
// they begin and end, one session is left at most, and nothing else.
func TestOneIDManyLogins(t *testing.T) {
	h := newHouse(t)
	pub := h.connect("pub", clean)
	stop := make(chan struct{})
	var publishing, wg sync.WaitGroup
	publishing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				pub.publish(text{topic: "t/1", payload: "x", qos: 1})
			}
		}
	})
	for range 6 {
		wg.Go(func() {
			for range 40 {
				var w []wish
				if rand.IntN(2) == 0 {
					w = append(w, clean)
				}
				w = append(w, expiry([]uint32{0, 100}[rand.IntN(2)]))
				if rand.IntN(2) == 0 {
					w = append(w, lastWill("t/will", "x", uint32(rand.IntN(2)*100)))
				}
				d := h.loose("same", w...)
				d.shout(subscribePacket("t/#", "a/b", "$share/g/t/+"))
				if rand.IntN(2) == 0 {
					_, _ = d.read(time.Millisecond)
				}
				if rand.IntN(2) == 0 {
					d.shout((&mqtt.Disconnect{}).Append(nil, mqtt.V5))
				}
				if rand.IntN(2) == 0 {
					_ = d.nc.Close()
				}
				defer func() { _ = d.nc.Close(); <-d.gone }()
			}
		})
	}
	wg.Wait()
	h.settled()
	h.connect("same", clean).disconnect(mqtt.Success)
	close(stop)
	publishing.Wait()
	h.settled()
	h.restart()
	h.settled()
	if n := len(h.ns().sessions); n != 0 {
		t.Errorf("%d sessions in the end, want none", n)
	}
}

// TestTakeOverDuringLogin: the second login with an identifier ends the first,
// which still waits for the disk; what is stored is the second's.
func TestTakeOverDuringLogin(t *testing.T) {
	for name, first := range map[string]wish{"resumes": expiry(100), "clean start": clean} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				h.connect("a", expiry(100)).lose()
				h.st.Hold()
				one := h.loose("a", first, expiry(100), lastWill("will", "one", 50))
				synctest.Wait()
				two := h.loose("a", expiry(100), lastWill("will", "two", 50))
				synctest.Wait()
				h.st.Release()
				if p, err := one.read(time.Second); err == nil {
					t.Errorf("the first got %v, want the end", show(p))
				}
				if ack := want[*mqtt.Connack](two); ack.Code != mqtt.Success {
					t.Errorf("the second got %v", ack.Code)
				}
				x := h.session("a")
				x.mu.Lock()
				if x.conn == nil || string(x.theWill.Message.Payload) != "two" {
					t.Errorf("the will is %q", x.theWill.Message.Payload)
				}
				x.mu.Unlock()
				h.settled()
			})
		})
	}
}

// TestEndDuringDelivery: sessions end while messages are on their way to them;
// every pointer into the log is given back once.
func TestEndDuringDelivery(t *testing.T) {
	h := newHouse(t)
	stop := make(chan struct{})
	var publishing, wg sync.WaitGroup
	for i := range 2 {
		pub := h.connect(fmt.Sprint("pub", i), clean)
		publishing.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					pub.publish(text{topic: "t/1", payload: "x", qos: byte(1 + n%2)})
				}
			}
		})
	}
	for i := range 4 {
		wg.Go(func() {
			for n := range 30 {
				d := h.connect(fmt.Sprint("sub", i), clean, expiry(100))
				d.shout(subscribePacket("t/+", "$share/g/t/#"))
				for range n % 5 {
					d.receiveAny()
				}
				if n%3 == 0 {
					d.disconnect(mqtt.Success, 0)
				} else {
					d.lose()
				}
			}
		})
	}
	wg.Wait()
	for i := range 4 {
		h.connect(fmt.Sprint("sub", i), clean).disconnect(mqtt.Success)
	}
	close(stop)
	publishing.Wait()
	h.settled()
	if live := h.ns().queues.Stats().Live; live != 0 {
		t.Errorf("%d pointers in the end, want none", live)
	}
}

// receiveAny takes whatever comes and answers it if it is a message.
func (d *device) receiveAny() {
	p, err := d.read(patience)
	if err != nil {
		return
	}
	switch p := p.(type) {
	case *delivered:
		switch p.QoS {
		case 1:
			d.ack(mqtt.PUBACK, p.ID)
		case 2:
			d.ack(mqtt.PUBREC, p.ID)
		}
	case *mqtt.Ack:
		if p.Type == mqtt.PUBREL {
			d.ack(mqtt.PUBCOMP, p.PacketID)
		}
	}
}

// TestSubscribeDuringEnd: a session that ends in the middle of a SUBSCRIBE leaves
// no subscription behind.
func TestSubscribeDuringEnd(t *testing.T) {
	h := newHouse(t)
	filters := []string{"$share/g/a"}
	for i := range 50 {
		filters = append(filters, fmt.Sprint("f/", i))
	}
	for range 100 {
		d := h.connect("a", clean, expiry(100))
		var wg sync.WaitGroup
		wg.Go(func() { d.shout(subscribePacket(filters...)) })
		wg.Go(func() { h.connect("a", clean).disconnect(mqtt.Success) })
		wg.Wait()
		_ = d.nc.Close()
		<-d.gone
	}
	h.settled()
	if n := h.ns().index.Len(); n != 0 {
		t.Errorf("%d filters in the end, want none", n)
	}
}

// TestExpiryZeroIsNotResumed: a session that ends with its connection is not
// given to another, even if that comes while the first one parts.
func TestExpiryZeroIsNotResumed(t *testing.T) {
	h := newHouse(t)
	for range 100 {
		d := h.connect("a", expiry(100))
		d.shout((&mqtt.Disconnect{Properties: func() (p mqtt.Properties) {
			p.Mark(mqtt.PropSessionExpiryInterval)
			return p
		}()}).Append(nil, mqtt.V5))
		next := h.connect("a", expiry(100))
		next.send(mqtt.AppendPingreq(nil))
		want[mqtt.Type](next)
		next.disconnect(mqtt.Success, 0)
		_ = d.nc.Close()
	}
	h.settled()
}
