package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const operationsName = "operations"

// operations is the operator's endpoint: metrics, health, profiles. It is the
// first thing that starts and the last that stops, so that a long recovery or
// drain can be watched.
type operations struct {
	server *http.Server
	done   chan struct{} // closed when Serve has returned
}

func (s *Server) startOperations() (*operations, error) {
	if !s.cfg.Operations.Enabled {
		return nil, nil
	}
	l, err := net.Listen("tcp", s.cfg.Operations.Address)
	if err != nil {
		return nil, fmt.Errorf("operations endpoint: %w", err)
	}
	address := l.Addr().String()
	s.mu.Lock()
	s.addresses[operationsName] = Address{Address: address, URL: "http://" + address}
	s.mu.Unlock()
	o := &operations{done: make(chan struct{}), server: &http.Server{Handler: s.operationsHandler(),
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}}
	go func() { // ends with stop
		defer close(o.done)
		if err := o.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("operations endpoint ended", "err", err)
		}
	}()
	return o, nil
}

func (o *operations) stop() {
	if o == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := o.server.Shutdown(ctx); err != nil { // somebody records a long profile
		o.server.Close()
	}
	<-o.done
}

func (s *Server) operationsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		p := s.phase.Load()
		tell(w, p, p.healthy)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		tellReady(w, r, s.phase.Load(), s.storeFull())
	})
	for path, h := range map[string]http.HandlerFunc{
		"/debug/pprof/": pprof.Index, "/debug/pprof/cmdline": pprof.Cmdline, "/debug/pprof/profile": pprof.Profile,
		"/debug/pprof/symbol": pprof.Symbol, "/debug/pprof/trace": pprof.Trace,
	} {
		mux.Handle("GET "+path, localOnly(h))
	}
	return mux
}

func tell(w http.ResponseWriter, p *phase, ok bool) {
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"state": p.name, "ok": ok})
}

// tellReady says whether clients are served. With a full disk they are: sessions can fetch
// what waits for them, which is what makes room, so nobody should be kept away from that
// by default. Whoever sends publishers asks for durable=true, and is told.
func tellReady(w http.ResponseWriter, r *http.Request, p *phase, full bool) {
	if p.ready && full {
		q := *p
		q.name = "store_full"
		p = &q
	}
	tell(w, p, p.ready && !(full && r.URL.Query().Get("durable") == "true"))
}

// storeFull says whether durable work is refused at the moment.
func (s *Server) storeFull() bool {
	st := s.disk.Load()
	return st != nil && (*st).Full()
}

// localOnly keeps profiles, which show memory, to this machine even where the
// endpoint is open to a scraper elsewhere.
func localOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !from.Addr().Unmap().IsLoopback() {
			http.Error(w, "profiles are served to this machine only", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}
