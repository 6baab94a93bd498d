package listener

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// testCA is one local CA for all tests; RSA keys are slow to make.
var testCA = sync.OnceValues(func() (LocalCA, error) {
	dir, err := os.MkdirTemp("", "gridmq-listener-*")
	if err != nil {
		return LocalCA{}, err
	}
	return EnsureLocalCA(dir, []string{"localhost", "127.0.0.1"})
})

func localCA(t testing.TB) (LocalCA, *x509.CertPool) {
	t.Helper()
	ca, err := testCA()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(ca.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b)
	return ca, pool
}

func localCertificates(t testing.TB) *Certificates {
	t.Helper()
	ca, _ := localCA(t)
	c, err := LoadCertificates(ca.Server...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// listen starts a listener that hands its connections to the returned channel
// and keeps them open until the test ends.
func listen(t testing.TB, cfg Config) (*Listener, <-chan Conn) {
	t.Helper()
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	conns, end := make(chan Conn, 100), make(chan struct{})
	l, err := Listen(context.Background(), cfg, Whole(func(c Conn) {
		conns <- c
		<-end
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		close(end)
		l.Wait()
		if n := l.Stats().Open.Load(); n != 0 {
			t.Errorf("%d connections counted open after Wait, want 0", n)
		}
	})
	return l, conns
}

// transports runs f for every kind of connection. open gives both ends.
func transports(t *testing.T, f func(t *testing.T, open func(t testing.TB) (Conn, net.Conn))) {
	t.Run("pipe", func(t *testing.T) {
		f(t, func(t testing.TB) (Conn, net.Conn) {
			s, c := NewPipe()
			t.Cleanup(func() { s.Close(); c.Close() })
			return s, c
		})
	})
	for _, kind := range []string{"tcp", "tls12", "tls13", "ws", "wss"} {
		t.Run(kind, func(t *testing.T) {
			f(t, func(t testing.TB) (Conn, net.Conn) { return openKind(t, kind) })
		})
	}
}

func openKind(t testing.TB, kind string) (Conn, net.Conn) {
	t.Helper()
	cfg := Config{WebSocket: kind == "ws" || kind == "wss"}
	if kind != "tcp" && kind != "ws" {
		cfg.TLS = &TLSConfig{Certificates: localCertificates(t)}
	}
	l, conns := listen(t, cfg)
	client := dialKind(t, kind, l.Addr().String())
	t.Cleanup(func() { client.Close() })
	select {
	case s := <-conns:
		return s, client
	case <-time.After(patience):
		t.Fatal("the connection was not handed over")
		return nil, nil
	}
}

func dialKind(t testing.TB, kind, addr string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if kind != "tcp" && kind != "ws" {
		_, pool := localCA(t)
		conf := &tls.Config{RootCAs: pool, ServerName: "localhost"}
		if kind == "tls12" {
			conf.MaxVersion = tls.VersionTLS12
		}
		tc := tls.Client(nc, conf)
		if err := tc.Handshake(); err != nil {
			t.Fatal(err)
		}
		nc = tc
	}
	if kind == "ws" || kind == "wss" {
		return upgradeClient(t, nc, ws.Dialer{Protocols: []string{"mqtt"}})
	}
	return nc
}

// upgradeClient makes a WebSocket client of nc, with gobwas/ws.
func upgradeClient(t testing.TB, nc net.Conn, d ws.Dialer) *wsClient {
	t.Helper()
	br, shaken, err := d.Upgrade(nc, mustURL("ws://localhost/mqtt"))
	if err != nil {
		t.Fatal(err)
	}
	if shaken.Protocol != "mqtt" {
		t.Fatalf("subprotocol %q, want mqtt [MQTT-6.0.0-4]", shaken.Protocol)
	}
	c := &wsClient{Conn: nc, r: nc}
	if br != nil {
		c.r = br
	}
	return c
}

// wsClient is the client's end of a WebSocket in the shape of a net.Conn.
type wsClient struct {
	net.Conn
	r    io.Reader
	left int64
}

func (c *wsClient) Write(b []byte) (int, error) {
	return len(b), ws.WriteFrame(c.Conn, ws.MaskFrame(ws.NewBinaryFrame(b)))
}

func (c *wsClient) Read(b []byte) (int, error) {
	for c.left == 0 {
		h, err := ws.ReadHeader(c.r)
		if err != nil {
			return 0, err
		}
		if err := ws.CheckHeader(h, ws.StateClientSide); err != nil {
			return 0, err
		}
		if h.OpCode == ws.OpClose {
			return 0, io.EOF
		}
		if h.OpCode != ws.OpBinary {
			return 0, fmt.Errorf("unexpected %v frame", h.OpCode)
		}
		c.left = h.Length
	}
	n, err := c.r.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

// within runs f; if it hangs, the whole test binary ends with its stacks.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	name := t.Name()
	alarm := time.AfterFunc(patience, func() { panic(fmt.Sprintf("%s: %s: not within %v", name, what, patience)) })
	defer alarm.Stop()
	f()
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func TestEcho(t *testing.T) {
	transports(t, func(t *testing.T, open func(testing.TB) (Conn, net.Conn)) {
		s, c := open(t)
		for size := range 300 { // also sizes at the edges of frames and records
			want := randomBytes(1 + size*size/2)
			go c.Write(want)
			got := make([]byte, 0, len(want))
			for len(got) < len(want) {
				if err := s.Wait(); err != nil {
					t.Fatal(err)
				}
				n, err := s.Read(got[len(got):cap(got)])
				if err != nil {
					t.Fatal(err)
				}
				got = got[:len(got)+n]
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("server read %d other bytes than were sent", len(want))
			}
			go func() {
				if done, err := s.Push(got); err == nil && !done {
					s.Drain(patience)
				}
			}()
			back := make([]byte, len(want))
			if _, err := io.ReadFull(c, back); err != nil || !bytes.Equal(back, want) {
				t.Fatalf("client read %d bytes back wrongly: %v", len(want), err)
			}
		}
	})
}

func TestReadWithoutWait(t *testing.T) {
	transports(t, func(t *testing.T, open func(testing.TB) (Conn, net.Conn)) {
		s, c := open(t)
		go func() {
			time.Sleep(20 * time.Millisecond) // so that Read has to wait
			c.Write([]byte("hello"))
		}()
		b := make([]byte, 3)
		if n, err := s.Read(b); err != nil || string(b[:n]) != "hel" {
			t.Fatalf("Read = %q, %v; want hel", b[:n], err)
		}
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Read(b); err != nil || string(b[:n]) != "lo" {
			t.Fatalf("Read = %q, %v; want lo", b[:n], err)
		}
	})
}

func TestReadDeadline(t *testing.T) {
	transports(t, func(t *testing.T, open func(testing.TB) (Conn, net.Conn)) {
		s, c := open(t)
		for _, wait := range []func() error{s.Wait, func() error { _, err := s.Read(make([]byte, 1)); return err }} {
			s.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			within(t, "deadline", func() {
				if err := wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("got %v, want a passed deadline", err)
				}
			})
			s.SetReadDeadline(time.Time{}) // and the connection is as good as before
			c.Write([]byte("x"))
			if n, err := s.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Fatalf("Read after the deadline = %d, %v", n, err)
			}
		}
		go func() { // an earlier deadline reaches a Wait already waiting
			time.Sleep(20 * time.Millisecond)
			s.SetReadDeadline(time.Unix(1, 0))
		}()
		within(t, "deadline set meanwhile", func() {
			if err := s.Wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v, want a passed deadline", err)
			}
		})
	})
}

func TestEnd(t *testing.T) {
	transports(t, func(t *testing.T, open func(testing.TB) (Conn, net.Conn)) {
		s, c := open(t)
		c.Write([]byte("last words"))
		c.Close()
		within(t, "end", func() {
			got, err := io.ReadAll(s)
			if string(got) != "last words" {
				t.Errorf("read %q, %v; want last words", got, err)
			}
			if s.Wait() == nil {
				if _, err := s.Read(make([]byte, 1)); err == nil {
					t.Error("Wait and Read after the end succeeded")
				}
			}
		})
	})
}

// A peer that does not read costs neither Push nor order: what it reads later
// is exactly what was pushed.
func TestPushRemainderAndDrain(t *testing.T) {
	transports(t, func(t *testing.T, open func(testing.TB) (Conn, net.Conn)) {
		s, c := open(t)
		var sent bytes.Buffer
		sizes := rand.New(rand.NewPCG(1, 2))
		within(t, "pushes", func() {
			for more := 20; more > 0; {
				b := randomBytes(1 + sizes.IntN(100_000))
				sent.Write(b)
				done, err := s.Push(b)
				clear(b) // may be reused at once
				if err != nil {
					t.Fatal(err)
				}
				if done != (s.Pending() == 0) {
					t.Fatalf("done = %v with %d pending", done, s.Pending())
				}
				if !done {
					more--
				}
			}
		})
		if s.Pending() == 0 {
			t.Fatal("nothing pending although the peer does not read")
		}
		drained := make(chan error)
		go func() { drained <- s.Drain(patience) }()
		got := make([]byte, sent.Len())
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, sent.Bytes()) {
			t.Fatal("the peer read other bytes than were pushed")
		}
		if err := <-drained; err != nil || s.Pending() != 0 {
			t.Fatalf("Drain = %v with %d pending, want nil and 0", err, s.Pending())
		}
		// and the fast way works again, also long after Drain's deadline
		if done, err := s.Push([]byte("again")); !done || err != nil {
			t.Fatalf("Push after Drain = %v, %v", done, err)
		}
		if _, err := io.ReadFull(c, got[:5]); string(got[:5]) != "again" {
			t.Fatalf("read %q, %v; want again", got[:5], err)
		}
	})
}

func TestDrainTimeout(t *testing.T) {
	transports(t, func(t *testing.T, open func(testing.TB) (Conn, net.Conn)) {
		s, _ := open(t)
		fill(t, s)
		within(t, "Drain", func() {
			if err := s.Drain(30 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Drain = %v, want a passed deadline", err)
			}
		})
		if n := s.Pending(); n != 0 {
			t.Errorf("%d pending after a failed Drain, want 0", n)
		}
		if done, err := s.Push([]byte("x")); done || err == nil {
			t.Errorf("Push after a failed Drain = %v, %v; want an error", done, err)
		}
		if err := s.Wait(); err == nil {
			if _, err := s.Read(make([]byte, 1)); err == nil {
				t.Error("the connection is still open after a failed Drain")
			}
		}
	})
}

// fill pushes until the peer's buffers and the socket's are full.
func fill(t testing.TB, s Conn) {
	t.Helper()
	b := randomBytes(64 << 10)
	for done := true; done || s.Pending() < 8<<20; { // the kernel's buffers grow as they are used
		var err error
		if done, err = s.Push(b); err != nil {
			t.Fatal(err)
		}
	}
}

// Two brokers that forward to each other, neither reading: both must stay able
// to read. Blocking writes dead-lock here.
func TestBothSidesWriteAndNeverRead(t *testing.T) {
	for _, kind := range []string{"tcp", "tls13", "wss"} {
		t.Run(kind, func(t *testing.T) {
			s, c := openKind(t, kind)
			stuck := make(chan struct{})
			go func() {
				defer close(stuck)
				c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
				for b := randomBytes(64 << 10); ; {
					if _, err := c.Write(b); err != nil {
						return
					}
				}
			}()
			within(t, "pushes", func() {
				for range 200 {
					if _, err := s.Push(randomBytes(64 << 10)); err != nil {
						t.Fatal(err)
					}
				}
			})
			<-stuck
			drained := make(chan error, 1)
			go func() { drained <- s.Drain(patience) }()
			within(t, "reading beside a Drain", func() {
				b := make([]byte, 64<<10)
				for got := 0; got < 1<<20; {
					n, err := s.Read(b)
					if err != nil {
						t.Errorf("Read = %v", err)
						return
					}
					got += n
				}
			})
			s.Close()
			if err := <-drained; err == nil {
				t.Error("Drain succeeded although nobody read")
			}
		})
	}
}

func TestCloseUnblocks(t *testing.T) {
	for name, wait := range map[string]func(s Conn) error{
		"Wait":  func(s Conn) error { return s.Wait() },
		"Read":  func(s Conn) error { _, err := s.Read(make([]byte, 1)); return err },
		"Drain": func(s Conn) error { return s.Drain(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			transports(t, func(t *testing.T, open func(testing.TB) (Conn, net.Conn)) {
				s, _ := open(t)
				if name == "Drain" {
					fill(t, s)
				}
				time.AfterFunc(30*time.Millisecond, func() { s.Close() })
				within(t, name, func() {
					if err := wait(s); !errors.Is(err, net.ErrClosed) {
						t.Errorf("%s = %v, want closed", name, err)
					}
				})
				if _, err := s.Push([]byte("x")); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Push after Close = %v, want closed", err)
				}
				if n := s.Pending(); n != 0 {
					t.Errorf("%d pending after Close, want 0", n)
				}
			})
		})
	}
}

// Readers, pushers with their drains, and Close at the same time: for -race.
func TestConcurrentUse(t *testing.T) {
	transports(t, func(t *testing.T, open func(testing.TB) (Conn, net.Conn)) {
		s, c := open(t)
		var all sync.WaitGroup
		all.Go(func() { io.Copy(io.Discard, c) })
		all.Go(func() {
			for b := randomBytes(1000); ; {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		})
		all.Go(func() {
			for b := make([]byte, 4096); s.Wait() == nil; {
				if _, err := s.Read(b); err != nil {
					return
				}
			}
		})
		all.Go(func() {
			for b := randomBytes(5000); ; {
				done, err := s.Push(b)
				if err == nil && !done {
					err = s.Drain(patience)
				}
				if err != nil {
					return
				}
			}
		})
		all.Go(func() {
			for range 100 {
				s.Pending()
				s.Info()
				s.RemoteAddr()
				s.SetReadDeadline(time.Now().Add(time.Minute))
				time.Sleep(time.Millisecond)
			}
			s.Close()
		})
		within(t, "everybody to notice Close", all.Wait)
	})
}

// The last words before Close arrive, although the peer sent what nobody read.
func TestLastWords(t *testing.T) {
	transports(t, func(t *testing.T, open func(testing.TB) (Conn, net.Conn)) {
		s, c := open(t)
		c.Write(randomBytes(10_000))
		time.Sleep(20 * time.Millisecond)
		if done, err := s.Push([]byte("refused")); !done || err != nil {
			t.Fatal(done, err)
		}
		s.Close()
		time.Sleep(20 * time.Millisecond) // a reset would overtake them
		if got, err := io.ReadAll(c); string(got) != "refused" || err != nil {
			t.Errorf("client read %q, %v; want refused and a clean end", got, err)
		}
	})
}

func TestInfo(t *testing.T) {
	want := map[string]string{"tcp": "tcp", "tls12": "tls", "tls13": "tls", "ws": "ws", "wss": "wss"}
	for kind, transport := range want {
		s, c := openKind(t, kind)
		in := s.Info()
		if in.Transport != transport || (in.TLS != nil) != (kind != "tcp" && kind != "ws") || in.Listener != "127.0.0.1:0" {
			t.Errorf("%s: Info = %+v", kind, in)
		}
		if in.TLS != nil && in.TLS.ServerName != "localhost" {
			t.Errorf("%s: server name %q, want localhost", kind, in.TLS.ServerName)
		}
		if (in.Host == "localhost") != (kind == "ws" || kind == "wss") {
			t.Errorf("%s: host %q", kind, in.Host)
		}
		if s.RemoteAddr().String() != c.LocalAddr().String() {
			t.Errorf("%s: remote %v, want %v", kind, s.RemoteAddr(), c.LocalAddr())
		}
	}
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}
