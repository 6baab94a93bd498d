package client

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/internal/bubble"
	"gridmq/mqtt"
)

// connect calls Connect beside a fake and returns its error.
func connect(t *testing.T, ctx context.Context, o Options) <-chan error {
	result := make(chan error, 1)
	go func() { // ends with Connect, which a time-out bounds
		c, err := Connect(ctx, o)
		if c != nil {
			c.Close()
			c.Wait()
		}
		result <- err
	}()
	return result
}

func TestConnectTimesOut(t *testing.T) {
	dialled := func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	for name, dial := range map[string]func(context.Context) (net.Conn, error){
		"while dialling": dialled, "without CONNACK": nil} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				o := Options{ConnectTimeout: 3 * time.Second}
				f := pipe(t, &o)
				if dial != nil {
					o.Dial = dial
				}
				begin, result := time.Now(), connect(t, t.Context(), o)
				if dial == nil {
					f.want(mqtt.CONNECT)
				}
				err := <-result
				if took := time.Since(begin); took != 3*time.Second || err == nil || !strings.Contains(err.Error(), "3s") {
					t.Errorf("%v after %v, want an error that names 3s after as long", err, took)
				}
			})
		})
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		o := Options{}
		f := pipe(t, &o)
		ctx, cancel := context.WithCancelCause(t.Context())
		result := connect(t, ctx, o)
		f.want(mqtt.CONNECT)
		why := errors.New("changed my mind")
		cancel(why)
		if err := <-result; !errors.Is(err, why) {
			t.Errorf("got %v, want %v", err, why)
		}
	})
}

func TestConnectRefused(t *testing.T) {
	for v, code := range map[mqtt.Version]mqtt.Code{mqtt.V5: mqtt.Banned, mqtt.V311: mqtt.NotAuthorized} {
		bubble.Test(t, func(t *testing.T) {
			o := Options{Version: v, ClientID: "c"}
			f := pipe(t, &o)
			result := connect(t, t.Context(), o)
			f.want(mqtt.CONNECT)
			ack := mqtt.Connack{Code: code}
			ack.Properties.ReasonString = "go away"
			ack.Properties.Mark(mqtt.PropReasonString)
			f.send(ack.Append(nil, v))
			err := <-result
			refused(t, err, code)
			if v == mqtt.V5 && !strings.Contains(err.Error(), "go away") {
				t.Errorf("%v does not give the broker's reason", err)
			}
			f.wantEnd()
		})
	}
}

// TestConnectStrangers: what answers may be anything.
func TestConnectStrangers(t *testing.T) {
	tests := map[string]struct {
		answer string
		want   string
		eof    bool
	}{
		"HTTP":                        {"HTTP/1.1 400 Bad Request\r\n\r\n", "malformed", false},
		"another packet":              {"\xd0\x00", "is it an MQTT broker", false},
		"nothing":                     {"", "no CONNACK", true},
		"half a packet":               {"\x20\x03\x00", "no CONNACK", true},
		"half a length":               {"\x20\x80", "no CONNACK", true},
		"an endless length":           {"\x20\xff\xff\xff\xff", "malformed", false},
		"a packet above our maximum":  {"\x20\x81\x08", "packet too large", false},
		"session after a clean start": {"\x20\x03\x01\x00\x00", "session present", false},
		"reserved flags":              {"\x20\x03\x02\x00\x00", "malformed", false},
		"a property twice":            {"\x20\x09\x00\x00\x06\x21\x00\x01\x21\x00\x01", "protocol error", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				o := Options{MaximumPacketSize: 1024}
				f := pipe(t, &o)
				result := connect(t, t.Context(), o)
				f.want(mqtt.CONNECT)
				go func() {
					f.nc.Write([]byte(test.answer)) // the client may close before it has read all
					f.nc.Close()
				}()
				err := <-result
				if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(test.want)) {
					t.Errorf("got %v, want an error with %q", err, test.want)
				}
				if errors.Is(err, io.EOF) != test.eof {
					t.Errorf("got %v, want EOF in it: %t", err, test.eof)
				}
			})
		})
	}
}

func TestConnectPacket(t *testing.T) {
	will := &mqtt.Will{Topic: "w"}
	tests := map[string]struct {
		o    Options
		want func(p *mqtt.Connect) bool
	}{
		"defaults": {Options{}, func(p *mqtt.Connect) bool {
			return p.Version == mqtt.V5 && p.CleanStart && p.KeepAlive == 60 && !p.HasUsername && !p.HasPassword &&
				p.Properties.ReceiveMaximum == 256 && !p.Properties.Has(mqtt.PropSessionExpiryInterval)
		}},
		"a session for ever": {Options{Resume: true, SessionExpiry: Never}, func(p *mqtt.Connect) bool {
			return !p.CleanStart && p.Properties.SessionExpiryInterval == 0xffffffff
		}},
		"seconds are rounded up": {Options{SessionExpiry: 1500 * time.Millisecond, KeepAlive: time.Millisecond}, func(p *mqtt.Connect) bool {
			return p.Properties.SessionExpiryInterval == 2 && p.KeepAlive == 1
		}},
		"no keep alive":   {Options{KeepAlive: -1}, func(p *mqtt.Connect) bool { return p.KeepAlive == 0 }},
		"long keep alive": {Options{KeepAlive: 100 * time.Hour}, func(p *mqtt.Connect) bool { return p.KeepAlive == 0xffff }},
		"a password alone": {Options{Password: []byte("p")}, func(p *mqtt.Connect) bool {
			return !p.HasUsername && p.HasPassword && string(p.Password) == "p"
		}},
		"a password alone in 3.1.1 needs a name": {Options{Version: mqtt.V311, Password: []byte("p")}, func(p *mqtt.Connect) bool {
			return p.Version == mqtt.V311 && p.HasUsername && p.HasPassword
		}},
		"all of it": {Options{ClientID: "c", Username: "u", Password: []byte{}, Will: will, TopicAliasMaximum: 3, MaximumPacketSize: 99, Queue: 7},
			func(p *mqtt.Connect) bool {
				return p.ClientID == "c" && p.Username == "u" && p.HasPassword && p.Will == will &&
					p.Properties.TopicAliasMaximum == 3 && p.Properties.MaximumPacketSize == 99 && p.Properties.ReceiveMaximum == 7
			}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := test.o.withDefaults()
			if p := o.packet(); !test.want(p) {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestAssignedID(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		ack := mqtt.Connack{}
		ack.Properties.AssignedClientIdentifier = "made-up"
		ack.Properties.Mark(mqtt.PropAssignedClientIdentifier)
		if c, _ := login(t, Options{}, ack); c.ID() != "made-up" {
			t.Errorf("ID is %q", c.ID())
		}
		if c, _ := login(t, Options{ClientID: "mine"}, mqtt.Connack{}); c.ID() != "mine" || c.Connack().SessionPresent {
			t.Errorf("ID is %q", c.ID())
		}
	})
}

// TestTrace: every packet is told, credentials and payloads never.
func TestTrace(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var all strings.Builder
		o := Options{Username: "user", Password: []byte("secret"), ClientID: "c"}
		o.Trace = func(sent bool, p string) {
			mu.Lock()
			defer mu.Unlock()
			all.WriteString(p + "\n")
		}
		c, f := login(t, o, mqtt.Connack{})
		go c.Publish(t.Context(), &Message{Topic: "a", QoS: 1, Payload: []byte("secret")})
		f.sendAck(mqtt.PUBACK, f.wantPublish().PacketID, mqtt.Success)
		go c.Subscribe(t.Context(), mqtt.Subscription{Filter: "f/#"})
		f.want(mqtt.SUBSCRIBE)
		go c.Disconnect(t.Context(), mqtt.Success)
		f.wantEnd()
		c.Wait()
		synctest.Wait()
		for _, want := range []string{"CONNECT", "CONNACK", "PUBLISH", "PUBACK", `SUBSCRIBE`, "f/#", "DISCONNECT"} {
			if !strings.Contains(all.String(), want) {
				t.Errorf("no %s in\n%s", want, &all)
			}
		}
		if strings.Contains(all.String(), "secret") {
			t.Errorf("a secret in\n%s", &all)
		}
	})
}
