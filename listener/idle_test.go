package listener

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"
)

// TestMain turns the test binary into a crowd of idle clients when asked to, so
// that BenchmarkIdle measures the server's side alone.
func TestMain(m *testing.M) {
	if crowd := os.Getenv("GRIDMQ_TEST_CROWD"); crowd != "" {
		if err := runCrowd(crowd); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// runCrowd opens "kind address count" connections, sends one packet on each,
// waits for the echo, says "ready" and idles until its input ends.
func runCrowd(crowd string) error {
	f := strings.Fields(crowd)
	n, _ := strconv.Atoi(f[2])
	conf := &tls.Config{InsecureSkipVerify: true}
	if pair := os.Getenv("GRIDMQ_TEST_CERT"); pair != "" {
		cert, err := tls.LoadX509KeyPair(pair, strings.Replace(pair, ".pem", "-key.pem", 1))
		if err != nil {
			return err
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	size, _ := strconv.Atoi(f[3])
	var all []net.Conn
	for range n {
		var nc net.Conn
		var err error
		switch f[0] {
		case "tcp":
			nc, err = net.Dial("tcp", f[1])
		case "tls":
			nc, err = tls.Dial("tcp", f[1], conf)
		case "ws":
			nc, _, _, err = ws.Dialer{Protocols: []string{"mqtt"}}.Dial(context.Background(), "ws://"+f[1]+"/mqtt")
		}
		if err != nil {
			return err
		}
		packet := make([]byte, size)
		if f[0] == "ws" {
			packet = ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewBinaryFrame(packet)))
		}
		if _, err := nc.Write(packet); err != nil {
			return err
		}
		if f[0] == "ws" {
			size = len(packet) - 4
		}
		if _, err := io.ReadFull(nc, packet[:size]); err != nil {
			return err
		}
		if f[0] == "ws" {
			size -= 2
		}
		all = append(all, nc)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(all)
	return nil
}

// BenchmarkIdle reports the resident memory of the server's process per idle
// connection that has said something once, kernel memory not included.
func BenchmarkIdle(b *testing.B) {
	dir := b.TempDir()
	ca, err := EnsureLocalCA(dir, []string{"localhost"})
	if err != nil {
		b.Fatal(err)
	}
	certs, err := LoadCertificates(ca.Server...)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, kind string
		n, size    int
		client     bool
	}{
		{"tcp", "tcp", 10000, 20, false},
		{"tcp-silent", "tcp", 10000, 0, false},
		{"tls", "tls", 2000, 20, false},
		{"tls-clientcert", "tls", 2000, 20, true},
		{"tls-16k", "tls", 2000, 16 << 10, false},
		{"ws", "ws", 5000, 20, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			cfg := Config{Address: "127.0.0.1:0", WebSocket: c.kind == "ws"}
			if c.kind == "tls" {
				cfg.TLS = &TLSConfig{Certificates: certs}
			}
			cert := ""
			if c.client {
				cert = ca.Server[0].CertFile
			}
			for b.Loop() {
				b.ReportMetric(measureIdle(b, cfg, c.kind, c.n, c.size, cert), "rss-B/conn")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func measureIdle(b *testing.B, cfg Config, kind string, n, size int, cert string) float64 {
	var quiet sync.WaitGroup
	if size > 0 {
		quiet.Add(n)
	}
	pool := sync.Pool{New: func() any { return new([4096]byte) }}
	l, err := Listen(b.Context(), cfg, Whole(func(c Conn) {
		for got := 0; c.Wait() == nil; {
			buf := pool.Get().(*[4096]byte)
			k, err := c.Read(buf[:])
			if err != nil {
				return
			}
			c.Push(buf[:k])
			pool.Put(buf)
			if got += k; got == size {
				quiet.Done()
			}
		}
	}))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Wait()
	defer l.Close()
	before := settledRSS()
	crowd := exec.Command(os.Args[0])
	crowd.Env = append(os.Environ(), fmt.Sprintf("GRIDMQ_TEST_CROWD=%s %s %d %d", kind, l.Addr(), n, size), "GRIDMQ_TEST_CERT="+cert)
	crowd.Stderr = os.Stderr
	in, _ := crowd.StdinPipe()
	out, _ := crowd.StdoutPipe()
	if err := crowd.Start(); err != nil {
		b.Fatal(err)
	}
	defer crowd.Wait()
	defer in.Close()
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		b.Fatalf("clients said %q", line)
	}
	quiet.Wait()
	rss := settledRSS()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("%s: heap %d stacks %d per conn", b.Name(), m.HeapAlloc/uint64(n), m.StackInuse/uint64(n))
	return float64(rss-before) / float64(n)
}

// settledRSS is what the process holds after everything that can go has gone.
func settledRSS() int {
	for range 3 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	b, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.Atoi(strings.Fields(string(b))[1])
	return pages * os.Getpagesize()
}
