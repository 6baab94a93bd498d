package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A Listener accepts connections until it is closed.
type Listener struct {
	cfg    Config
	tcp    net.Listener
	handle func(Conn) Step
	stats  Stats
	gate   gate
	tls    *tls.Config // nil without Config.TLS
	http   *fallback   // nil without Config.Handler

	wg     sync.WaitGroup // the accept loop, and one for each connection
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex
	greeting map[net.Conn]struct{} // in handshakes, to be cut by Close
}

// A Step is a part of a connection's life. It returns the next one, which runs in a
// fresh goroutine, or nil when the connection is over. So a connection that has gone
// quiet can give back the stack that its work has grown: a goroutine that waits never
// shrinks below 4 KiB, and a fresh one has 2.
type Step func() Step

// Whole makes one step of a handler.
func Whole(handle func(Conn)) func(Conn) Step {
	return func(c Conn) Step {
		handle(c)
		return nil
	}
}

// Listen opens the address and accepts until ctx is done or Close is called.
// For each connection that passed its handshakes and the limits, handle runs in
// the connection's own goroutine, and then the steps that follow; after the last one
// the connection is closed.
func Listen(ctx context.Context, cfg Config, handle func(Conn) Step) (*Listener, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("listener %q: %w", cfg.Name, err)
	}
	// Probes of idle connections are MQTT's own business (keep alive); those of
	// the system only find dead peers of clients that asked for none, and the
	// default of 15 s would wake 100,000 idle clients 6,700 times a second.
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Minute, Interval: 30 * time.Second, Count: 4}}
	tcp, err := lc.Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("listener %q: %w", cfg.Name, err)
	}
	l := &Listener{
		cfg: cfg, tcp: tcp, handle: handle,
		gate:     gate{max: cfg.MaxConnections, maxPer: cfg.MaxConnectionsPerAddress},
		closed:   make(chan struct{}),
		greeting: make(map[net.Conn]struct{}),
	}
	if cfg.TLS != nil {
		l.tls = cfg.TLS.config(cfg.WebSocket)
	}
	if cfg.Handler != nil {
		l.http = newFallback(&l.cfg, tcp.Addr())
		l.wg.Go(l.http.serve) // ends with l.http.close, see Close
	}
	l.wg.Go(l.accept) // ends when the socket is closed
	l.wg.Go(func() {  // ends with Close
		select {
		case <-ctx.Done():
			l.Close()
		case <-l.closed:
		}
	})
	return l, nil
}

// Addr is the address listened on, with the port that was picked.
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Name is Config.Name.
func (l *Listener) Name() string { return l.cfg.Name }

// Stats are the listener's counters; the pointer stays the same.
func (l *Listener) Stats() *Stats { return &l.stats }

// Close stops accepting and cuts handshakes short. Connections that were handed
// over live on: they are the handler's. HTTP requests in progress may finish.
func (l *Listener) Close() error {
	var err error
	l.once.Do(func() {
		close(l.closed)
		err = l.tcp.Close()
		if l.http != nil {
			l.wg.Go(l.http.close) // bounded by a time-out of its own
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for nc := range l.greeting {
			nc.Close()
		}
	})
	return err
}

// Wait returns when, after Close, the last connection has ended.
func (l *Listener) Wait() { l.wg.Wait() }

func (l *Listener) accept() {
	var pause time.Duration
	for {
		nc, err := l.tcp.Accept()
		if err == nil {
			pause = 0
			l.admit(nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// Mostly no file descriptors left: somebody has to go first, and to ask
		// at once again would only take the processor from those who could.
		l.stats.AcceptErrors.Add(1)
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		l.cfg.Logger.Warn("accept failed", "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-l.closed:
			return
		}
	}
}

func (l *Listener) admit(nc net.Conn) {
	l.stats.Accepted.Add(1)
	if !l.cfg.Budget.take() {
		l.refuse(nc, RefusedFull, nil)
		return
	}
	p, ok := l.gate.enter()
	if !ok {
		l.cfg.Budget.give()
		l.refuse(nc, RefusedFull, nil)
		return
	}
	l.stats.Open.Add(1)
	l.wg.Go(func() { l.greet(nc, p) })
}

// leave undoes what admit counted.
func (l *Listener) leave(p *pass) {
	p.leave()
	l.cfg.Budget.give()
	l.stats.Open.Add(-1)
}

func (l *Listener) refuse(nc net.Conn, why Reason, err error) {
	l.stats.refused[why].Add(1)
	l.cfg.Logger.Debug("connection refused", "reason", why, "remote", nc.RemoteAddr(), "error", err)
	nc.Close()
}

// serve runs the handler.
func (l *Listener) serve(c Conn, p *pass) {
	l.stats.HandedOver.Add(1)
	l.goOn(c, p, l.handle(c))
}

// goOn runs the next step in a goroutine of its own, or cleans up after the last.
func (l *Listener) goOn(c Conn, p *pass, next Step) {
	if next != nil {
		l.wg.Go(func() { l.goOn(c, p, next()) })
		return
	}
	c.Close()
	l.leave(p)
}
