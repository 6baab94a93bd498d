package mqtt

import (
	"bytes"
	"io"
	"reflect"
	"runtime/metrics"
	"testing"
)

func FuzzReadHeader(f *testing.F) {
	for _, b := range [][]byte{{0x30, 5}, {0x82, 0x80, 1}, {0xc0, 0}, {0x10, 0xff, 0xff, 0xff, 0x7f}, {0x30, 0x80, 0x80, 0x80, 0x80, 1}} {
		f.Add(b, uint32(0))
		f.Add(b, uint32(10))
	}
	f.Fuzz(func(t *testing.T, b []byte, max uint32) {
		h, err := ReadHeader(b, max)
		if err == io.ErrUnexpectedEOF && len(b) >= 5 {
			t.Fatalf("%x: five bytes are enough for any header", b)
		}
		if err != nil {
			return
		}
		if again := appendVarint([]byte{byte(h.Type)<<4 | h.Flags}, uint32(h.Remaining)); !bytes.Equal(again, b[:h.Size]) {
			t.Errorf("%x read as %+v, which is written %x", b, h, again)
		}
		if max != 0 && h.Total() > int(max) {
			t.Errorf("%x: %d bytes let through, limit %d", b, h.Total(), max)
		}
	})
}

// FuzzPacket reads packets of every type and version. Refusing bytes is fine;
// panicking on them, allocating out of proportion, or reading what was written
// again in another way is not.
func FuzzPacket(f *testing.F) {
	for typ := range table24 {
		for id := range samples {
			b := within(typ, int(id), samples[id], needs(typ, id))
			f.Add(b[0], byte(V5), b[2:])
		}
	}
	for _, b := range [][]byte{
		frame(0x10, connectHead(4, 0xf6), "id", "t", "p", "u", "p"), frame(0x20, 1, 0), frame(0x3d, "t", 0, 1, raw("payload")),
		frame(0x40, 0, 1), frame(0x82, 0, 1, "a/#", 1, "b", 2), frame(0x90, 0, 1, 0, 0x80), frame(0xa2, 0, 1, "a"), frame(0xb0, 0, 1), frame(0xe0),
	} {
		f.Add(b[0], byte(V311), b[2:])
	}
	f.Fuzz(func(t *testing.T, first, version byte, body []byte) {
		v := V311
		if version&1 != 0 {
			v = V5
		}
		if len(body) > 1<<20 {
			return
		}
		h, err := ReadHeader(append([]byte{first}, appendVarint(nil, uint32(len(body)))...), 0)
		if err != nil {
			return
		}
		allocated := heapBytes()
		p, err := readBody(v, h, body)
		if n := heapBytes() - allocated; n > 1<<20+64*uint64(len(body)) {
			t.Errorf("%v of %d bytes allocated %d", h.Type, len(body), n)
		}
		if err != nil {
			if codeOf(err) < 0x80 {
				t.Errorf("%v %x: error without a code: %v", h.Type, body, err)
			}
			return
		}
		b := p.Append(nil, v)
		again, err := readPacket(v, b)
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%v %x\nread as    %+v\nwritten    %x\nread again %+v, %v", h.Type, body, p, b, again, err)
		}
	})
}

func heapBytes() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// FuzzPublishProperties holds the two readers of properties together.
func FuzzPublishProperties(f *testing.F) {
	for _, id := range table24[PUBLISH] {
		f.Add(join(int(id), samples[id], 0x26, "a", "b", int(id), samples[id]))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkScan(t, b) })
}

// FuzzMessage reads the form of the store. What it lets through can be sent.
func FuzzMessage(f *testing.F) {
	f.Add(AppendMessage(nil, &Message{Topic: "a/b", QoS: 1, Retain: true, Props: join(0x01, 1), Payload: []byte("pp"), Expires: 64, Origin: 300, Published: 1}))
	f.Add(AppendMessage(nil, &Message{Topic: "t"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ReadMessage(b)
		if err != nil {
			return
		}
		again, err := ReadMessage(AppendMessage(nil, &m))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%x read as %+v, written and read again %+v, %v", b, m, again, err)
		}
		frame := AppendPublish(nil, &m, &Out{Version: V5, QoS: m.QoS, PacketID: 1})
		if _, err := readPacket(V5, frame); err != nil {
			t.Errorf("%x read as %+v, which is sent as %x: %v", b, m, frame, err)
		}
	})
}
