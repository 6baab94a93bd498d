package behaviour

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gridmq/listener"
	"gridmq/server"
	"gridmq/store"
	"gridmq/store/memory"
)

// A house is a broker that can be stopped and started again on what it has kept.
type house struct {
	engine   string // "memory" or "pebble"
	dir      string
	settings []string    // path=value, over the defaults
	kept     store.Store // the memory store, which outlives a restart here
	journal  journal

	end       func()
	ended     chan error
	addresses map[string]server.Address
}

// newHouse starts a broker with an empty store.
func newHouse(engine string, settings ...string) (*house, error) {
	dir, err := os.MkdirTemp("", "gridmq-behaviour")
	if err != nil {
		return nil, err
	}
	h := &house{engine: engine, dir: dir, settings: settings}
	if engine == "memory" {
		h.kept = memory.New(memory.Options{})
	}
	return h, h.start()
}

func (h *house) start() error {
	cfg, err := h.config()
	if err != nil {
		return err
	}
	srv, err := server.New(cfg, server.Options{Logger: h.journal.logger(), Store: h.kept})
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	h.end, h.ended = end, make(chan error, 1)
	go func() { h.ended <- srv.Run(ctx) }() // until stop
	select {
	case <-srv.Ready():
		h.addresses = srv.Addresses()
		return nil
	case err := <-h.ended:
		h.ended <- err
		return fmt.Errorf("GridMQ ended before it was ready: %w", err)
	}
}

// stop drains the broker as SIGTERM does.
func (h *house) stop() error {
	h.end()
	err := <-h.ended
	h.ended <- err // whoever stops it again has the same answer
	return err
}

// close stops the broker and removes what it has kept. The error also tells
// what the broker has complained about.
func (h *house) close() error {
	err := h.stop()
	if h.kept != nil {
		err = cmp.Or(err, h.kept.Close())
	}
	if said := h.journal.complaints(); err == nil && len(said) > 0 {
		err = fmt.Errorf("the broker logged:\n\t%s", strings.Join(said, "\n\t"))
	}
	return cmp.Or(err, os.RemoveAll(h.dir))
}

// config is that of --dev: everybody may do everything, on four transports.
func (h *house) config() (server.Config, error) {
	var flags []server.Assignment
	set := func(path, value string) {
		flags = append(flags, server.Assignment{Flag: "settings", Path: path, Value: value})
	}
	set("dev.enabled", "true")
	set("data", filepath.Join(h.dir, "data"))
	set("operations.enabled", "false")
	set("management.address", "127.0.0.1:0")
	set("store.engine", h.engine)
	for _, path := range []string{"dev.listen", "dev.ws_listen", "listeners.mqtts.address", "listeners.wss.address"} {
		set(path, "127.0.0.1:0")
	}
	for _, s := range h.settings {
		path, value, _ := strings.Cut(s, "=")
		set(path, value)
	}
	cfg, _, err := server.Sources{Flags: flags}.Load()
	if err != nil {
		return cfg, err
	}
	ca, err := localCA()
	if err != nil {
		return cfg, err
	}
	cfg.TLS.Certificates = map[string]server.Certificate{}
	for i, f := range ca.Server {
		cfg.TLS.Certificates[fmt.Sprintf("local%d", i)] = server.Certificate{Certificate: f.CertFile, Key: f.KeyFile}
	}
	return cfg, nil
}

// localCA is made once, as keys take time: all brokers show its certificates.
var localCA = sync.OnceValues(func() (listener.LocalCA, error) {
	return listener.EnsureLocalCA(filepath.Join(scratch, "ca"), []string{"localhost", "127.0.0.1"})
})

// shared are the brokers with default settings, one for each engine.
var shared = struct {
	sync.Mutex
	houses map[string]*house
}{houses: map[string]*house{}}

func sharedHouse(engine string) (*house, error) {
	shared.Lock()
	defer shared.Unlock()
	if h := shared.houses[engine]; h != nil {
		return h, nil
	}
	h, err := newHouse(engine)
	if err == nil {
		shared.houses[engine] = h
	}
	return h, err
}

// restart stops the broker, does what is to be done meanwhile, and starts it.
func (h *house) restart(t *testing.T, meanwhile ...func()) {
	t.Helper()
	if err := h.stop(); err != nil {
		t.Fatalf("stop the broker: %v", err)
	}
	for _, f := range meanwhile {
		f()
	}
	begin := time.Now()
	if err := h.start(); err != nil {
		t.Fatalf("start the broker again: %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the broker took %v to start", took)
	}
}
