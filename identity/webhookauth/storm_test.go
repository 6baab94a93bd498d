package webhookauth

import (
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gridmq/identity"
)

// BenchmarkReconnect: 10,000 clients come back at once, and the webhook takes
// 200 ms for each. What is measured is the whole process: clients, calls and the
// webhook itself, which shares the machine. With the defaults some may be refused
// as Overloaded, when the queue takes longer than its time; otherwise none.
func BenchmarkReconnect(b *testing.B) {
	b.Run("defaults", func(b *testing.B) {
		for b.Loop() {
			reconnect(b, 10_000, func(*Config) {})
		}
	})
	for _, concurrency := range []int{64, 256, 1024} {
		b.Run("calls="+strconv.Itoa(concurrency), func(b *testing.B) {
			for b.Loop() {
				reconnect(b, 10_000, func(c *Config) { c.Concurrency, c.QueueTime = concurrency, time.Minute })
			}
		})
	}
}

func reconnect(b *testing.B, clients int, set func(*Config)) {
	var now, peak, refused atomic.Int64
	_, c := serve(b, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
		}
		io.Copy(io.Discard, r.Body)
		time.Sleep(200 * time.Millisecond)
		says(200, jsonType, allowed)(w, r)
	})
	set(&c)
	w, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()

	before := inUse()
	most := make(chan uint64)
	stop := make(chan struct{})
	go func() { most <- watch(stop, before) }()

	times := make([]time.Duration, clients)
	start := time.Now()
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			cr := &identity.Credentials{ClientID: "c" + strconv.Itoa(i), Password: []byte("secret")}
			if _, err := w.Authenticate(b.Context(), cr); err != nil {
				refused.Add(1)
			}
			times[i] = time.Since(start)
		})
	}
	group.Wait()
	took := time.Since(start)
	close(stop)
	slices.Sort(times)
	b.ReportMetric(took.Seconds(), "s/storm")
	b.ReportMetric(times[clients/2].Seconds(), "p50-s")
	b.ReportMetric(times[clients*99/100].Seconds(), "p99-s")
	b.ReportMetric(float64(refused.Load()), "refused")
	b.ReportMetric(float64(peak.Load()), "calls-at-once")
	b.ReportMetric(float64(<-most)/(1<<20), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

// watch returns how much more memory was in use at the worst moment.
func watch(stop chan struct{}, before uint64) (most uint64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return most
		case <-tick.C:
			if now := inUse(); now > before {
				most = max(most, now-before)
			}
		}
	}
}

// inUse is memory of heap and stacks, in bytes.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
