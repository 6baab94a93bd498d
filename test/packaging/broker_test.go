package packaging

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A broker is a process that was started as the package or the image would start it.
type broker struct {
	program, data    string
	MQTT, MQTTS, WSS string // host:port
	Operations       string
	Management       string
	CA               string
}

// startBroker starts a broker on a data directory and waits until it is ready; the test's
// end drains it.
func startBroker(t *testing.T, cmd *exec.Cmd, data string) *broker {
	t.Helper()
	journal := &strings.Builder{}
	cmd.Stderr, cmd.Stdout = journal, journal // one writer for both: exec then uses one goroutine
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the process
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil && !t.Failed() {
				t.Errorf("the broker ended with %v, want 0 after SIGTERM\n%s", err, journal)
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
			t.Errorf("the broker did not end after SIGTERM\n%s", journal)
		}
	})
	b := &broker{program: cmd.Path, data: data}
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(data, "ready.json"))
		if err == nil && json.Unmarshal(text, b) == nil {
			return b
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the broker ended before it was ready: %v\n%s", err, journal)
		default:
		}
	}
	t.Fatal("the broker is not ready")
	return nil
}

// roundTrip subscribes, publishes and wants the message, with the binary's own commands:
// to are the flags that say where and who.
func (b *broker) roundTrip(t *testing.T, topic string, pub, sub []string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	// A retained message waits for who comes after it: no need to know when the
	// subscription is there.
	must(t, filepath.Dir(b.data), nil, b.program, append([]string{"pub", "-t", topic, "-m", "shipped", "-q", "1", "-r"}, pub...)...)
	out, err := exec.CommandContext(ctx, b.program, append([]string{"sub", "-t", topic, "-C", "1", "-v"}, sub...)...).Output()
	if want := topic + " shipped\n"; err != nil || string(out) != want {
		t.Fatalf("sub printed %q, %v, want %q", out, err, want)
	}
}

// places are flags for gridmq pub and sub.
func places(address string, more ...string) []string {
	host, port, _ := strings.Cut(address, ":")
	return append([]string{"-h", host, "-p", port}, more...)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// outerAddress is an address of this machine that is not loopback; loopback, where there
// is no other.
func outerAddress(t *testing.T) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	t.Log("this machine has loopback addresses only: that ports are open to others is not tried")
	return "127.0.0.1"
}

// trust makes a client for servers named localhost with certificates from a CA.
func trust(t *testing.T, ca string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", ca)
	}
	return &tls.Config{RootCAs: roots, ServerName: "localhost"}
}

// get gives the status of a URL.
func get(t *testing.T, url string, c *tls.Config) int {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}
