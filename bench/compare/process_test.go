//go:build linux

package main

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMemoryIn(t *testing.T) {
	rss, peak := memoryIn([]byte("Name:\tbroker) R 1\nVmPeak:\t  999999 kB\nVmHWM:\t   24300 kB\nVmRSS:\t   23132 kB\nThreads:\t8\n"))
	if rss != 23132 || peak != 24300 {
		t.Errorf("read %v and %v KiB, want 23132 and 24300", rss, peak)
	}
	if rss, peak := memoryIn(nil); rss != 0 || peak != 0 {
		t.Errorf("read %v and %v KiB from nothing", rss, peak)
	}
}

func TestCallsIn(t *testing.T) {
	if got := callsIn([]byte("rchar: 9\nwchar: 9\nsyscr: 40\nsyscw: 2\nread_bytes: 7\n")); got != 42 {
		t.Errorf("read %d calls, want 42", got)
	}
}

// TestCPUOf: the clock says what getrusage says.
func TestCPUOf(t *testing.T) {
	before, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	account := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	began := account()
	for account()-began < 20*time.Millisecond { // of the processor, however long it takes
	}
	want := account()
	after, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after-before < 5*time.Millisecond || (after-want).Abs() > 50*time.Millisecond {
		t.Errorf("the clock went from %v to %v, getrusage says %v", before, after, want)
	}
	if _, err := cpuOf(1 << 23); err == nil {
		t.Error("a process that does not exist has a CPU clock")
	}
}

func TestAccount(t *testing.T) {
	from, err := accountIn([]byte("cpu  100 0 50 1000 5 0 9 20 0 0\ncpu0 1 2 3\n"))
	if err != nil {
		t.Fatal(err)
	}
	if from.busy != 1500*time.Millisecond || from.steal != 200*time.Millisecond {
		t.Errorf("busy %v and steal %v, want 1.5s and 200ms", from.busy, from.steal)
	}
	if _, err := accountIn([]byte("intr 1 2 3")); err == nil {
		t.Error("nonsense was read")
	}
	if got := (account{}).until(takeAccount()); got != (others{}) {
		t.Errorf("without a beginning: %v, want nothing", got)
	}
}

func TestProcessorsIn(t *testing.T) {
	n, model := processorsIn("processor\t: 0\nmodel name\t: Fast: One\n\nprocessor\t: 1\nmodel name\t: Fast: One\n")
	if n != 2 || model != "Fast: One" {
		t.Errorf("%d of %q, want 2 of Fast: One", n, model)
	}
}

func TestCleanEnv(t *testing.T) {
	got := cleanEnv([]string{"HOME=/root", "GRIDMQ_DATA=/x", "GOGC=50", "GOGCX=1", "GODEBUG=a=1", "PATH=/bin"})
	if want := []string{"HOME=/root", "GOGCX=1", "PATH=/bin"}; !slices.Equal(got, want) {
		t.Errorf("inherited %v, want %v", got, want)
	}
}

// TestRestart: what a killed process has used still counts.
func TestRestart(t *testing.T) {
	busy := &launch{args: []string{"/bin/sh", "-c", "while :; do :; done"}, ready: func() (string, error) { return "mqtt://x", nil }}
	p, err := start(t.Context(), busy, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.kill() }()
	var before time.Duration
	for before < 20*time.Millisecond {
		if before, err = p.cpu(); err != nil {
			t.Fatal(err)
		}
	}
	first := p.cmd.Process.Pid
	if err := p.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := p.cpu()
	if err != nil || p.cmd.Process.Pid == first || after < before-time.Millisecond { // two clocks of the kernel
		t.Errorf("process %d had used %v, its successor %d says %v (%v)", first, before, p.cmd.Process.Pid, after, err)
	}
	if rss, peak := p.memory(); rss == 0 || peak < rss {
		t.Errorf("memory %v KiB, at most %v", rss, peak)
	}
}

// TestStartFails: a broker that ends says why, one that is not awaited is killed.
func TestStartFails(t *testing.T) {
	notYet := func() (string, error) { return "", errNotYet }
	_, err := start(t.Context(), &launch{args: []string{"/bin/sh", "-c", "echo port in use; exit 3"}, ready: notYet}, false)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "port in use") {
		t.Errorf("%v, want the exit status and what was said", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	p, err := start(ctx, &launch{args: []string{"/bin/sleep", "60"}, ready: notYet}, false)
	if err == nil || p.cmd.ProcessState == nil {
		t.Errorf("start ended with %v, and the process lives: %v", err, p.cmd.ProcessState == nil)
	}
}

func TestTail(t *testing.T) {
	var l tail
	l.Write([]byte("first"))
	for range 1000 {
		l.Write([]byte(strings.Repeat("x", 99) + "\n"))
	}
	l.Write([]byte("last\n"))
	if got := l.String(); len(got) > 8<<10 || strings.Contains(got, "first") || !strings.HasSuffix(got, "x\nlast") {
		t.Errorf("kept %d bytes that end with %q", len(got), got[len(got)-20:])
	}
}

// TestMosquittoConfig: what mosquitto is told.
func TestMosquittoConfig(t *testing.T) {
	dir := t.TempDir()
	m := mosquittoBroker{bin: "mosquitto", noDelay: true, certs: certs{ca: "/c/ca.pem", serverCert: "/c/s.pem", serverKey: "/c/k.pem"}}
	if _, err := m.command(dir, workload{tls: true, persistent: true}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"set_tcp_nodelay true", "persistence true", "max_queued_messages 0", "cafile /c/ca.pem", "require_certificate true"} {
		if !strings.Contains(string(b), want+"\n") {
			t.Errorf("mosquitto.conf does not say %q:\n%s", want, b)
		}
	}
}

func TestCerts(t *testing.T) {
	dir := t.TempDir()
	c, err := makeCerts(dir)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(c.serverKey); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, mode %v, want 0600", c.serverKey, err, st.Mode())
	}
	d, err := c.device(deviceName(7))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(d.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: c.roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil || leaf.Subject.CommonName != "device-7" {
		t.Errorf("the certificate of device-7: %v, subject %v", err, leaf.Subject)
	}
}
