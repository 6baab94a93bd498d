package load

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gridmq/mqtt"
)

// TestLoop cuts a stream in pieces, and wants the packets whole: over TCP, with
// system calls of our own, and over anything else.
func TestLoop(t *testing.T) {
	var stream []byte
	var want [][]byte
	for i, size := range []int{0, 1, 120, 121, 200, 16_000, 30_000, 5} {
		m := mqtt.Message{Topic: "t", Payload: bytes.Repeat([]byte{byte(i)}, size)}
		stream = mqtt.AppendPublish(stream, &m, &mqtt.Out{Version: mqtt.V5})
		want = append(want, m.Payload)
	}
	for name, connect := range map[string]func(*testing.T) (near, far net.Conn){
		"tcp":  tcpPair,
		"pipe": func(*testing.T) (near, far net.Conn) { return net.Pipe() },
	} {
		for _, piece := range []int{1000, 7919, len(stream)} {
			near, far := connect(t)
			go func() { // ends with the stream
				for rest := stream; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
					far.Write(rest[:min(piece, len(rest))])
				}
				far.Close()
			}()
			c := &conn{nc: near, v: mqtt.V5}
			var got [][]byte
			flushed := 0
			err := c.loop(64, func(first byte, body []byte) error {
				payload, _, ok := payloadOf(first, body, mqtt.V5)
				if !ok {
					t.Errorf("malformed")
				}
				got = append(got, bytes.Clone(payload))
				return nil
			}, func() error { flushed = len(got); return nil })
			near.Close()
			if !errors.Is(err, io.EOF) || len(got) != len(want) || flushed != len(want) {
				t.Fatalf("%s, pieces of %d: %d packets of %d, %d flushed, ended with %v", name, piece, len(got), len(want), flushed, err)
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%s, pieces of %d: packet %d is another", name, piece, i)
				}
			}
		}
	}
}

func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// TestLoopErrors: what the callbacks say ends the loop, and so does nonsense.
func TestLoopErrors(t *testing.T) {
	stop := errors.New("stop")
	pass := func(byte, []byte) error { return nil }
	flush := func() error { return nil }
	tests := map[string]struct {
		bytes  string
		packet func(byte, []byte) error
		flush  func() error
		want   string
	}{
		"the packet is not wanted": {"\xd0\x00", func(byte, []byte) error { return stop }, flush, "stop"},
		"flushing fails":           {"\xd0\x00", pass, func() error { return stop }, "stop"},
		"a length without end":     {"\x30\xff\xff\xff\xff\x01", pass, flush, "malformed remaining length ff ff ff ff"},
	}
	for name, test := range tests {
		for _, pair := range []func(*testing.T) (net.Conn, net.Conn){tcpPair, func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() }} {
			near, far := pair(t)
			go far.Write([]byte(test.bytes))
			err := (&conn{nc: near}).loop(64, test.packet, test.flush)
			near.Close()
			far.Close()
			if err == nil || err.Error() != test.want {
				t.Errorf("%s: ended with %v, want %s", name, err, test.want)
			}
		}
	}
}

// TestSplit holds split against the codec.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := mqtt.AppendPublish(nil, &mqtt.Message{Topic: "t", Payload: make([]byte, rapid.IntRange(0, 300_000).Draw(t, "size"))}, &mqtt.Out{Version: mqtt.V5})
		have := b[:rapid.IntRange(0, min(len(b), 400)).Draw(t, "have")]
		_, _, n, err := split(have)
		h, herr := mqtt.ReadHeader(have, 0)
		switch {
		case err != nil:
			t.Fatal(err)
		case herr != nil && (n <= len(have) || n > 5):
			t.Fatalf("%d bytes of a header: %d are needed", len(have), n)
		case herr == nil && n != h.Total():
			t.Fatalf("the packet has %d bytes, want %d", n, h.Total())
		}
	})
}

// TestPayloadOf holds the short cut against the codec, and throws nonsense at it.
func TestPayloadOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]mqtt.Version{mqtt.V311, mqtt.V5}).Draw(t, "version")
		qos := byte(rapid.IntRange(0, 2).Draw(t, "qos"))
		m := mqtt.Message{Topic: rapid.StringMatching(`[a-z]{1,200}`).Draw(t, "topic"), QoS: qos, Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload")}
		var p mqtt.Properties
		p.CorrelationData = make([]byte, rapid.IntRange(0, 20_000).Draw(t, "correlation"))
		p.Mark(mqtt.PropCorrelationData)
		if v == mqtt.V5 && rapid.Bool().Draw(t, "properties") {
			m.Props = p.Forward(nil)
		}
		b := mqtt.AppendPublish(nil, &m, &mqtt.Out{Version: v, QoS: qos, PacketID: 513})
		first, body, _, err := split(b)
		if err != nil {
			t.Fatal(err)
		}
		payload, id, ok := payloadOf(first, body, v)
		if !ok || !bytes.Equal(payload, m.Payload) || qos > 0 && id != 513 {
			t.Fatalf("payload %x (%t), id %d, want %x", payload, ok, id, m.Payload)
		}
		payloadOf(first, body[:rapid.IntRange(0, len(body)).Draw(t, "cut")], v) // must not panic
		payloadOf(rapid.Byte().Draw(t, "first"), rapid.SliceOf(rapid.Byte()).Draw(t, "junk"), v)
	})
}

func TestHead(t *testing.T) {
	h := head{run: runID("bench/x"), publisher: 7, seq: 1 << 40, stamp: -5}
	b := make([]byte, headSize)
	h.put(b)
	if got, ok := readHead(b); !ok || got != h {
		t.Errorf("got %+v (%t), want %+v", got, ok, h)
	}
	if _, ok := readHead(b[:headSize-1]); ok {
		t.Error("a short payload has a head")
	}
	if runID("bench/x") == runID("bench/y") {
		t.Error("two prefixes have one id")
	}
}

// TestBell: a ring between arming and waiting is not missed, and rings without
// a sleeper do not gather.
func TestBell(t *testing.T) {
	b := newBell()
	b.ring()
	b.armed.Store(true)
	select {
	case <-b.c:
		t.Error("rung before it was armed")
	default:
	}
	b.ring()
	b.ring()
	<-b.c
	select {
	case <-b.c:
		t.Error("rung twice")
	case <-time.After(10 * time.Millisecond):
	}
}

// TestLoopEndWithData: an end that arrives together with the last data is seen,
// although the system announces both at once.
func TestLoopEndWithData(t *testing.T) {
	near, far := tcpPair(t)
	defer near.Close()
	far.Write(mqtt.AppendPingreq(nil))
	far.Close()
	ended, packets := make(chan error, 1), 0
	go func() {
		ended <- (&conn{nc: near}).loop(64, func(byte, []byte) error { packets++; return nil }, func() error { return nil })
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, io.EOF) || packets != 1 {
			t.Errorf("%d packets, then %v; want 1 and the end", packets, err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the end was not noticed")
	}
}
