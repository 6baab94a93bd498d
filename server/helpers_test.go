package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"gridmq/mqtt"
)

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// flags are the assignments of a test's server: dev, on free ports, with its
// own data directory.
func flags(data string, more ...Assignment) []Assignment {
	list := []Assignment{{"", "dev.enabled", "true"}, {"", "data", data}}
	for _, path := range []string{"dev.listen", "dev.ws_listen", "operations.address", "management.address", "listeners.mqtts.address", "listeners.wss.address"} {
		list = append(list, Assignment{"", path, "127.0.0.1:0"})
	}
	return append(list, more...)
}

// A node is a server that runs in the test's process.
type node struct {
	*Server
	out, log *buffer
	stop     context.CancelFunc
	ended    chan error
}

// run starts a server and stops it with the test.
func run(t *testing.T, sources Sources, change ...func(*Options)) *node {
	t.Helper()
	n := begin(t, sources, change...)
	select {
	case <-n.Ready():
	case err := <-n.ended:
		t.Fatalf("the server ended: %v\n%s", err, n.log)
	case <-time.After(20 * time.Second):
		t.Fatalf("the server was not ready after 20 s\n%s", n.log)
	}
	t.Cleanup(func() { n.end(t) })
	return n
}

func begin(t *testing.T, sources Sources, change ...func(*Options)) *node {
	t.Helper()
	cfg, _, err := sources.Load()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{out: new(buffer), log: new(buffer), ended: make(chan error, 1)}
	log, level := NewLogger(n.log, cfg.Log)
	o := Options{Logger: log, Level: level, Out: n.out, Version: "test", Load: func() (Config, error) {
		next, _, err := sources.Load()
		return next, err
	}}
	for _, one := range change {
		one(&o)
	}
	n.Server, err = New(cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	go func() { n.ended <- n.Run(ctx) }() // ends with stop, waited for in end
	return n
}

// end drains the server; a second call does nothing.
func (n *node) end(t *testing.T) {
	t.Helper()
	n.stop()
	select {
	case err := <-n.ended:
		n.ended <- nil
		if err != nil {
			t.Errorf("the server ended with %v\n%s", err, n.log)
		}
	case <-time.After(40 * time.Second):
		t.Fatalf("the server did not end\n%s", n.log)
	}
}

// get asks the operations endpoint.
func (n *node) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(n.Addresses()[operationsName].URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// A peer is the other end of a connection, packet by packet.
type peer struct {
	net.Conn
	buf []byte
}

// dial opens a listener of the server by name, over TLS when it is secure.
func (n *node) dial(t *testing.T, name string, host string) *peer {
	t.Helper()
	address := n.Addresses()[name].Address
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if n.cfg.Listeners[name].Transport == "tls" {
		ca, err := os.ReadFile(n.localCA)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		nc = tls.Client(nc, &tls.Config{RootCAs: roots, ServerName: host})
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &peer{Conn: nc}
}

// login sends a CONNECT and returns the CONNACK.
func (p *peer) login(t *testing.T, id string) *mqtt.Connack {
	t.Helper()
	connect := mqtt.Connect{Version: mqtt.V5, CleanStart: true, ClientID: id}
	if _, err := p.Write(connect.Append(nil)); err != nil {
		t.Fatal(err)
	}
	kind, body := p.next(t)
	if kind != mqtt.CONNACK {
		t.Fatalf("CONNECT was answered with %v", kind)
	}
	ack, err := mqtt.ReadConnack(mqtt.V5, body)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

// next reads one packet.
func (p *peer) next(t *testing.T) (mqtt.Type, []byte) {
	t.Helper()
	for {
		h, err := mqtt.ReadHeader(p.buf, 0)
		if err == nil && len(p.buf) >= h.Total() {
			body := p.buf[h.Size:h.Total()]
			p.buf = p.buf[h.Total():]
			return h.Type, body
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		more := make([]byte, 4096)
		n, err := p.Read(more)
		if p.buf = append(p.buf, more[:n]...); err != nil {
			t.Fatalf("read a packet: %v", err)
		}
	}
}

// A buffer may be written to and read at the same time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
