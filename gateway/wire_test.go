package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gridmq/delivery"
	"gridmq/internal/bubble"
)

// A pipes is a listener whose connections are in memory, so that time is virtual.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// wire runs f with a house behind a real server, in virtual time.
func wire(t *testing.T, f func(t *testing.T, h *house, p pipes), change ...func(*house)) {
	bubble.Test(t, func(t *testing.T) {
		h := newHouse(t, change...)
		p := pipes{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: h.g, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
		ended := make(chan error)
		go func() { ended <- server.Serve(p) }()
		f(t, h, p)
		h.g.Close()
		_ = server.Close()
		<-ended
		time.Sleep(5 * time.Second) // clients of the test see it
		synctest.Wait()
	})
}

// send writes in the background: a pipe has no buffer.
func send(conn net.Conn, text string) { go func() { _, _ = io.WriteString(conn, text) }() }

func (h *house) head(path, more string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: plant.example\r\nAuthorization: SharedAccessKey %s\r\nContent-Type: application/cloudevents+json\r\n%s\r\n", path, h.ns.Keys[0], more)
}

func read(t *testing.T, r *bufio.Reader) answer {
	t.Helper()
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// A body that comes byte by byte, or not at all, costs a client its request and its
// connection: section 3.3, 408.
func TestSlowBody(t *testing.T) {
	for name, path := range map[string]string{"publish": publishPath, "settle": strings.ReplaceAll(ackPath, "acknowledge", "reject"), "receive": receivePath} {
		t.Run(name, func(t *testing.T) {
			wire(t, func(t *testing.T, h *house, p pipes) {
				conn := p.dial()
				defer conn.Close()
				began := time.Now()
				go func() {
					head := h.head(path, "Content-Length: 1000\r\n")
					if name == "settle" {
						head = strings.Replace(head, "application/cloudevents+json", "application/json", 1)
					}
					_, _ = io.WriteString(conn, head)
					for range 100 {
						if _, err := io.WriteString(conn, " "); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				}()
				r := bufio.NewReader(conn)
				a := read(t, r)
				if a.status != 408 || a.code(t) != "RequestTimeout" || time.Since(began) != 30*time.Second {
					t.Errorf("%d %s after %v", a.status, a.body, time.Since(began))
				}
				if _, err := r.ReadByte(); err != io.EOF {
					t.Errorf("the connection goes on: %v", err)
				}
			})
		})
	}
}

// Somebody without a credential who sends slowly is told 401 and loses the connection
// as soon as somebody with one.
func TestSlowBodyOfAStranger(t *testing.T) {
	wire(t, func(t *testing.T, h *house, p pipes) {
		conn := p.dial()
		defer conn.Close()
		began := time.Now()
		send(conn, strings.Replace(h.head(publishPath, "Content-Length: 1000\r\n"), h.ns.Keys[0], "x", 1))
		r := bufio.NewReader(conn)
		if a := read(t, r); a.status != 401 {
			t.Errorf("%d", a.status)
		}
		if _, err := r.ReadByte(); err == nil || time.Since(began) > 40*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// endless is a chunked body without an end.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	e.n += len(p)
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestEndlessBody(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{publishPath, ackPath, receivePath, "/topics/nothing:publish?" + version} {
		body := new(endless)
		r := h.ask(path, "")
		r.Body, r.ContentLength = io.NopCloser(body), -1
		if strings.Contains(path, "ack") {
			r.Header.Set("Content-Type", "application/json")
		}
		a := h.do(r)
		if want := 413; a.status != want && !(strings.Contains(path, "nothing") && a.status == 410) || body.n > 4<<20 {
			t.Errorf("%s: %d after %d bytes", path, a.status, body.n)
		}
	}
	body := new(endless)
	r := h.ask(publishPath, "")
	r.Body, r.ContentLength = io.NopCloser(body), 1<<40
	if a := h.do(r); a.status != 413 || body.n != 0 {
		t.Errorf("said to be large: %d after %d bytes", a.status, body.n)
	}
}

// Chunked bodies are bodies, and the connection goes on after an error.
func TestChunkedAndKeptAlive(t *testing.T) {
	wire(t, func(t *testing.T, h *house, p pipes) {
		conn := p.dial()
		defer conn.Close()
		r := bufio.NewReader(conn)
		chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(order), order)
		for i, want := range []int{410, 200, 401, 200} {
			path := publishPath
			if want == 410 {
				path = "/topics/nothing:publish?" + version
			}
			head := h.head(path, "Transfer-Encoding: chunked\r\n")
			if want == 401 {
				head = strings.Replace(head, h.ns.Keys[0], "x", 1)
			}
			send(conn, head+chunked)
			if a := read(t, r); a.status != want {
				t.Fatalf("request %d: %d %s, want %d", i, a.status, a.body, want)
			}
			time.Sleep(50 * time.Second) // no deadline of one request is left for the next
		}
	})
}

// A body is read before an error is answered: who sends first and reads then would see
// a reset instead of the answer (section 6).
func TestBodyIsReadBeforeAnError(t *testing.T) {
	wire(t, func(t *testing.T, h *house, p pipes) {
		conn := p.dial()
		defer conn.Close()
		r := bufio.NewReader(conn)
		const size = 1 << 20
		for range 2 { // on the same connection
			head := strings.Replace(h.head(publishPath, fmt.Sprintf("Content-Length: %d\r\n", size)), h.ns.Keys[0], "x", 1)
			if _, err := io.WriteString(conn, head+strings.Repeat(" ", size)); err != nil {
				t.Fatal(err)
			}
			if a := read(t, r); a.status != 401 {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
	})
}

// A recorder of deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = append(d.read, t); return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = append(d.write, t); return nil }

// The deadlines of one request are not left for the next one of the connection, which
// may be another handler's.
func TestDeadlinesEndWithTheRequest(t *testing.T) {
	h := newHouse(t)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	h.g.ServeHTTP(w, h.ask(publishPath, order))
	for _, list := range [][]time.Time{w.read, w.write} {
		if len(list) != 2 || list[0].IsZero() || !list[1].IsZero() {
			t.Errorf("deadlines %v, want one and none", list)
		}
	}
}

// Section 9.1: an empty answer after the wait, at once when something comes.
func TestReceiveWaits(t *testing.T) {
	wire(t, func(t *testing.T, h *house, p pipes) {
		conn := p.dial()
		defer conn.Close()
		r := bufio.NewReader(conn)
		for query, wait := range map[string]time.Duration{"&maxWaitTime=10": 10 * time.Second, "": time.Minute, "&maxWaitTime=120": 2 * time.Minute} {
			began := time.Now()
			send(conn, h.head(receivePath+query, "Content-Length: 2\r\n")+"{}") // a body is ignored
			if a := read(t, r); a.status != 200 || a.body != `{"value":[]}` || time.Since(began) != wait {
				t.Errorf("%s: %d %s after %v", query, a.status, a.body, time.Since(began))
			}
		}
		go func() {
			time.Sleep(45 * time.Second)
			h.topic.queues["billing"].put(delivery.Delivery{Event: readEvent(t, order), LockToken: "a", Count: 3})
		}()
		began := time.Now()
		send(conn, h.head(receivePath+"&maxWaitTime=120&maxEvents=5", "Content-Length: 0\r\n"))
		a := read(t, r)
		if a.status != 200 || !strings.HasPrefix(a.body, `{"value":[{"brokerProperties":{"lockToken":"a","deliveryCount":3},"event":{`) || time.Since(began) > 46*time.Second {
			t.Errorf("%d %s after %v", a.status, a.body, time.Since(began))
		}
	})
}

func TestClientLeavesWhileItWaits(t *testing.T) {
	wire(t, func(t *testing.T, h *house, p pipes) {
		conn := p.dial()
		send(conn, h.head(receivePath+"&maxWaitTime=120", "Content-Length: 0\r\n"))
		time.Sleep(40 * time.Second)
		conn.Close()
		time.Sleep(time.Second)
		q := h.topic.queues["billing"]
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.ended != context.Canceled {
			t.Fatalf("the receive ended with %v", q.ended)
		}
		if o := h.last(); o.Failed != 0 || o.Succeeded != 0 || o.Code != clientGone {
			t.Errorf("observed %+v", o)
		}
		if strings.Contains(h.log.String(), "ERROR") {
			t.Errorf("logged %s", h.log)
		}
	})
}

func TestCloseEndsReceives(t *testing.T) {
	wire(t, func(t *testing.T, h *house, p pipes) {
		conn := p.dial()
		defer conn.Close()
		r := bufio.NewReader(conn)
		began := time.Now()
		send(conn, h.head(receivePath+"&maxWaitTime=120", "Content-Length: 0\r\n"))
		time.Sleep(5 * time.Second)
		h.g.Close()
		a := read(t, r)
		if a.status != 503 || a.header.Get("Retry-After") != "1" || time.Since(began) != 5*time.Second {
			t.Errorf("%d %s after %v", a.status, a.body, time.Since(began))
		}
		send(conn, h.head(publishPath, "Content-Length: 0\r\n"))
		if a := read(t, r); a.status != 503 {
			t.Errorf("afterwards: %d", a.status)
		}
	})
}

// A client that does not take its answer loses its connection.
func TestSlowReader(t *testing.T) {
	wire(t, func(t *testing.T, h *house, p pipes) {
		e := readEvent(t, order)
		e.Data = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
		h.topic.queues["billing"].put(delivery.Delivery{Event: e, LockToken: "a", Count: 1})
		conn := p.dial()
		defer conn.Close()
		began := time.Now()
		send(conn, h.head(receivePath, "Content-Length: 0\r\n"))
		var one [1]byte
		if _, err := conn.Read(one[:]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second)
		n, err := io.Copy(io.Discard, conn)
		if n > 1<<20 || time.Since(began) != 31*time.Second {
			t.Errorf("%d bytes and %v after %v", n, err, time.Since(began))
		}
	})
}
