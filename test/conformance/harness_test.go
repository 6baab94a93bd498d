package conformance

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gridmq/server"
)

// A broker is what the suite talks to. Empty fields are not offered.
type broker struct {
	MQTT string // host:port, plain MQTT, anybody may do anything
	WS   string // host:port, MQTT over WebSocket at /mqtt
	Auth string // method:data of an MQTT 5 authentication that succeeds

	own  bool // started here: what it offers is known, and no test may be skipped for want of it
	stop func() error
}

// start gives the one broker of this run; it is started when first asked for.
var start = sync.OnceValues(func() (b *broker, err error) {
	defer func() { started = b }()
	if addr := os.Getenv("GRIDMQ_CONFORMANCE_ADDR"); addr != "" {
		return &broker{
			MQTT: addr,
			WS:   os.Getenv("GRIDMQ_CONFORMANCE_WS"),
			Auth: os.Getenv("GRIDMQ_CONFORMANCE_AUTH"),
			stop: func() error { return nil },
		}, nil
	}
	return startGridMQ()
})

var started *broker // for TestMain, which stops it after all tests

func theBroker(t *testing.T) *broker {
	t.Helper()
	b, err := start()
	if err != nil {
		t.Fatalf("start the broker: %v", err)
	}
	return b
}

// target is the address of plain MQTT.
func target(t *testing.T) string {
	t.Helper()
	return theBroker(t).MQTT
}

// targetWS is the address of MQTT over WebSocket.
func targetWS(t *testing.T) string {
	t.Helper()
	b := theBroker(t)
	if b.WS == "" {
		t.Skip("the target offers no WebSocket (GRIDMQ_CONFORMANCE_WS)")
	}
	return b.WS
}

// credentials is an authentication method and data that the target accepts.
func credentials(t *testing.T) (method, data string) {
	t.Helper()
	method, data, ok := strings.Cut(theBroker(t).Auth, ":")
	if !ok {
		t.Skip("the target offers no authentication method (GRIDMQ_CONFORMANCE_AUTH)")
	}
	return method, data
}

// startGridMQ runs one server in this process, with an empty data folder and
// only the two listeners of the namespace that allows everything. It ends when
// stop is called.
func startGridMQ() (*broker, error) {
	dir, err := os.MkdirTemp("", "gridmq-conformance")
	if err != nil {
		return nil, err
	}
	cfg := server.DefaultDev()
	cfg.Management.Enabled = false
	cfg.Data = filepath.Join(dir, "data")
	clear(cfg.Listeners)
	cfg.Operations.Enabled = false
	cfg.Dev.Listen, cfg.Dev.WSListen = "127.0.0.1:0", "127.0.0.1:0"
	srv, err := server.New(cfg, server.Options{})
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // until stop
	select {
	case <-srv.Ready():
	case err := <-ended:
		end()
		return nil, fmt.Errorf("GridMQ ended before it was ready: %w", err)
	}
	addresses := srv.Addresses()
	return &broker{
		MQTT: addresses["dev"].Address,
		WS:   addresses["dev-ws"].Address,
		own:  true,
		stop: func() error {
			end()
			err := <-ended
			return errors.Join(err, os.RemoveAll(dir))
		},
	}, nil
}

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen { // the tests wait for the wire, not for the processor
		_ = flag.Set("test.parallel", "48")
	}
	code := m.Run()
	if started != nil {
		if err := started.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the broker:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// run makes topics and client ids unique on a broker that is used again.
var run = fmt.Sprintf("%x", cmp.Or(time.Now().UnixNano()/1e6%0xFFFFFF, 1))

// name is unique for this test: a topic, or the id of a client.
func name(t *testing.T, parts ...string) string {
	return strings.Join(append([]string{"c" + run, strings.TrimPrefix(t.Name(), "Test")}, parts...), "/")
}
