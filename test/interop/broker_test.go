package interop

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	eg "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/eventgrid/armeventgrid/v2"
)

// patience is how long anything may take on a machine that is busy.
const patience = 60 * time.Second

var programPath = filepath.Join(os.TempDir(), fmt.Sprintf("gridmq-interop-%d", os.Getpid()))

// program builds the broker once.
var program = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "build", "-trimpath", "-o", programPath, "./cmd/gridmq")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the release is
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the broker: %v\n%s", err, out)
	}
	return programPath, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	os.Remove(programPath)
	os.Exit(code)
}

// A broker is a process.
type broker struct {
	Management string // URL
	HTTPS      string // URL of the data plane
	MQTTS      string // host:port
	CA         string // file to trust
	PID        int
	token      string
	roots      *x509.CertPool
	requests   atomic.Int32 // that the SDK has sent
	journal    *journal
}

// A journal is what a broker logs.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// start runs a broker whose namespaces are at <name>.mq.test, on free ports. more are
// flags of gridmq serve.
func start(t *testing.T, more ...string) *broker {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	cmd := exec.Command(path, append([]string{"serve", "--free-ports", "--data", data, "--set", "domain=mq.test", "--set", "management.trust_domains=true", "--set", "log.level=warn"}, more...)...)
	log := new(journal)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }() // ends with the process
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-exited:
			if err != nil {
				t.Errorf("the broker ended with %v:\n%s", err, log)
			}
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "level=ERROR") && !strings.Contains(line, "certificates of vaults cannot be fetched") {
					t.Errorf("the broker says %s", line)
				}
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			t.Error("the broker did not end")
		}
	})
	b := &broker{journal: log}
	for deadline := time.Now().Add(patience); b.PID != cmd.Process.Pid; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(filepath.Join(data, "ready.json")); err == nil {
			_ = json.Unmarshal(text, b) // it may be half there
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("the broker ended before it was ready: %v\n%s", err, log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the broker is not ready")
		}
	}
	token, err := os.ReadFile(filepath.Join(data, "operator.token"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(b.CA)
	if err != nil {
		t.Fatal(err)
	}
	b.token, b.roots = strings.TrimSpace(string(token)), x509.NewCertPool()
	b.roots.AppendCertsFromPEM(ca)
	return b
}

// GetToken implements azcore.TokenCredential with the token of the local operator.
func (b *broker) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: b.token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// A counting transport counts the requests that the SDK really sends.
type counting struct {
	http.RoundTripper
	b *broker
}

// RoundTrip implements http.RoundTripper.
func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.b.requests.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// sdk is the SDK's clients, which take the broker for a cloud of its own.
func (b *broker) sdk(t *testing.T, subscription string) *eg.ClientFactory {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	f, err := eg.NewClientFactory(subscription, b, &arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: b.Management, Audience: b.Management}}},
		Transport: &http.Client{Transport: counting{transport, b}, Timeout: patience},
		Retry:     policy.RetryOptions{MaxRetries: -1}, // what fails once is a fault
	}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
