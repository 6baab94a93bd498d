package robustness

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gridmq/mqtt"
)

// What lies on disk in TestLarge: each session has got five broadcasts and
// five messages of its own.
const (
	largeSessions   = 100_000
	largeBroadcasts = 5
	largeSingles    = 5
	largePayload    = 150              // bytes
	largeReady      = 5 * time.Second  // issue 2, "must show"
	largeBuild      = 10 * time.Minute // for making the data
)

// TestLarge starts the broker on 100,000 persistent sessions with 1,000,000
// queued messages: after kill -9 while nothing had been snapshotted at the end,
// after an orderly stop, and after kill -9 of a broker that had only started.
func TestLarge(t *testing.T) {
	if os.Getenv("GRIDMQ_LARGE") != "1" {
		t.Skip("set GRIDMQ_LARGE=1 to run it: it takes a minute or two and 500 MiB of disk")
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, bin)
	buildLarge(t, p.data)
	for _, after := range []string{"kill -9 of the broker that took them", "kill -9 of one that only started", "an orderly stop"} {
		took := p.start()
		t.Logf("after %s: ready in %v (%.1f s of CPU on %d cores), %d MiB resident (peak %d MiB)", after,
			took.Round(time.Millisecond), p.cpu(), runtime.NumCPU(), p.mib("VmRSS"), p.mib("VmHWM"))
		if n := p.metric("gridmq_queued_messages"); n != largeSessions*(largeBroadcasts+largeSingles) {
			t.Errorf("after %s: %.0f queued messages, want %d", after, n, largeSessions*(largeBroadcasts+largeSingles))
		}
		if took > largeReady {
			t.Errorf("after %s: ready after %v, want %v", after, took, largeReady)
		}
		if after == "kill -9 of the broker that took them" {
			p.kill()
		} else {
			p.stop()
		}
	}
	p.start()
	begin := time.Now()
	checkLarge(t, p)
	t.Logf("1,000 sessions fetched their messages in %v; %d MiB resident", time.Since(begin).Round(time.Millisecond), p.mib("VmRSS"))
	p.stop()
}

// cpu is the processor time the broker has used, in seconds: on a machine that
// others use as well it says more than the time of day.
func (p *process) cpu() float64 {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])) // f[0] is field 3
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return float64(user+system) / 100
}

// checkLarge connects a sample of the sessions: each must get exactly what is
// its own, in order.
func checkLarge(t *testing.T, p *process) {
	var group sync.WaitGroup
	for w := range 10 {
		group.Go(func() {
			for i := w; i < largeSessions; i += largeSessions / 100 {
				checkLargeSession(t, p, i)
			}
		})
	}
	group.Wait()
}

func checkLargeSession(t *testing.T, p *process, i int) {
	var mu sync.Mutex
	var broadcasts, singles, others int64
	full := make(chan struct{})
	d := &device{id: largeID(i), v: mqtt.V5, expiry: never, known: true, dial: p.dial, fault: t.Errorf}
	d.heard = func(m *heard) {
		mu.Lock()
		defer mu.Unlock()
		n := number(m.payload)
		switch {
		case string(m.topic) == "all" && n == broadcasts+1:
			broadcasts = n
		case string(m.topic) == largeTopic(i) && n == singles+1:
			singles = n
		default:
			others++
			t.Errorf("session %d got %q number %d after %d broadcasts and %d singles", i, m.topic, n, broadcasts, singles)
		}
		if broadcasts+singles+others == largeBroadcasts+largeSingles {
			close(full)
		}
	}
	l, _, err := d.connect(t.Context())
	if err != nil {
		t.Errorf("connect session %d: %v", i, err)
		return
	}
	select {
	case <-full:
	case <-time.After(20 * time.Second):
		mu.Lock()
		t.Errorf("session %d has %d broadcasts and %d singles, want %d and %d", i, broadcasts, singles, largeBroadcasts, largeSingles)
		mu.Unlock()
	}
	d.disconnect(l)
	d.close()
}

func largeID(i int) string    { return fmt.Sprintf("sleeper-%06d", i) }
func largeTopic(i int) string { return fmt.Sprintf("one/%06d", i) }
