package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
	"gridmq/server"
)

// A node is GridMQ in the test's process, with everything allowed.
type node struct {
	*server.Server
	ca string
}

// serve runs a node on free ports until the test ends.
func serve(t *testing.T) *node {
	t.Helper()
	cfg := server.DefaultDev()
	cfg.Management.Enabled = false
	cfg.Data = t.TempDir()
	cfg.Store.Engine = "memory"
	cfg.Operations.Enabled = false
	cfg.Dev.Listen, cfg.Dev.WSListen = "127.0.0.1:0", "127.0.0.1:0"
	for name, l := range cfg.Listeners {
		l.Address = "127.0.0.1:0"
		cfg.Listeners[name] = l
	}
	srv, err := server.New(cfg, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // ends with stop
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the broker ended with %v", err)
		}
	})
	select {
	case <-srv.Ready():
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	r, err := server.ReadReadyFile(cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	return &node{srv, r.CA}
}

// target is a listener of the node: "dev", "dev-ws", "mqtts" or "wss".
func (n *node) target(t *testing.T, listener string) client.Target {
	t.Helper()
	c, err := client.TLSFiles{CA: n.ca}.Config()
	if err != nil {
		t.Fatal(err)
	}
	return client.Target{URL: n.Addresses()[listener].URL, TLS: c}
}

// dial connects, and closes with the test.
func dial(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); c.Wait() })
	return c
}

// TestTransports sends all kinds of messages over every transport, in both
// versions, and wants them in order and once.
func TestTransports(t *testing.T) {
	n := serve(t)
	for _, listener := range []string{"dev", "dev-ws", "mqtts", "wss"} {
		for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
			t.Run(fmt.Sprintf("%s, version %d", listener, v), func(t *testing.T) {
				const messages = 300
				got := make(chan string, messages+1)
				topic := fmt.Sprintf("t/%s/%d", listener, v)
				target := n.target(t, listener)
				sub := dial(t, client.Options{Target: target, Version: v, OnMessage: func(m *client.Message) {
					got <- fmt.Sprintf("%d %s", m.QoS, m.Payload[:4])
				}})
				if codes, err := sub.Subscribe(t.Context(), mqtt.Subscription{Filter: topic, QoS: 2}); err != nil || codes[0] != mqtt.GrantedQoS2 {
					t.Fatalf("subscribe: %v, %v", codes, err)
				}
				pub := dial(t, client.Options{Target: target, Version: v})
				var done sync.WaitGroup
				for i := range messages {
					// From tiny to more than a buffer.
					m := &client.Message{Topic: topic, QoS: byte(i % 3), Payload: fmt.Appendf(nil, "%04d%s", i, strings.Repeat("x", i*i%40_000))}
					done.Add(1)
					err := pub.PublishAsync(t.Context(), m, func(code mqtt.Code, err error) {
						defer done.Done()
						if err != nil {
							t.Errorf("message %d: %v", i, err)
						}
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				done.Wait()
				var order [3][]string
				for range messages {
					select {
					case s := <-got:
						order[s[0]-'0'] = append(order[s[0]-'0'], s[2:])
					case <-time.After(20 * time.Second):
						t.Fatal("messages are missing")
					}
				}
				for q, o := range order { // the order of one QoS is that of sending [MQTT-4.6.0-6]
					if len(o) != messages/3 || !slices.IsSorted(o) {
						t.Errorf("QoS %d: %d messages, in order: %t", q, len(o), slices.IsSorted(o))
					}
				}
				if err := sub.Ping(t.Context()); err != nil {
					t.Error(err)
				}
				if err := pub.Disconnect(t.Context(), mqtt.Success); err != nil {
					t.Error(err)
				}
				if err := pub.Wait(); err != client.ErrDisconnected {
					t.Errorf("ended with %v", err)
				}
			})
		}
	}
}

// TestManyPublishers uses one connection from many goroutines.
func TestManyPublishers(t *testing.T) {
	n := serve(t)
	const publishers, each = 8, 100
	var mu sync.Mutex
	last, sum := map[string]int{}, 0
	all := make(chan struct{})
	c := dial(t, client.Options{Target: n.target(t, "dev"), InFlight: 5, OnMessage: func(m *client.Message) {
		mu.Lock()
		defer mu.Unlock()
		var i int
		fmt.Sscan(string(m.Payload), &i)
		if last[m.Topic]++; last[m.Topic] != i {
			t.Errorf("%s: got %d, want %d", m.Topic, i, last[m.Topic])
		}
		if sum++; sum == publishers*each {
			close(all)
		}
	}})
	if _, err := c.Subscribe(t.Context(), mqtt.Subscription{Filter: "m/+", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				m := &client.Message{Topic: fmt.Sprint("m/", p), QoS: 1, Payload: fmt.Append(nil, i+1)}
				if _, err := c.Publish(t.Context(), m); err != nil {
					t.Errorf("publisher %d: %v", p, err)
				}
			}
		})
	}
	wg.Wait()
	select {
	case <-all:
	case <-time.After(20 * time.Second):
		t.Error("messages are missing")
	}
}

// TestRetainedAndWill: what a broker does for us when we are gone.
func TestRetainedAndWill(t *testing.T) {
	n := serve(t)
	target := n.target(t, "dev")
	lost := dial(t, client.Options{Target: target, Will: &mqtt.Will{Topic: "will", Payload: []byte("gone"), QoS: 1}})
	if _, err := lost.Publish(t.Context(), &client.Message{Topic: "kept", QoS: 1, Retain: true, Payload: []byte("still")}); err != nil {
		t.Fatal(err)
	}
	got := make(chan *client.Message, 4)
	c := dial(t, client.Options{Target: target, OnMessage: func(m *client.Message) { got <- m }})
	var p mqtt.Properties
	p.SubscriptionIdentifiers = []uint32{77}
	p.Mark(mqtt.PropSubscriptionIdentifier)
	if _, err := c.SubscribeWith(t.Context(), p, mqtt.Subscription{Filter: "kept"}, mqtt.Subscription{Filter: "will"}); err != nil {
		t.Fatal(err)
	}
	if m := <-got; m.Topic != "kept" || !m.Retain || !slices.Equal(m.Properties.SubscriptionIdentifiers, []uint32{77}) {
		t.Errorf("got %+v", m)
	}
	lost.Close()
	if m := <-got; m.Topic != "will" || string(m.Payload) != "gone" {
		t.Errorf("got %+v", m)
	}
	if codes, err := c.Unsubscribe(t.Context(), "will", "other"); err != nil || codes[0] != mqtt.Success || codes[1] != mqtt.NoSubscriptionExisted {
		t.Errorf("unsubscribe: %v, %v", codes, err)
	}
}

// TestTakenOver: a second connection with our id ends ours, for good.
func TestTakenOver(t *testing.T) {
	n := serve(t)
	o := client.Options{Target: n.target(t, "dev"), ClientID: "same"}
	first := dial(t, o)
	dial(t, o)
	err := first.Wait()
	c, ok := errors.AsType[*client.ClosedError](err)
	if !ok || c.Code != mqtt.SessionTakenOver || !client.Permanent(err) {
		t.Errorf("ended with %v", err)
	}
}

// TestRefused: a real broker's no.
func TestRefused(t *testing.T) {
	n := serve(t)
	_, err := client.Connect(t.Context(), client.Options{Target: n.target(t, "dev"), Resume: true, Version: mqtt.V311})
	r, ok := errors.AsType[*client.RefusedError](err)
	if !ok || r.Code != mqtt.ClientIdentifierNotValid { // 3.1.1: no id, no session to resume
		t.Errorf("got %v", err)
	}
}

// TestTLSVerifies: a broker that cannot prove its name is not spoken to.
func TestTLSVerifies(t *testing.T) {
	n := serve(t)
	good := n.target(t, "mqtts")
	tests := map[string]struct {
		files client.TLSFiles
		want  string // "": connects
	}{
		"our CA":               {client.TLSFiles{CA: n.ca}, ""},
		"the system's CAs":     {client.TLSFiles{}, "unknown authority"},
		"another name":         {client.TLSFiles{CA: n.ca, ServerName: "example.com"}, "example.com"},
		"a name it has":        {client.TLSFiles{CA: n.ca, ServerName: "localhost"}, ""},
		"whoever it is":        {client.TLSFiles{Insecure: true}, ""},
		"any name, no CA file": {client.TLSFiles{Insecure: true, ServerName: "example.com"}, ""},
	}
	for name, test := range tests {
		for _, listener := range []string{"mqtts", "wss"} {
			t.Run(name+", "+listener, func(t *testing.T) {
				c, err := test.files.Config()
				if err != nil {
					t.Fatal(err)
				}
				cl, err := client.Connect(t.Context(), client.Options{Target: client.Target{URL: n.Addresses()[listener].URL, TLS: c}})
				if cl != nil {
					cl.Close()
					cl.Wait()
				}
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("got %v, want an error with %q", err, test.want)
				}
				if _, is := errors.AsType[*tls.CertificateVerificationError](err); test.want != "" && !is {
					t.Errorf("%v does not hold the verification's error", err)
				}
			})
		}
	}
	// A configuration that is shared must not be changed.
	if good.TLS.ServerName != "" || good.TLS.RootCAs.Equal(x509.NewCertPool()) {
		t.Errorf("the configuration was changed: %+v", good.TLS)
	}
}
