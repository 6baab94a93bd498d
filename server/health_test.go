package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gridmq/store/faulty"
	"gridmq/store/memory"
)

// ask asks the operations endpoint without a server.
func ask(s *Server, path string) string {
	w := httptest.NewRecorder()
	s.operationsHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return http.StatusText(w.Code) + " " + strings.TrimSpace(w.Body.String())
}

// TestHealthByPhase: what each phase says to who decides about the process, and about its
// clients.
func TestHealthByPhase(t *testing.T) {
	s, err := New(Default(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	const ok, no = `OK {"ok":true,"state":"%"}`, `Service Unavailable {"ok":false,"state":"%"}`
	for _, test := range []struct {
		phase       *phase
		live, ready string
	}{{&starting, ok, no}, {&ready, ok, ok}, {&draining, ok, no}, {&failed, no, no}} {
		s.phase.Store(test.phase)
		for path, want := range map[string]string{"/healthz": test.live, "/readyz": test.ready, "/readyz?durable=true": test.ready} {
			if got := ask(s, path); got != strings.ReplaceAll(want, "%", test.phase.name) {
				t.Errorf("%s: %s says %s", test.phase.name, path, got)
			}
		}
	}
}

// TestReadiness: a server that recovers, or stops, is not ready; one with a full disk is for
// clients that fetch, and says so, and is not for who wants durable work done.
func TestReadiness(t *testing.T) {
	inner := memory.New(memory.Options{})
	defer inner.Close()
	st := faulty.New(inner)
	st.Hold() // what the start writes does not become durable
	n := begin(t, Sources{Flags: flags(t.TempDir())}, func(o *Options) { o.Store = st })
	is := func(path, want string) {
		t.Helper()
		for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			if got := ask(n.Server, path); got == want {
				return
			} else if time.Since(begun) > 20*time.Second {
				t.Fatalf("%s says %s, want %s\n%s", path, got, want, n.log)
			}
		}
	}
	is("/readyz", `Service Unavailable {"ok":false,"state":"starting"}`)
	time.Sleep(50 * time.Millisecond)
	is("/readyz", `Service Unavailable {"ok":false,"state":"starting"}`)
	is("/healthz", `OK {"ok":true,"state":"starting"}`)
	st.Release()
	<-n.Ready()
	is("/readyz", `OK {"ok":true,"state":"ready"}`)
	is("/readyz?durable=true", `OK {"ok":true,"state":"ready"}`)
	st.Fill()
	is("/readyz", `OK {"ok":true,"state":"store_full"}`)
	is("/readyz?durable=true", `Service Unavailable {"ok":false,"state":"store_full"}`)
	is("/healthz", `OK {"ok":true,"state":"ready"}`)
	st.Heal()
	is("/readyz?durable=true", `OK {"ok":true,"state":"ready"}`)
	n.end(t)
	is("/readyz", `Service Unavailable {"ok":false,"state":"draining"}`)
}

// TestMetricsOfTheSpec: what spec/limits-and-metrics.md, section 2, asks for is there from the
// start, or with the first of its kind.
func TestMetricsOfTheSpec(t *testing.T) {
	f := newFactory(t)
	_, text := f.get(t, "/metrics")
	for _, name := range []string{
		"gridmq_connections{", "gridmq_connects_total{", "gridmq_connect_seconds_bucket{", `gridmq_subscribe_packets_total{operation="subscribe"} `,
		`gridmq_subscriptions_total{operation="subscribe"} `, `gridmq_messages_received_total{qos="1"} `, `gridmq_messages_sent_total{qos="1"} `,
		"gridmq_messages_routed_total ", `gridmq_messages_not_routed_total{reason="topic_not_found"} `, "gridmq_received_bytes_total ", "gridmq_sent_bytes_total ",
		`gridmq_throttled_total{limit="publish_rate"} `, "gridmq_retained_messages ", "gridmq_retained_bytes ", "gridmq_retained_expired_total ",
		`gridmq_webhook_authentications_total{result="allowed"} `, "gridmq_store_commit_seconds_bucket{", `gridmq_namespace_throughput_units{namespace="quickstart"} 1`,
	} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("/metrics lacks %s", name)
		}
	}
}
