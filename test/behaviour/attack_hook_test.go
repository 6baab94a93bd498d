package behaviour

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A hook is a webhook that answers by the client identifier.
type hook struct {
	*httptest.Server
	asked   atomic.Int64
	written atomic.Int64 // bytes of the endless answer
	release chan struct{}
}

const allowed = `{"decision":"allow","clientAuthenticationName":"guest-1"}`

func newHook(t *testing.T, answers map[string]http.HandlerFunc) *hook {
	h := &hook{release: make(chan struct{})}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		var q struct{ ClientID string }
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &q) != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		if answer := answers[q.ClientID]; answer != nil {
			answer(w, r)
			return
		}
		say(http.StatusOK, allowed)(w, r)
	}))
	t.Cleanup(func() {
		close(h.release)
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

// say is a complete answer in JSON.
func say(status int, body string) http.HandlerFunc { return sayAs("application/json", status, body) }

func sayAs(kind string, status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hang answers when the test is over.
func (h *hook) hang(w http.ResponseWriter, r *http.Request) {
	select {
	case <-h.release:
	case <-r.Context().Done():
	}
}

// endless writes until nobody reads.
func (h *hook) endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"decision":"allow","clientAuthenticationName":"guest-1","x":"`)
	for chunk := bytes.Repeat([]byte("x"), 64<<10); h.written.Load() < 1<<30; {
		n, err := w.Write(chunk)
		if h.written.Add(int64(n)); err != nil {
			return
		}
	}
}

// drip never ends, and always goes on.
func (h *hook) drip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-tick.C:
			_, _ = io.WriteString(w, " ")
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			tick.Stop()
			return
		}
	}
}

func zipped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, allowed)
	_ = z.Close()
}

// openHook makes a namespace that asks a webhook, for some seconds at most.
func (s *siege) openHook(ns, url string, timeout int, more string) {
	s.Helper()
	s.open(ns, fmt.Sprintf(`"webhookAuthentication":{"endpointUrl":%q}`, url),
		fmt.Sprintf(`"webhookAuthentication":{"allowLoopbackHttp":true,"timeoutInSeconds":%d,"maximumConcurrentCalls":8,"credential":{"type":"None"}}`, timeout)+more)
}
