package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
)

// TestDisconnect: what was sent before goes first, nothing comes after.
func TestDisconnect(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		o := Options{}
		o.Goodbye.SessionExpiryInterval = 30
		o.Goodbye.Mark(mqtt.PropSessionExpiryInterval)
		c, f := login(t, o, mqtt.Connack{})
		for _, m := range texts(3, 0) {
			c.PublishAsync(t.Context(), m, nil)
		}
		result := make(chan error, 1)
		go func() { result <- c.Disconnect(t.Context(), mqtt.DisconnectWithWill) }()
		for range 3 {
			f.wantPublish()
		}
		_, body := f.want(mqtt.DISCONNECT)
		d, err := mqtt.ReadDisconnect(f.v, body)
		if err != nil || d.Code != mqtt.DisconnectWithWill || d.Properties.SessionExpiryInterval != 30 {
			t.Errorf("the client sent %+v (%v)", d, err)
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
		f.wantEnd()
		if err := c.Wait(); err != ErrDisconnected {
			t.Errorf("the connection ended with %v", err)
		}
		if err := c.PublishAsync(t.Context(), &Message{Topic: "t"}, nil); err != ErrDisconnected {
			t.Errorf("publishing afterwards: %v", err)
		}
		if _, err := c.Subscribe(t.Context(), mqtt.Subscription{Filter: "t"}); err != ErrDisconnected {
			t.Errorf("subscribing afterwards: %v", err)
		}
		if err := c.Ping(t.Context()); err != ErrDisconnected {
			t.Errorf("pinging afterwards: %v", err)
		}
		if err := c.Disconnect(t.Context(), 0); err != ErrDisconnected {
			t.Errorf("again: %v", err)
		}
	})
}

// TestDisconnectNobodyReads: saying goodbye is bounded too.
func TestDisconnectNobodyReads(t *testing.T) {
	tests := map[string]func(t *testing.T) (context.Context, context.CancelFunc, time.Duration){
		"by Timeout": func(t *testing.T) (context.Context, context.CancelFunc, time.Duration) {
			return t.Context(), func() {}, 3 * time.Second
		},
		"by its context": func(t *testing.T) (context.Context, context.CancelFunc, time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			return ctx, cancel, time.Second
		},
	}
	for name, bound := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				c, _ := login(t, Options{Timeout: 3 * time.Second}, mqtt.Connack{})
				ctx, cancel, want := bound(t)
				defer cancel()
				begin := time.Now()
				err := c.Disconnect(ctx, 0)
				if took := time.Since(begin); err == nil || took != want {
					t.Errorf("%v after %v, want an error after %v", err, took, want)
				}
				c.Wait()
			})
		})
	}
}

func TestClose(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, f := login(t, Options{}, mqtt.Connack{})
		c.Close()
		if _, said := f.wantEnd(); said {
			t.Error("the client sent a DISCONNECT: there will be no will")
		}
		if err := c.Wait(); err != ErrDisconnected {
			t.Error(err)
		}
		<-c.Done()
	})
}

// TestConnectionLost: everybody who waits is told, once.
func TestConnectionLost(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		ack := mqtt.Connack{}
		ack.Properties.ReceiveMaximum = 2
		ack.Properties.Mark(mqtt.PropReceiveMaximum)
		c, f := login(t, Options{}, ack)
		unknown := publish(t, c, &Message{Topic: "t", QoS: 1})
		f.wantPublish()
		released := publish(t, c, &Message{Topic: "t", QoS: 2})
		id := f.wantPublish().PacketID
		f.sendAck(mqtt.PUBREC, id, mqtt.Success)
		f.wantAck(mqtt.PUBREL, id, mqtt.Success)
		windowFull := publish(t, c, &Message{Topic: "t", QoS: 1})
		subscribed := make(chan error, 1)
		go func() {
			_, err := c.Subscribe(t.Context(), mqtt.Subscription{Filter: "a"})
			subscribed <- err
		}()
		f.want(mqtt.SUBSCRIBE)
		pinged := make(chan error, 1)
		go func() { pinged <- c.Ping(t.Context()) }()
		f.want(mqtt.PINGREQ)
		f.nc.Close()
		closed(t, c.Wait(), mqtt.Success)
		for _, result := range []<-chan outcome{unknown, released} {
			got := <-result
			if !errors.Is(got.err, ErrUnacknowledged) {
				t.Errorf("got %v, want ErrUnacknowledged", got.err)
			}
			closed(t, got.err, mqtt.Success)
		}
		if got := <-windowFull; got.err == nil || errors.Is(got.err, ErrUnacknowledged) {
			t.Errorf("what was never sent: %v", got.err)
		}
		closed(t, <-subscribed, mqtt.Success)
		closed(t, <-pinged, mqtt.Success)
	})
}

// TestOutcomeOnce: however the end of the connection, an acknowledgement and the
// call itself fall together, done is called once, or the call has failed.
func TestOutcomeOnce(t *testing.T) {
	for round := range 60 {
		bubble.Test(t, func(t *testing.T) {
			c, f := login(t, Options{}, mqtt.Connack{})
			const n = 20
			var told, failed [n]atomic.Int32
			go func() { // acknowledges what it can, and hangs up in the middle
				for range round % n {
					h, body, err := f.next()
					if err != nil || h.Type != mqtt.PUBLISH {
						break
					}
					var p mqtt.Publish
					p.Read(f.v, h.Flags, body)
					f.nc.Write(mqtt.AppendAck(nil, f.v, mqtt.PUBACK, p.PacketID, 0, ""))
				}
				f.nc.Close()
			}()
			for i := range n {
				go func() {
					if c.PublishAsync(t.Context(), &Message{Topic: "t", QoS: 1}, func(mqtt.Code, error) { told[i].Add(1) }) != nil {
						failed[i].Add(1)
					}
				}()
			}
			c.Wait()
			synctest.Wait()
			for i := range n {
				if sum := told[i].Load() + failed[i].Load(); sum != 1 {
					t.Errorf("message %d: done called %d times, the call failed %d times", i, told[i].Load(), failed[i].Load())
				}
			}
		})
	}
}

// TestNobodyReads: a broker that does not read must not hold us for ever, nor
// make us hold everything.
func TestNobodyReads(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, _ := login(t, Options{Timeout: 5 * time.Second}, mqtt.Connack{})
		begin, sent := time.Now(), 0
		for ; c.PublishAsync(t.Context(), &Message{Topic: "t", Payload: make([]byte, 1000)}, nil) == nil; sent++ {
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("PublishAsync failed after %v, want 5s", took)
		}
		if bytes := sent * 1000; bytes > 2*writeLimit+2000 {
			t.Errorf("%d bytes were taken", bytes)
		}
		closed(t, c.Wait(), mqtt.Success)
	})
}

// TestWaitsForRoomOnly: room in the write buffer is waited for no longer than
// the caller wants.
func TestWaitsForRoomOnly(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, _ := login(t, Options{Timeout: time.Hour, KeepAlive: -1}, mqtt.Connack{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var err error
		for err == nil {
			err = c.PublishAsync(ctx, &Message{Topic: "t", Payload: make([]byte, 100_000)}, nil)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		waits := make(chan error, 1)
		go func() { waits <- c.PublishAsync(t.Context(), &Message{Topic: "t"}, nil) }()
		synctest.Wait()
		c.Close()
		if err := <-waits; err != ErrDisconnected {
			t.Errorf("who waited for room is told %v", err)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	serverSays := mqtt.Connack{}
	serverSays.Properties.ServerKeepAlive = 20
	serverSays.Properties.Mark(mqtt.PropServerKeepAlive)
	tests := map[string]struct {
		keepAlive time.Duration
		ack       mqtt.Connack
		ping      time.Duration // after so much silence; 0: never
	}{
		"ours":         {40 * time.Second, mqtt.Connack{}, 30 * time.Second},
		"the broker's": {40 * time.Second, serverSays, 15 * time.Second},
		"none":         {-1, mqtt.Connack{}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				c, f := login(t, Options{KeepAlive: test.keepAlive, Timeout: 7 * time.Second}, test.ack)
				if test.ping == 0 {
					f.wantNothing(30 * time.Minute)
					return
				}
				f.wantNothing(test.ping - time.Second)
				go c.PublishAsync(t.Context(), &Message{Topic: "t"}, nil) // talking alone is not enough
				f.wantPublish()
				begin := time.Now()
				f.want(mqtt.PINGREQ)
				if waited := time.Since(begin); waited > time.Second {
					t.Errorf("PINGREQ after %v, when nothing was heard for %v", waited+test.ping-time.Second, test.ping)
				}
				f.send([]byte{0xd0, 0})
				begin = time.Now()
				f.want(mqtt.PINGREQ)
				if waited := time.Since(begin); waited != test.ping {
					t.Errorf("next PINGREQ after %v, want %v", waited, test.ping)
				}
				begin = time.Now()
				if err := c.Wait(); !strings.Contains(err.Error(), "7s") || time.Since(begin) != 7*time.Second {
					t.Errorf("%v after %v, want the end after 7s", err, time.Since(begin))
				}
			})
		})
	}
}

// TestSlowReceiver: OnMessage may take its time. Then we do not read, and cannot
// blame the broker that no PINGRESP comes.
func TestSlowReceiver(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var got atomic.Int32
		c, f := login(t, Options{Queue: 1, KeepAlive: 4 * time.Second, Timeout: time.Second, OnMessage: func(*Message) {
			time.Sleep(time.Minute)
			got.Add(1)
		}}, mqtt.Connack{})
		out := make(chan []byte, 16)
		go func() { // ends with out; each write waits until the client reads
			for b := range out {
				f.nc.Write(b)
			}
		}()
		for range 5 {
			out <- mqtt.AppendPublish(nil, &mqtt.Message{Topic: "t"}, &mqtt.Out{Version: f.v})
		}
		go func() { // a broker that answers pings; ends with the connection
			defer close(out)
			for {
				h, _, err := f.next()
				if err != nil {
					return
				}
				if h.Type == mqtt.PINGREQ {
					out <- []byte{0xd0, 0}
				}
			}
		}()
		time.Sleep(10 * time.Minute)
		if c.Err() != nil || got.Load() != 5 {
			t.Errorf("%d of 5 messages, the connection ended with %v", got.Load(), c.Err())
		}
	})
}

func TestPing(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c, f := login(t, Options{}, mqtt.Connack{})
		f.send([]byte{0xd0, 0}) // nobody has asked
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without an answer: %v", err)
		}
		f.want(mqtt.PINGREQ)
		result := make(chan error, 1)
		go func() { result <- c.Ping(t.Context()) }()
		f.want(mqtt.PINGREQ)
		f.send([]byte{0xd0, 0})
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

// TestErrors: what people read.
func TestErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&RefusedError{Op: "CONNECT", Code: mqtt.NotAuthorized}, "broker refused CONNECT: not authorized (0x87)"},
		{&RefusedError{Op: "CONNECT", Code: mqtt.NotAuthorized, Reason: "no"}, "broker refused CONNECT: not authorized (0x87): no"},
		{&ClosedError{}, "broker disconnected"},
		{&ClosedError{Code: mqtt.SessionTakenOver}, "broker disconnected: session taken over (0x8e)"},
		{&ClosedError{Code: mqtt.SessionTakenOver, Reason: "by b"}, "broker disconnected: session taken over (0x8e): by b"},
		{&ClosedError{Err: fmt.Errorf("reset")}, "connection ended: reset"},
	} {
		if got := test.err.Error(); !strings.EqualFold(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
