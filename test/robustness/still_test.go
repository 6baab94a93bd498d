package robustness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"gridmq/client"
	"gridmq/mqtt"
)

// A still is a connection that does nothing by itself: no goroutine, no buffer.
type still struct {
	nc net.Conn
	v  mqtt.Version
}

// open dials the broker over "tcp", "tls", "ws" or "wss".
func (p *process) open(ctx context.Context, way string) (net.Conn, error) {
	r := p.ready.Load()
	target := client.Target{Timeout: 20 * time.Second}
	switch way {
	case "tcp":
		target.URL = "mqtt://" + r.MQTT
	case "ws":
		target.URL = "ws://" + r.WS
	case "tls":
		target.URL = "mqtts://" + r.MQTTS
	case "wss":
		target.URL = "wss://" + r.WSS
	}
	if way == "tls" || way == "wss" {
		pem, err := os.ReadFile(r.CA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		target.TLS = &tls.Config{RootCAs: pool}
	}
	return client.Dial(ctx, target)
}

// still connects and subscribes at QoS 0.
func (p *process) still(ctx context.Context, way string, c *mqtt.Connect, filters ...string) (*still, error) {
	nc, err := p.open(ctx, way)
	if err != nil {
		return nil, err
	}
	s := &still{nc: nc, v: c.Version}
	if err := s.begin(c, filters); err != nil {
		nc.Close()
		return nil, err
	}
	return s, nil
}

func (s *still) begin(c *mqtt.Connect, filters []string) error {
	if _, err := s.nc.Write(c.Append(nil)); err != nil {
		return err
	}
	h, body, err := s.read(20 * time.Second)
	if err != nil {
		return err
	}
	if h.Type != mqtt.CONNACK {
		return fmt.Errorf("%v came, want CONNACK", h.Type)
	}
	if ack, err := mqtt.ReadConnack(s.v, body); err != nil || ack.Code != mqtt.Success {
		return errors.Join(fmt.Errorf("CONNACK: %v", ack.Code), err)
	}
	if len(filters) == 0 {
		return nil
	}
	sub := mqtt.Subscribe{PacketID: 1}
	for _, f := range filters {
		sub.Subscriptions = append(sub.Subscriptions, mqtt.Subscription{Filter: f})
	}
	if _, err := s.nc.Write(sub.Append(nil, s.v)); err != nil {
		return err
	}
	h, _, err = s.read(20 * time.Second)
	if err == nil && h.Type != mqtt.SUBACK {
		err = fmt.Errorf("%v came, want SUBACK", h.Type)
	}
	return err
}

// read takes one packet.
func (s *still) read(patience time.Duration) (h mqtt.Header, body []byte, err error) {
	_ = s.nc.SetReadDeadline(time.Now().Add(patience))
	defer s.nc.SetReadDeadline(time.Time{})
	var b []byte
	for {
		if b, err = s.more(b, 1); err != nil {
			return h, nil, err
		}
		h, err = mqtt.ReadHeader(b, 0)
		if err == nil {
			break
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			return h, nil, err
		}
	}
	b, err = s.more(b, h.Total()-len(b))
	return h, b[h.Size:], err
}

func (s *still) more(b []byte, n int) ([]byte, error) {
	b = append(b, make([]byte, n)...)
	_, err := io.ReadFull(s.nc, b[len(b)-n:])
	return b, err
}

// needFiles skips a test that needs more open files than are allowed, in this
// process and in the broker's.
func needFiles(t *testing.T, n int) {
	t.Helper()
	if most := maxFiles(); most < n {
		cannot(t, "%d open files are needed, %d are allowed", n, most)
	}
}
