package listener

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// A fallback serves the HTTP requests of a WebSocket listener that are no
// upgrades. It is a net.Listener whose connections come from the greeting, with
// their first request still to be read.
type fallback struct {
	server http.Server
	addr   net.Addr
	queue  chan net.Conn
	gone   chan struct{}
	once   sync.Once
}

const (
	// httpIdle ends a keep-alive connection nobody uses.
	httpIdle = 2 * time.Minute
	// httpWrite ends a response whose client takes nothing for so long, unless
	// the handler set a deadline of its own.
	httpWrite = 30 * time.Second
	// httpGrace is how long requests may run on after Listener.Close.
	httpGrace = 10 * time.Second
)

func newFallback(cfg *Config, addr net.Addr) *fallback {
	f := &fallback{addr: addr, queue: make(chan net.Conn), gone: make(chan struct{})}
	f.server = http.Server{
		Handler:           withTLS(cfg.Handler),
		ReadHeaderTimeout: cfg.HandshakeTimeout,
		IdleTimeout:       httpIdle,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(ctx, httpConnKey{}, nc)
		},
	}
	return f
}

type httpConnKey struct{}

// withTLS sets Request.TLS, which http.Server does for *tls.Conn only.
func withTLS(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(httpConnKey{}).(*httpConn); ok && r.TLS == nil {
			r.TLS = c.Info().TLS
		}
		h.ServeHTTP(w, r)
	})
}

func (f *fallback) serve() { f.server.Serve(f) }

// close lets requests in progress finish, for a while.
func (f *fallback) close() {
	ctx, stop := context.WithTimeout(context.Background(), httpGrace)
	defer stop()
	if f.server.Shutdown(ctx) != nil {
		f.server.Close()
	}
}

// take serves c from now on. first is what was already read from it; left is
// called when it has ended.
func (f *fallback) take(c stream, first []byte, left func()) error {
	hc := &httpConn{stream: c, first: first, left: left}
	select {
	case f.queue <- hc:
		return nil
	case <-f.gone:
		return net.ErrClosed
	}
}

func (f *fallback) Accept() (net.Conn, error) {
	select {
	case c := <-f.queue:
		return c, nil
	case <-f.gone:
		return nil, net.ErrClosed
	}
}

func (f *fallback) Addr() net.Addr { return f.addr }

func (f *fallback) Close() error {
	f.once.Do(func() { close(f.gone) })
	return nil
}

// httpConn is a stream in the shape of a net.Conn: its Write waits.
type httpConn struct {
	stream
	first []byte
	left  func()
	once  sync.Once

	mu      sync.Mutex // one writer
	writeBy time.Time
}

func (c *httpConn) Read(b []byte) (int, error) {
	if n := copy(b, c.first); n > 0 {
		if c.first = c.first[n:]; len(c.first) == 0 {
			c.first = nil
		}
		return n, nil
	}
	return c.stream.Read(b)
}

func (c *httpConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	done, err := c.Push(b)
	if err == nil && !done {
		patience := httpWrite
		if !c.writeBy.IsZero() {
			patience = time.Until(c.writeBy)
		}
		err = c.Drain(patience)
	}
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (c *httpConn) Close() error {
	defer c.once.Do(c.left)
	return c.stream.Close()
}

func (c *httpConn) SetDeadline(t time.Time) error {
	c.SetWriteDeadline(t)
	return c.SetReadDeadline(t)
}

func (c *httpConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeBy = t
	return nil
}
