package behaviour

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ours "gridmq/client"
	"gridmq/internal/freeport"
	"gridmq/mqtt"
)

// Bridges, with Debian's mosquitto on either side, and between two GridMQ. Brokers are
// processes, so that they can be killed.

// freePort is one that nobody listens on, and that a broker gets again after a restart.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.TCP()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// A foreign broker is a mosquitto.
type foreign struct {
	t    *testing.T
	conf string
	port int
	cmd  *exec.Cmd
	log  *os.File
}

// newMosquitto starts one with more lines in its configuration.
func newMosquitto(t *testing.T, more ...string) *foreign {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path = "/usr/sbin/mosquitto"; !isFile(path) {
			missing(t, "mosquitto")
		}
	}
	dir := t.TempDir()
	f := &foreign{t: t, port: freePort(t), conf: filepath.Join(dir, "mosquitto.conf")}
	lines := append([]string{fmt.Sprintf("listener %d 127.0.0.1", f.port), "allow_anonymous true", "persistence false",
		"max_queued_messages 0", "log_type all"}, more...)
	if err := os.WriteFile(f.conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.kill()
		f.log.Close()
		if t.Failed() {
			b, _ := os.ReadFile(f.log.Name())
			t.Logf("mosquitto: %s", b[max(0, len(b)-4000):])
		}
	})
	f.start(path)
	return f
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func (f *foreign) start(path string) {
	f.t.Helper()
	f.cmd = exec.Command(path, "-c", f.conf)
	f.cmd.Stdout, f.cmd.Stderr = f.log, f.log
	if err := f.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	eventually(f.t, "mosquitto listens", func() bool {
		nc, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", f.port))
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
}

// kill is kill -9.
func (f *foreign) kill() {
	if f.cmd.ProcessState == nil {
		_ = f.cmd.Process.Kill()
		_ = f.cmd.Wait()
	}
}

func (f *foreign) restart() { f.start(f.cmd.Path) }

func (f *foreign) url() string { return fmt.Sprint("mqtt://127.0.0.1:", f.port) }

// eventually waits until a thing is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v not so: %s", patience, what)
		}
	}
}

// A bystander is a client that remembers what it got, each payload with its number.
type bystander struct {
	t   *testing.T
	c   *ours.Client
	mu  sync.Mutex
	got map[string]int // "topic payload"
}

func stand(t *testing.T, url, id string, filter string) *bystander {
	t.Helper()
	b := &bystander{t: t, got: map[string]int{}}
	o := ours.Options{Target: ours.Target{URL: url}, ClientID: id, Resume: true, SessionExpiry: time.Hour, OnMessage: func(m *ours.Message) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.got[m.Topic+" "+string(m.Payload)]++
	}}
	eventually(t, "connected to "+url, func() (up bool) {
		var err error
		b.c, err = ours.Connect(t.Context(), o)
		return err == nil
	})
	t.Cleanup(func() { b.c.Close(); _ = b.c.Wait() })
	if filter != "" {
		if _, err := b.c.Subscribe(t.Context(), mqtt.Subscription{Filter: filter, QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bystander) publish(topic string, payloads ...string) {
	b.t.Helper()
	for _, p := range payloads {
		if _, err := b.c.Publish(b.t.Context(), &ours.Message{Topic: topic, QoS: 1, Payload: []byte(p)}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// has waits for messages, and tells how often each came.
func (b *bystander) has(list ...string) (counts []int) {
	b.t.Helper()
	missing := func() (left []string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, m := range list {
			if b.got[m] == 0 {
				left = append(left, m)
			}
		}
		return left
	}
	end := time.Now().Add(patience)
	for len(missing()) > 0 {
		if time.Now().After(end) {
			left := missing()
			b.t.Fatalf("%d of %d messages did not come: %q", len(left), len(list), left[:min(len(left), 20)])
		}
		time.Sleep(5 * time.Millisecond)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range list {
		counts = append(counts, b.got[m])
	}
	return counts
}

// once wants each exactly once.
func (b *bystander) once(list ...string) {
	b.t.Helper()
	for i, n := range b.has(list...) {
		if n != 1 {
			b.t.Errorf("%q came %d times", list[i], n)
		}
	}
}

func (e *env) url() string { return "mqtt://" + e.house.addresses["dev"].Address }

// link are the settings of a bridge named cloud. Each topic is filter, direction, remote prefix.
func link(url string, more []string, topics ...[3]string) []string {
	list := append([]string{"bridges.cloud.namespace=dev", "bridges.cloud.address=" + url,
		"bridges.cloud.retry.first=50ms", "bridges.cloud.retry.most=200ms"}, more...)
	for i, t := range topics {
		at := fmt.Sprintf("bridges.cloud.topics.t%d.", i)
		list = append(list, at+"filter="+t[0], at+"direction="+t[1], at+"remote_prefix="+t[2])
	}
	return list
}

// TestBridgeToMosquitto: both ways; the other broker is killed, then ours while there is
// no link. What was acknowledged arrives.
func TestBridgeToMosquitto(t *testing.T) {
	for name, more := range map[string][]string{
		"5":                  nil,
		"3.1.1, bridge mode": {"bridges.cloud.version=3.1.1", "bridges.cloud.bridge_mode=true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMosquitto(t)
			settings := link(m.url(), more, [3]string{"up/#", "out", "edge/"}, [3]string{"down/#", "in", "edge/"}, [3]string{"both/#", "both", ""})
			e, dir := &env{T: t, row: row{v5, "tcp", "pebble"}}, t.TempDir()
			edge := e.process(dir, settings...)
			far, near := stand(t, m.url(), "far", "#"), stand(t, e.url(), "near", "#")

			near.publish("up/a", "1", "2")
			far.once("edge/up/a 1", "edge/up/a 2")
			eventually(t, "commands come in", func() bool { // the subscription may be on its way
				far.publish("edge/down/a", "c")
				near.mu.Lock()
				defer near.mu.Unlock()
				return near.got["down/a c"] > 0
			})
			near.publish("both/a", "n")
			far.publish("both/a", "f")
			far.once("both/a n", "both/a f")
			near.once("both/a n", "both/a f") // nothing has come back

			m.kill()
			near.publish("up/b", numbered("b", 50)...)
			edge.signal(syscall.SIGKILL)
			edge = e.process(dir, settings...)
			near = stand(t, e.url(), "near", "")
			for _, p := range numbered("r", 20) { // retained, as mosquitto has forgotten who subscribes
				if _, err := near.c.Publish(t.Context(), &ours.Message{Topic: "up/" + p, QoS: 1, Retain: true, Payload: []byte(p)}); err != nil {
					t.Fatal(err)
				}
			}
			m.restart()
			far = stand(t, m.url(), "far", "#")
			var want []string
			for _, p := range numbered("r", 20) {
				want = append(want, "edge/up/"+p+" "+p)
			}
			far.has(want...)
			near.publish("up/c", "after")
			far.once("edge/up/c after")
			if code := edge.signal(syscall.SIGTERM); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// TestMosquittoBridge: mosquitto has the bridge, GridMQ is the cloud. Both ways, without
// an echo; GridMQ is killed, and nothing that mosquitto holds is lost.
func TestMosquittoBridge(t *testing.T) {
	for _, version := range []string{"mqttv311", "mqttv50"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			e, dir := &env{T: t, row: row{v5, "tcp", "pebble"}}, t.TempDir()
			address := fmt.Sprint("127.0.0.1:", port)
			cloud := e.process(dir, "dev.listen="+address)
			m := newMosquitto(t, "connection cloud", "address "+address, "bridge_protocol_version "+version, "cleansession false",
				"restart_timeout 1", "notifications false", "topic up/# out 1 \"\" edge/", "topic down/# in 1 \"\" edge/", "topic both/# both 1")
			far, near := stand(t, e.url(), "far", "#"), stand(t, m.url(), "near", "#")
			eventually(t, "commands reach mosquitto", func() bool {
				far.publish("edge/down/a", "c")
				near.mu.Lock()
				defer near.mu.Unlock()
				return near.got["down/a c"] > 0
			})
			near.publish("up/a", "1", "2")
			far.once("edge/up/a 1", "edge/up/a 2")
			near.publish("both/a", "n")
			far.publish("both/a", "f")
			far.once("both/a n", "both/a f")
			near.once("both/a n", "both/a f")

			cloud.signal(syscall.SIGKILL)
			var want []string
			for _, p := range numbered("b", 50) {
				near.publish("up/b", p)
				want = append(want, "edge/up/b "+p)
			}
			e.process(dir, "dev.listen="+address)
			stand(t, e.url(), "far", "").has(want...) // its session has lasted
			near.has("both/a n", "both/a f")
		})
	}
}

// TestBridgeKills: two GridMQ. Somebody publishes all the time at the edge, and both
// brokers are killed in turn. All that was acknowledged arrives.
func TestBridgeKills(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	address := fmt.Sprint("127.0.0.1:", port)
	edge, cloud := &env{T: t, row: row{v5, "tcp", "pebble"}}, &env{T: t, row: row{v5, "tcp", "pebble"}}
	edgeDir, cloudDir := t.TempDir(), t.TempDir()
	edgePort := fmt.Sprint("127.0.0.1:", freePort(t))
	settings := append(link("mqtt://"+address, nil, [3]string{"up/#", "out", "edge/"}), "dev.listen="+edgePort)
	startCloud := func() *process { return cloud.process(cloudDir, "dev.listen="+address) }
	startEdge := func() *process { return edge.process(edgeDir, settings...) }
	c, p := startCloud(), startEdge()
	stand(t, "mqtt://"+address, "far", "edge/#").c.Close()

	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var acknowledged []string
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for n, i := (*ours.Client)(nil), 0; ctx.Err() == nil; i++ {
			if n == nil {
				var err error
				if n, err = ours.Connect(ctx, ours.Options{Target: ours.Target{URL: "mqtt://" + edgePort}, ClientID: "device"}); err != nil {
					n = nil
					time.Sleep(20 * time.Millisecond)
					continue
				}
			}
			payload := fmt.Sprint(i)
			if _, err := n.Publish(ctx, &ours.Message{Topic: "up/a", QoS: 1, Payload: []byte(payload)}); err != nil {
				n.Close()
				_ = n.Wait()
				n = nil
				continue
			}
			mu.Lock()
			acknowledged = append(acknowledged, "edge/up/a "+payload)
			mu.Unlock()
		}
	})
	await := func(more int) { // however slow the machine is
		t.Helper()
		count := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(acknowledged)
		}
		enough := count() + more
		eventually(t, fmt.Sprint(more, " more are acknowledged"), func() bool { return count() >= enough })
	}
	for range 4 {
		await(20)
		c.signal(syscall.SIGKILL)
		await(10)
		p.signal(syscall.SIGKILL) // without a link
		p = startEdge()
		c = startCloud()
		await(20)
		p.signal(syscall.SIGKILL) // with one
		p = startEdge()
	}
	stop()
	publisher.Wait()
	far := stand(t, "mqtt://"+address, "far", "edge/#")
	counts := far.has(acknowledged...)
	again := 0
	for _, n := range counts {
		again += n - 1
	}
	t.Logf("%d acknowledged, all arrived, %d once more", len(acknowledged), again)
	if n := slices.Max(counts); n > 10 {
		t.Errorf("one came %d times", n)
	}
}
