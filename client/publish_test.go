package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
)

// An outcome is what done was told.
type outcome struct {
	code mqtt.Code
	err  error
}

// publish starts a Publish and returns where its outcome will be.
func publish(t *testing.T, c *Client, m *Message) <-chan outcome {
	result := make(chan outcome, 1)
	go func() { // ends with the connection
		code, err := c.Publish(t.Context(), m)
		result <- outcome{code, err}
	}()
	synctest.Wait()
	return result
}

func TestPublishQoS1(t *testing.T) {
	tests := map[string]struct {
		v    mqtt.Version
		code mqtt.Code
		fail bool
	}{
		"taken":            {mqtt.V5, mqtt.Success, false},
		"taken in 3.1.1":   {mqtt.V311, mqtt.Success, false},
		"nobody was there": {mqtt.V5, mqtt.NoMatchingSubscribers, false},
		"refused":          {mqtt.V5, mqtt.QuotaExceeded, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				c, f := login(t, Options{Version: test.v}, mqtt.Connack{})
				result := publish(t, c, &Message{Topic: "a", QoS: 1, Retain: true, Payload: []byte("p")})
				p := f.wantPublish()
				if string(p.Topic) != "a" || p.QoS != 1 || p.Dup || !p.Retain || string(p.Payload) != "p" {
					t.Errorf("the client sent %+v", p)
				}
				f.sendAck(mqtt.PUBACK, p.PacketID+1, mqtt.Success) // of nothing
				f.sendAck(mqtt.PUBACK, p.PacketID, test.code)
				got := <-result
				if got.code != test.code || (got.err != nil) != test.fail {
					t.Errorf("got %v, %v", got.code, got.err)
				}
				if test.fail {
					refused(t, got.err, test.code)
				}
			})
		})
	}
}

func TestPublishQoS2(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, f := login(t, Options{}, mqtt.Connack{})
		result := publish(t, c, &Message{Topic: "a", QoS: 2})
		id := f.wantPublish().PacketID
		f.sendAck(mqtt.PUBACK, id, mqtt.Success) // of another QoS: it ends nothing
		for range 2 {                            // a PUBREC that comes again is answered again
			f.sendAck(mqtt.PUBREC, id, mqtt.Success)
			f.wantAck(mqtt.PUBREL, id, mqtt.Success)
		}
		select {
		case got := <-result:
			t.Fatalf("%+v before PUBCOMP", got)
		case <-time.After(time.Second):
		}
		f.sendAck(mqtt.PUBCOMP, id, mqtt.Success)
		if got := <-result; got.err != nil {
			t.Error(got.err)
		}
		f.sendAck(mqtt.PUBREC, id, mqtt.Success) // section 4.3.3: it is answered all the same
		f.wantAck(mqtt.PUBREL, id, mqtt.Success)

		result = publish(t, c, &Message{Topic: "a", QoS: 2})
		id = f.wantPublish().PacketID
		f.sendAck(mqtt.PUBREC, id, mqtt.Success)
		f.wantAck(mqtt.PUBREL, id, mqtt.Success)
		f.sendAck(mqtt.PUBCOMP, id, mqtt.PacketIdentifierNotFound) // it was taken, and completed before
		if got := <-result; got.err != nil || got.code != mqtt.Success {
			t.Errorf("got %v, %v", got.code, got.err)
		}

		result = publish(t, c, &Message{Topic: "a", QoS: 2})
		id = f.wantPublish().PacketID
		f.sendAck(mqtt.PUBREC, id, mqtt.TopicNameInvalid)
		refused(t, (<-result).err, mqtt.TopicNameInvalid)
		f.wantNothing(time.Second)
		if n := c.session.Unacknowledged(); n != 0 {
			t.Errorf("%d are open", n)
		}
	})
}

// TestInFlight: no more than the smaller of both windows is under way.
func TestInFlight(t *testing.T) {
	for name, test := range map[string]struct {
		ours   int
		theirs uint16
	}{"the broker's": {10, 2}, "ours": {2, 10}} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				ack := mqtt.Connack{}
				ack.Properties.ReceiveMaximum = test.theirs
				ack.Properties.Mark(mqtt.PropReceiveMaximum)
				c, f := login(t, Options{InFlight: test.ours}, ack)
				go func() {
					for _, m := range texts(3, 1) {
						c.PublishAsync(t.Context(), m, nil)
					}
				}()
				first, second := f.wantPublish(), f.wantPublish()
				f.wantNothing(time.Second)
				c.Publish(t.Context(), &Message{Topic: "q0"}) // QoS 0 does not wait
				if p := f.wantPublish(); string(p.Topic) != "q0" {
					t.Errorf("got %q", p.Topic)
				}
				f.sendAck(mqtt.PUBACK, second.PacketID, mqtt.Success)
				third := f.wantPublish()
				if string(third.Payload) != "2" || third.PacketID == first.PacketID {
					t.Errorf("the third is %q with id %d", third.Payload, third.PacketID)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := c.PublishAsync(ctx, &Message{Topic: "t", QoS: 1}, nil); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("with a full window: %v", err)
				}
			})
		})
	}
}

// TestPublishWaitsNoLongerThanItsContext: the message may still arrive.
func TestPublishWaitsNoLongerThanItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, f := login(t, Options{}, mqtt.Connack{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Publish(ctx, &Message{Topic: "t", QoS: 1})
		if !errors.Is(err, ErrUnacknowledged) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		f.sendAck(mqtt.PUBACK, f.wantPublish().PacketID, mqtt.Success)
		synctest.Wait()
		if n := c.session.Unacknowledged(); n != 0 || len(c.slots) != 0 {
			t.Errorf("%d are open, %d slots taken after the PUBACK", n, len(c.slots))
		}
	})
}

// TestLimits: what the broker has said it does not want is not sent.
func TestLimits(t *testing.T) {
	ack := mqtt.Connack{}
	ack.Properties.MaximumQoS, ack.Properties.RetainAvailable, ack.Properties.MaximumPacketSize, ack.Properties.TopicAliasMaximum = 1, 0, 50, 2
	ack.Properties.Mark(mqtt.PropMaximumQoS, mqtt.PropRetainAvailable, mqtt.PropMaximumPacketSize, mqtt.PropTopicAliasMaximum)
	alias := func(n uint16) (p mqtt.Properties) {
		p.TopicAlias = n
		p.Mark(mqtt.PropTopicAlias)
		return p
	}
	tests := map[string]struct {
		m    Message
		code mqtt.Code // Success: it is sent
	}{
		"QoS 1":          {Message{Topic: "t", QoS: 1}, mqtt.Success},
		"QoS 2":          {Message{Topic: "t", QoS: 2}, mqtt.QoSNotSupported},
		"retain":         {Message{Topic: "t", Retain: true}, mqtt.RetainNotSupported},
		"50 bytes":       {Message{Topic: "t", Payload: make([]byte, 44)}, mqtt.Success},
		"51 bytes":       {Message{Topic: "t", Payload: make([]byte, 45)}, mqtt.PacketTooLarge},
		"second alias":   {Message{Topic: "t", Properties: alias(2)}, mqtt.Success},
		"third alias":    {Message{Topic: "t", Properties: alias(3)}, mqtt.TopicAliasInvalid},
		"the MQTT limit": {Message{Topic: "t", Payload: make([]byte, maxPacketSize)}, mqtt.PacketTooLarge},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				c, f := login(t, Options{}, ack)
				err := c.PublishAsync(t.Context(), &test.m, nil)
				if test.code != mqtt.Success {
					refused(t, err, test.code)
					f.wantNothing(time.Second)
					return
				}
				if err != nil {
					t.Error(err)
				}
				f.wantPublish()
			})
		})
	}
	t.Run("a topic that cannot be", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			c, f := login(t, Options{}, mqtt.Connack{})
			for _, topic := range []string{"", "a/#", "a\x00b", "\xff", strings.Repeat("x", 65_536)} {
				if err := c.PublishAsync(t.Context(), &Message{Topic: topic}, nil); err == nil {
					t.Errorf("%.20q was sent", topic)
				}
			}
			f.wantNothing(time.Second)
		})
	})
}

// TestTopicAlias: the first message with an alias sets it up.
func TestTopicAlias(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		ack := mqtt.Connack{}
		ack.Properties.TopicAliasMaximum = 2
		ack.Properties.Mark(mqtt.PropTopicAliasMaximum)
		c, f := login(t, Options{}, ack)
		send := func(topic string, wire string) {
			t.Helper()
			m := &Message{Topic: topic}
			m.Properties.TopicAlias = 1
			m.Properties.Mark(mqtt.PropTopicAlias)
			if err := c.PublishAsync(t.Context(), m, nil); err != nil {
				t.Fatal(err)
			}
			if p := f.wantPublish(); string(p.Topic) != wire || p.Alias != 1 {
				t.Errorf("%q was sent as %q with alias %d, want %q and 1", topic, p.Topic, p.Alias, wire)
			}
		}
		send("a", "a")
		send("a", "")
		send("b", "b") // given to another topic
		send("b", "")
		send("a", "a")
	})
}

func TestSubscribe(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, f := login(t, Options{}, mqtt.Connack{})
		answer := func(codes ...mqtt.Code) {
			_, body := f.want(mqtt.SUBSCRIBE)
			s, err := mqtt.ReadSubscribe(f.v, body)
			if err != nil || len(s.Subscriptions) != 2 || s.Subscriptions[1].Filter != "b/#" || s.Subscriptions[1].QoS != 2 {
				t.Errorf("the client sent %+v (%v)", s, err)
			}
			f.send((&mqtt.Suback{PacketID: s.PacketID, Codes: codes}).Append(nil, f.v))
		}
		ask := func() ([]mqtt.Code, error) {
			return c.Subscribe(t.Context(), mqtt.Subscription{Filter: "a"}, mqtt.Subscription{Filter: "b/#", QoS: 2})
		}
		go answer(mqtt.Success, mqtt.GrantedQoS1)
		if codes, err := ask(); err != nil || len(codes) != 2 || codes[1] != mqtt.GrantedQoS1 {
			t.Errorf("got %v, %v", codes, err)
		}
		go answer(mqtt.Success, mqtt.NotAuthorized)
		codes, err := ask()
		refused(t, err, mqtt.NotAuthorized)
		if len(codes) != 2 || !strings.Contains(err.Error(), "b/#") {
			t.Errorf("got %v, %v", codes, err)
		}
		go answer(mqtt.Success)
		if _, err := ask(); err == nil || !strings.Contains(err.Error(), "1 codes for 2 filters") {
			t.Errorf("one code for two filters: %v", err)
		}
	})
}

func TestUnsubscribe(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V5, mqtt.V311} {
		bubble.Test(t, func(t *testing.T) {
			c, f := login(t, Options{Version: v}, mqtt.Connack{})
			answer := func(codes ...mqtt.Code) {
				_, body := f.want(mqtt.UNSUBSCRIBE)
				u, err := mqtt.ReadUnsubscribe(v, body)
				if err != nil || len(u.Filters) != 2 {
					t.Errorf("the client sent %+v (%v)", u, err)
				}
				f.send((&mqtt.Unsuback{PacketID: u.PacketID, Codes: codes}).Append(nil, v))
			}
			go answer(mqtt.Success, mqtt.NoSubscriptionExisted)
			codes, err := c.Unsubscribe(t.Context(), "a", "b")
			if err != nil || v == mqtt.V5 && len(codes) != 2 {
				t.Errorf("got %v, %v", codes, err)
			}
			if v == mqtt.V311 {
				return
			}
			go answer(mqtt.Success, mqtt.ImplementationSpecificError)
			_, err = c.Unsubscribe(t.Context(), "a", "b")
			refused(t, err, mqtt.ImplementationSpecificError)
			go answer(mqtt.Success)
			if _, err := c.Unsubscribe(t.Context(), "a", "b"); err == nil {
				t.Error("one code for two filters was taken")
			}
		})
	}
}

// TestNoAnswer: an id without an answer stays taken, until the answer comes.
func TestNoAnswer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, f := login(t, Options{Timeout: 2 * time.Second}, mqtt.Connack{})
		begin, result := time.Now(), make(chan error, 1)
		go func() {
			_, err := c.Subscribe(t.Context(), mqtt.Subscription{Filter: "a"})
			result <- err
		}()
		_, body := f.want(mqtt.SUBSCRIBE)
		err := <-result
		if took := time.Since(begin); took != 2*time.Second || err == nil || !strings.Contains(err.Error(), "2s") {
			t.Errorf("%v after %v", err, took)
		}
		s, _ := mqtt.ReadSubscribe(f.v, body)
		if len(c.session.used) != 1 {
			t.Errorf("%d ids are taken, want 1", len(c.session.used))
		}
		f.send((&mqtt.Suback{PacketID: s.PacketID, Codes: []mqtt.Code{0}}).Append(nil, f.v))
		f.send((&mqtt.Suback{PacketID: s.PacketID + 1, Codes: []mqtt.Code{0}}).Append(nil, f.v)) // of nothing
		synctest.Wait()
		if len(c.session.used) != 0 || c.Err() != nil {
			t.Errorf("%d ids are taken after the answer; %v", len(c.session.used), c.Err())
		}
	})
}
