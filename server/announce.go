package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ReadyFile in the data directory says where a running server listens. It is
// there only while the server is ready.
const ReadyFile = "ready.json"

// An Address is where something can be reached.
type Address struct {
	Address   string `json:"address"` // host:port, with the port that was picked
	URL       string `json:"url"`
	Namespace string `json:"namespace,omitempty"`
}

// A Readiness is the content of ReadyFile.
type Readiness struct {
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Since   time.Time `json:"since"`

	// host:port of the first listener of each kind, those of --dev before others.
	MQTT       string `json:"mqtt,omitempty"`
	MQTTS      string `json:"mqtts,omitempty"`
	WS         string `json:"ws,omitempty"`
	WSS        string `json:"wss,omitempty"`
	HTTPS      string `json:"https,omitempty"`      // URL of the HTTP data plane: where wss is
	Operations string `json:"operations,omitempty"` // metrics and health, over HTTP
	Management string `json:"management,omitempty"` // URL of the management plane

	CA        string             `json:"ca,omitempty"` // file to trust, when the server made its own
	Listeners map[string]Address `json:"listeners"`    // all of them, by name
}

func newReadiness(version, ca string, all map[string]Address) Readiness {
	r := Readiness{PID: os.Getpid(), Version: version, Since: time.Now(), CA: ca, Listeners: all,
		Operations: all[operationsName].Address, Management: all[managementName].URL}
	delete(all, operationsName)
	delete(all, managementName)
	kinds := map[string]*string{"mqtt": &r.MQTT, "mqtts": &r.MQTTS, "ws": &r.WS, "wss": &r.WSS}
	for _, name := range append([]string{devListener, devWSListener}, slices.Sorted(maps.Keys(all))...) {
		scheme, _, _ := strings.Cut(all[name].URL, ":")
		if first := kinds[scheme]; first != nil && *first == "" {
			*first = all[name].Address
		}
	}
	if r.WSS != "" {
		r.HTTPS = "https://" + r.WSS
	}
	return r
}

func addressOf(l Listener, address string) Address {
	scheme := map[string]string{"tcp": "mqtt", "tls": "mqtts", "ws": "ws", "wss": "wss"}[l.Transport]
	url := scheme + "://" + address
	if l.websocket() {
		url += l.Path
	}
	return Address{Address: address, URL: url, Namespace: l.Namespace}
}

// Addresses are those of the listeners by name, "dev" and "dev-ws" among them,
// "management" and "operations". Complete once the server is ready.
func (s *Server) Addresses() map[string]Address {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.addresses)
}

// announce says that the server is ready: to the health endpoint, to whoever
// waits, in a file and in one line.
func (s *Server) announce() error {
	r := newReadiness(s.opts.Version, s.localCA, s.Addresses())
	if err := writeReadyFile(s.cfg.Data, r); err != nil {
		return err
	}
	s.phase.Store(&ready)
	defer close(s.ready) // who waits finds everything said
	if s.cfg.Dev.Enabled {
		s.log.Warn("DEV MODE: everybody on this machine may do everything in namespace dev; not for production",
			"listeners", "loopback only")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Listeners)) {
		one := r.Listeners[name]
		s.log.Info("listening", "listener", name, "url", one.URL, "namespace", one.Namespace)
		if one.Namespace != DevNamespace && s.tenants.Empty(one.Namespace) {
			s.log.Warn("every CONNECT is refused: no identities are configured; see gridmq apply --help", "listener", name, "namespace", one.Namespace)
		}
	}
	s.log.Info("ready", "took", time.Since(s.began).Round(time.Millisecond).String(), "data", s.cfg.Data,
		"store", s.cfg.Store.Engine, "version", s.opts.Version)
	fmt.Fprintln(s.opts.Out, readyLine(r))
	s.sayQuickstart(s.opts.Out, r)
	return nil
}

func readyLine(r Readiness) string {
	parts := []string{"ready"}
	for _, name := range slices.Sorted(maps.Keys(r.Listeners)) {
		parts = append(parts, name+"="+r.Listeners[name].URL)
	}
	if r.Management != "" {
		parts = append(parts, "management="+r.Management)
	}
	if r.Operations != "" {
		parts = append(parts, "operations=http://"+r.Operations)
	}
	return strings.Join(parts, " ")
}

// writeReadyFile writes aside and renames, so that a reader sees all or nothing.
func writeReadyFile(dir string, r Readiness) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, ReadyFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", ReadyFile, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", ReadyFile, err)
	}
	return nil
}

// ReadReadyFile reads where the server on a data directory listens;
// fs.ErrNotExist means that none is ready.
func ReadReadyFile(dir string) (r Readiness, err error) {
	b, err := os.ReadFile(filepath.Join(dir, ReadyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read %s: %w", ReadyFile, err)
	}
	return r, nil
}

// removeReadyFile takes away what a killed process left behind, and our own.
func removeReadyFile(dir string) { _ = os.Remove(filepath.Join(dir, ReadyFile)) }
