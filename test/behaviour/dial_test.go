package behaviour

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	mqtt3 "github.com/eclipse/paho.mqtt.golang"
)

// listenerOf names the listener of each transport.
var listenerOf = map[string]string{"tcp": "dev", "ws": "dev-ws", "tls": "mqtts", "wss": "wss"}

// dial opens a connection for MQTT.
func (h *house) dial(transport string) (*wire, error) {
	at := h.addresses[listenerOf[transport]]
	trust, err := clientTLS()
	if err != nil {
		return nil, err
	}
	var nc net.Conn
	switch transport {
	case "tcp":
		nc, err = net.DialTimeout("tcp", at.Address, patience)
	case "tls":
		nc, err = tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", at.Address, trust)
	case "ws", "wss":
		nc, err = mqtt3.NewWebsocket(at.URL, trust, patience, nil, nil)
	default:
		err = fmt.Errorf("no transport %q", transport)
	}
	if err != nil {
		return nil, err
	}
	return newWire(nc), nil
}

// clientTLS trusts the brokers' certificates.
var clientTLS = sync.OnceValues(func() (*tls.Config, error) {
	ca, err := localCA()
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(ca.CertFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool}, nil
})

// A wire is a client's connection that can stop taking what comes.
type wire struct {
	net.Conn
	once   sync.Once
	closed chan struct{}

	mu      sync.Mutex
	stalled chan struct{} // nil: flowing; closed when it flows again
	polite  bool          // Close waits for the broker to close
}

func newWire(nc net.Conn) *wire { return &wire{Conn: nc, closed: make(chan struct{})} }

// Read hands nothing over while the wire is stalled.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.mu.Lock()
	stalled := w.stalled
	w.mu.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-w.closed:
		}
	}
	return n, err
}

// stall stops reading; flow goes on.
func (w *wire) stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stalled == nil {
		w.stalled = make(chan struct{})
	}
}

func (w *wire) flow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stalled != nil {
		close(w.stalled)
		w.stalled = nil
	}
}

// bePolite makes Close wait until the broker has closed: it has read DISCONNECT
// then.
func (w *wire) bePolite() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.polite = true
}

func (w *wire) Close() error {
	w.mu.Lock()
	polite := w.polite
	w.mu.Unlock()
	if polite { // whether or not the library still reads
		_ = w.SetReadDeadline(time.Now().Add(patience))
		_, _ = io.Copy(io.Discard, w.Conn)
	}
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

// Times. patience is for what must happen, on a machine that is busy; silence
// proves that nothing more comes.
const (
	patience = 30 * time.Second
	silence  = 80 * time.Millisecond
)
