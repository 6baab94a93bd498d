package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Hook is a webhook on this machine that counts the events it has taken. It agrees
// to every handshake, and is healthy until it is told otherwise.
type Hook struct {
	address string
	delay   atomic.Int64 // of every answer, in nanoseconds
	census  atomic.Pointer[census]
	events  atomic.Uint64
	server  *http.Server
	served  sync.WaitGroup

	mu   sync.Mutex
	held chan struct{} // nil: answers are not held
}

// maxPush bounds the body of one request.
const maxPush = 16 << 20

// NewHook listens at address, a host:port.
func NewHook(address string) (*Hook, error) {
	h := &Hook{address: address}
	return h, h.Revive()
}

// URL is where events are to be sent to.
func (h *Hook) URL() string { return "http://" + h.address + "/" }

// Revive listens again after Kill.
func (h *Hook) Revive() error {
	l, err := net.Listen("tcp", h.address)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.address = l.Addr().String()
	s := &http.Server{Handler: http.HandlerFunc(h.serve), ReadHeaderTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	h.server = s
	h.served.Go(func() { s.Serve(l) }) // ends with Kill
	return nil
}

// Kill ends all connections, and refuses new ones.
func (h *Hook) Kill() {
	h.mu.Lock()
	s := h.server
	h.mu.Unlock()
	s.Close()
	h.served.Wait()
}

// Slow lets every answer take so long.
func (h *Hook) Slow(delay time.Duration) { h.delay.Store(int64(delay)) }

// Hold holds back all answers until Release.
func (h *Hook) Hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = make(chan struct{})
}

// Release ends Hold.
func (h *Hook) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held != nil {
		close(h.held)
		h.held = nil
	}
}

// Close is Kill for good.
func (h *Hook) Close() {
	h.Release()
	h.Kill()
}

func (h *Hook) serve(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("WebHook-Allowed-Origin", "*")
		return
	case http.MethodPost:
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPush))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if h.wait(r.Context()) != nil {
		return // nobody waits for the answer any more: it counts as not taken
	}
	if c := h.census.Load(); c != nil {
		h.events.Add(uint64(c.see(body)))
	}
}

// wait is how long an answer takes.
func (h *Hook) wait(ctx context.Context) error {
	h.mu.Lock()
	held := h.held
	h.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if d := time.Duration(h.delay.Load()); d > 0 {
		return sleep(ctx, d)
	}
	return nil
}

// count counts from now on what h takes.
func (h *Hook) count(c *census) { h.census.Store(c) }

var errNoHook = errors.New("needs a webhook for each subscription that pushes")
