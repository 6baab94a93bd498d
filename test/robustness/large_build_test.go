package robustness

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/broker"
	"gridmq/listener"
	"gridmq/mqtt"
	"gridmq/server"
	"gridmq/store/pebble"
)

// The data of TestLarge is made by a broker in a child process, over
// connections in memory: 100,000 sockets would run out of ports. The child is
// this test binary; when it says that it is done it is killed with SIGKILL, so
// that nothing is tidied up.

const largeVariable = "GRIDMQ_LARGE_DATA" // tells the child where to build

// buildLarge starts the child and kills it when it has acknowledged everything.
func buildLarge(t *testing.T, data string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	child := exec.Command(self, "-test.run", "^TestLargeBuilder$", "-test.v")
	child.Env = append(os.Environ(), largeVariable+"="+data)
	child.SysProcAttr = childOfTest()
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(largeBuild, func() { _ = child.Process.Kill() })
	defer late.Stop()
	done := false
	for s := bufio.NewScanner(out); s.Scan(); {
		if s.Text() == largeDone {
			done = true
			_ = child.Process.Kill()
			break
		}
		t.Log(s.Text())
	}
	_, _ = io.Copy(io.Discard, out)
	_ = child.Wait()
	if !done {
		t.Fatalf("the child that builds the data ended early: %v", child.ProcessState)
	}
	t.Logf("built in %v", time.Since(begin).Round(time.Second))
}

const largeDone = "large: done"

// TestLargeBuilder is the child of TestLarge.
func TestLargeBuilder(t *testing.T) {
	data := os.Getenv(largeVariable)
	if data == "" {
		t.Skip("it is started by TestLarge")
	}
	st, err := pebble.Open(pebble.Options{Dir: filepath.Join(data, "store")})
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.New(broker.Options{Store: st, Namespaces: []broker.NamespaceConfig{{
		Name: server.DevNamespace, Limits: broker.StandardLimits(), Authenticator: broker.AllowAll{}, Authorizer: broker.AllowAll{}}}})
	if err != nil {
		t.Fatal(err)
	}
	dial := func(context.Context) (net.Conn, error) {
		near, far := listener.NewPipe()
		go func() { broker.Run(b.Serve(near, broker.Peer{Namespace: server.DevNamespace, Transport: "tcp"})) }() // until far is closed
		return far, nil
	}
	begin := time.Now()
	makeSleepers(t, dial)
	fmt.Printf("large: %d sessions after %v\n", largeSessions, time.Since(begin).Round(time.Millisecond))
	fillSleepers(t, dial)
	fmt.Printf("large: their messages after %v\n", time.Since(begin).Round(time.Millisecond))
	if t.Failed() {
		return
	}
	fmt.Println(largeDone)
	time.Sleep(time.Minute) // to be killed
}

type dialer = func(context.Context) (net.Conn, error)

// makeSleepers makes the sessions, each with two subscriptions, and leaves them.
func makeSleepers(t *testing.T, dial dialer) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range 1000 { // they wait for the disk together
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < largeSessions && !t.Failed(); i = int(next.Add(1)) - 1 {
				d := &device{id: largeID(i), v: mqtt.V5, expiry: never, dial: dial, fault: t.Errorf}
				l, _, err := d.connect(t.Context())
				if err != nil {
					t.Errorf("connect session %d: %v", i, err)
					return
				}
				if _, err := d.subscribe(1, "all", largeTopic(i)); err != nil {
					t.Errorf("subscribe session %d: %v", i, err)
				}
				d.disconnect(l)
				d.close()
			}
		})
	}
	group.Wait()
}

// fillSleepers publishes to every session alone, from several publishers, and
// to all together in between.
func fillSleepers(t *testing.T, dial dialer) {
	const publishers = 8
	for round := range int64(largeSingles) {
		var group sync.WaitGroup
		for w := range publishers {
			group.Go(func() {
				publishAll(t, dial, fmt.Sprintf("filler-%d", w), func(send func(topic string)) {
					for i := w; i < largeSessions; i += publishers {
						send(largeTopic(i))
					}
				}, round+1)
			})
		}
		if round < largeBroadcasts {
			group.Go(func() {
				publishAll(t, dial, "broadcaster", func(send func(topic string)) { send("all") }, round+1)
			})
		}
		group.Wait()
	}
}

// publishAll sends messages with number n and returns when all are acknowledged.
func publishAll(t *testing.T, dial dialer, id string, each func(send func(topic string)), n int64) {
	window := make(chan struct{}, 200)
	d := &device{id: id, v: mqtt.V5, dial: dial, fault: t.Errorf}
	d.answered = func(x *parcel, c mqtt.Code) {
		if c != mqtt.Success {
			t.Errorf("%s to %s was answered with %v", id, x.m.Topic, c)
		}
		<-window
	}
	l, _, err := d.connect(t.Context())
	if err != nil {
		t.Errorf("connect %s: %v", id, err)
		return
	}
	each(func(topic string) {
		select {
		case window <- struct{}{}:
			d.publish(mqtt.Message{Topic: topic, QoS: 1, Payload: payload(n, largePayload)}, nil)
		case <-l.ended:
		}
	})
	for d.open() > 0 {
		select {
		case <-l.ended:
			t.Errorf("%s lost its connection", id)
			return
		case <-time.After(time.Millisecond):
		}
	}
	d.disconnect(l)
	d.close()
}
