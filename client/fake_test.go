package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gridmq/mqtt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a broker made by hand, at the other end of a pipe: the test says
// what it sends, and when. It runs in a synctest bubble, so no time is spent.
type fake struct {
	t   *testing.T
	nc  net.Conn
	v   mqtt.Version
	buf []byte
}

// pipe gives o a connection to a fake.
func pipe(t *testing.T, o *Options) *fake {
	near, far := net.Pipe()
	o.Dial = func(context.Context) (net.Conn, error) { return near, nil }
	if o.Version == 0 {
		o.Version = mqtt.V5
	}
	t.Cleanup(func() { far.Close(); near.Close() })
	return &fake{t: t, nc: far, v: o.Version}
}

// login connects o to a fake that accepts it with ack.
func login(t *testing.T, o Options, ack mqtt.Connack) (*Client, *fake) {
	t.Helper()
	f := pipe(t, &o)
	result := make(chan *Client, 1)
	go func() { // ends with Connect
		c, err := Connect(t.Context(), o)
		if err != nil {
			t.Errorf("connect: %v", err)
		}
		result <- c
	}()
	f.want(mqtt.CONNECT)
	f.send(ack.Append(nil, f.v))
	if o.Session != nil && o.Session.Unacknowledged() > 0 {
		return nil, f // Connect goes on: it sends again. The caller reads that
	}
	c := <-result
	if c == nil {
		t.FailNow()
	}
	t.Cleanup(func() { c.Close(); f.nc.Close(); c.Wait() })
	return c, f
}

// send writes bytes as they are.
func (f *fake) send(b []byte) {
	f.t.Helper()
	f.nc.SetWriteDeadline(time.Now().Add(time.Minute))
	defer f.nc.SetWriteDeadline(time.Time{})
	if _, err := f.nc.Write(b); err != nil {
		f.t.Fatalf("the client did not read %x: %v", b, err)
	}
}

func (f *fake) sendAck(t mqtt.Type, id uint16, code mqtt.Code) {
	f.t.Helper()
	f.send(mqtt.AppendAck(nil, f.v, t, id, code, ""))
}

func (f *fake) sendPublish(m *mqtt.Message, o mqtt.Out) {
	f.t.Helper()
	o.Version, o.QoS, o.Retain = f.v, m.QoS, m.Retain
	f.send(mqtt.AppendPublish(nil, m, &o))
}

// next reads a packet.
func (f *fake) next() (mqtt.Header, []byte, error) {
	f.nc.SetReadDeadline(time.Now().Add(time.Hour))
	for {
		h, err := mqtt.ReadHeader(f.buf, 0)
		if err == nil && len(f.buf) >= h.Total() {
			body := f.buf[h.Size:h.Total()]
			f.buf = f.buf[h.Total():]
			return h, body, nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return h, nil, err
		}
		b := make([]byte, 4096)
		n, err := f.nc.Read(b)
		if f.buf = append(f.buf, b[:n]...); err != nil {
			return h, nil, err
		}
	}
}

// want reads a packet of type t.
func (f *fake) want(t mqtt.Type) (mqtt.Header, []byte) {
	f.t.Helper()
	h, body, err := f.next()
	if err != nil || h.Type != t {
		f.t.Fatalf("the client sent %v (%v), want %v", h.Type, err, t)
	}
	return h, bytes.Clone(body)
}

// wantPublish reads a PUBLISH.
func (f *fake) wantPublish() (p mqtt.Publish) {
	f.t.Helper()
	h, body := f.want(mqtt.PUBLISH)
	if err := p.Read(f.v, h.Flags, body); err != nil {
		f.t.Fatal(err)
	}
	return p
}

// wantAck reads an acknowledgement.
func (f *fake) wantAck(t mqtt.Type, id uint16, code mqtt.Code) {
	f.t.Helper()
	_, body := f.want(t)
	var a mqtt.Ack
	if err := a.Read(f.v, t, body); err != nil || a.PacketID != id || a.Code != code {
		f.t.Fatalf("the client sent %v %+v (%v), want id %d and %v", t, a, err, id, code)
	}
}

// wantNothing says that the client sends nothing for d.
func (f *fake) wantNothing(d time.Duration) {
	f.t.Helper()
	f.nc.SetReadDeadline(time.Now().Add(d))
	b := make([]byte, 1)
	if n, err := f.nc.Read(b); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		f.t.Fatalf("the client sent %x (%v), want nothing for %v", b[:n], err, d)
	}
}

// wantEnd reads to the end, and returns the reason code of a DISCONNECT before it.
func (f *fake) wantEnd() (code mqtt.Code, said bool) {
	f.t.Helper()
	for {
		h, body, err := f.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				f.t.Fatalf("the connection did not end: %v", err)
			}
			return code, said
		}
		if said {
			f.t.Fatalf("%v came after DISCONNECT", h.Type)
		}
		if h.Type == mqtt.DISCONNECT {
			d, err := mqtt.ReadDisconnect(f.v, body)
			if err != nil {
				f.t.Fatal(err)
			}
			code, said = d.Code, true
		}
	}
}

// refused checks that err is the broker's or our own no with that code.
func refused(t *testing.T, err error, code mqtt.Code) {
	t.Helper()
	r, ok := errors.AsType[*RefusedError](err)
	if !ok || r.Code != code {
		t.Errorf("got %v, want a refusal with %v", err, code)
	}
}

// closed checks that err says that the broker ended the connection.
func closed(t *testing.T, err error, code mqtt.Code) {
	t.Helper()
	c, ok := errors.AsType[*ClosedError](err)
	if !ok || c.Code != code {
		t.Errorf("got %v, want the end of the connection with %v", err, code)
	}
}

// texts are messages with payloads "0" to "n-1".
func texts(n int, qos byte) (ms []*Message) {
	for i := range n {
		ms = append(ms, &Message{Topic: "t", QoS: qos, Payload: fmt.Append(nil, i)})
	}
	return ms
}
