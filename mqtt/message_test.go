package mqtt

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestMessageOwn(t *testing.T) {
	buf := []byte("payload" + "props")
	m := &Message{Topic: "t", QoS: 1, Payload: buf[:7], Props: buf[7:], Expires: 5, Origin: 6, Published: 7}
	own := m.Own()
	if !reflect.DeepEqual(own, m) {
		t.Errorf("Own = %+v, want %+v", own, m)
	}
	clear(buf)
	if string(own.Payload) != "payload" || string(own.Props) != "props" {
		t.Errorf("Own still aliases: %q, %q", own.Payload, own.Props)
	}
	_ = append(own.Payload, 'x')
	if string(own.Props) != "props" {
		t.Error("appending to the payload writes into the properties")
	}
}

// A fan-out asks many times for the one copy; a changed value is not mistaken
// for what it was copied from.
func TestMessageOwnIsMadeOnce(t *testing.T) {
	m := &Message{Topic: "t", QoS: 1, Payload: []byte("payload"), Props: join(0x01, 1)}
	own := m.Own()
	if m.Own() != own || own.Own() != own {
		t.Error("another copy was made")
	}
	changes := map[string]func(*Message){
		"topic": func(m *Message) { m.Topic = "u" }, "QoS": func(m *Message) { m.QoS = 0 },
		"retain": func(m *Message) { m.Retain = true }, "expires": func(m *Message) { m.Expires = 9 },
		"origin": func(m *Message) { m.Origin = 9 }, "published": func(m *Message) { m.Published = 9 },
		"payload": func(m *Message) { m.Payload = []byte("x") }, "no payload": func(m *Message) { m.Payload = nil },
		"properties": func(m *Message) { m.Props = nil },
	}
	for name, change := range changes {
		for _, from := range []*Message{m, own} {
			c := *from
			change(&c)
			got := c.Own()
			if got == own || got.Topic != c.Topic || got.QoS != c.QoS || got.Retain != c.Retain || got.Expires != c.Expires ||
				got.Origin != c.Origin || got.Published != c.Published || !bytes.Equal(got.Payload, c.Payload) || !bytes.Equal(got.Props, c.Props) {
				t.Errorf("another %s: Own = %+v, want %+v", name, got, c)
			}
			if got.Own() != got || c.Own() != got {
				t.Errorf("another %s: another copy was made", name)
			}
			if own.Topic != "t" || own.QoS != 1 || string(own.Payload) != "payload" {
				t.Fatalf("another %s: the first copy became %+v", name, own)
			}
		}
	}
	c := *own
	c.Retain = true
	if got := c.Own(); !shares(got.Payload, own.Payload) {
		t.Error("bytes that were owned already were copied again")
	}
	c = *m // a view: its bytes must not be shared
	c.Retain = true
	if got := c.Own(); shares(got.Payload, m.Payload) {
		t.Error("the bytes of a view were kept")
	}
}

func TestMessageCheck(t *testing.T) {
	tests := map[string]struct {
		m    Message
		want bool
	}{
		"plain":        {Message{Topic: "t"}, true},
		"properties":   {Message{Topic: "t", Props: join(0x03, "text/plain", 0x26, "a", "b")}, true},
		"no topic":     {Message{}, false},
		"wildcard":     {Message{Topic: "a/#"}, false},
		"NUL":          {Message{Topic: "a\x00"}, false},
		"topic length": {Message{Topic: string(bytes.Repeat([]byte("x"), maxString+1))}, false},
		"QoS":          {Message{Topic: "t", QoS: 3}, false},
		"broken":       {Message{Topic: "t", Props: []byte{0x03}}, false},
		"expiry":       {Message{Topic: "t", Props: join(0x02, 0, 0, 0, 1)}, false},
		"alias":        {Message{Topic: "t", Props: join(0x23, 0, 1)}, false},
		"id":           {Message{Topic: "t", Props: join(0x0b, 1)}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := test.m.Check(); (err == nil) != test.want {
				t.Errorf("Check(%.40q) = %v, want fine = %v", test.m.Topic, err, test.want)
			}
		})
	}
}

func TestWillMessage(t *testing.T) {
	w := &Will{Topic: "t", Payload: []byte("gone"), QoS: 1, Retain: true, Properties: Properties{
		WillDelayInterval: 5, MessageExpiryInterval: 6, ContentType: "text/plain", UserProperties: []UserProperty{{"b", "1"}, {"a", "2"}}}}
	w.Properties.Mark(PropWillDelayInterval, PropMessageExpiryInterval, PropContentType)
	m := w.Message()
	if want := join(0x03, "text/plain", 0x26, "b", "1", 0x26, "a", "2"); !bytes.Equal(m.Props, want) { // [MQTT-3.1.3-10]
		t.Errorf("Props = %x, want %x", m.Props, want)
	}
	if m.Topic != "t" || string(m.Payload) != "gone" || m.QoS != 1 || !m.Retain {
		t.Errorf("Message = %+v", m)
	}
	p, err := m.Properties()
	if err != nil || p.ContentType != "text/plain" || len(p.UserProperties) != 2 || p.Has(PropMessageExpiryInterval) {
		t.Errorf("Properties = %+v, %v", p, err)
	}
}

func TestMessageStore(t *testing.T) {
	m := Message{Topic: "a/b", QoS: 1, Retain: true, Props: join(0x01, 1), Payload: []byte("pp"), Expires: 64, Origin: 300, Published: 1}
	// The example of docs/formats/message.md.
	want := []byte{1, 0x1d, 2, 0x80, 1, 0xac, 2, 3, 'a', '/', 'b', 2, 0x01, 1, 2, 'p', 'p'}
	got := AppendMessage(nil, &m)
	if !bytes.Equal(got, want) {
		t.Fatalf("written %x, want %x", got, want)
	}
	back, err := ReadMessage(got)
	if err != nil || !reflect.DeepEqual(back, m) {
		t.Errorf("read %+v, %v, want %+v", back, err, m)
	}
	for n := range got {
		if _, err := ReadMessage(got[:n]); !errors.Is(err, ErrMessage) {
			t.Errorf("the first %d bytes: %v, want ErrMessage", n, err)
		}
	}
	for name, b := range map[string][]byte{
		"version":        {2, 0, 0, 1, 'a', 0, 0},
		"unknown flag":   {1, 0x20, 0, 1, 'a', 0, 0},
		"QoS 3":          {1, 3, 0, 1, 'a', 0, 0},
		"left over":      {1, 0, 0, 1, 'a', 0, 0, 0},
		"no topic":       {1, 0, 0, 0, 0, 0},
		"wildcard":       {1, 0, 0, 1, '#', 0, 0},
		"bad properties": {1, 0, 0, 1, 'a', 1, 0x7f, 0},
		"expiry inside":  {1, 0, 0, 1, 'a', 5, 2, 0, 0, 0, 1, 0},
		"huge length":    {1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"number too big": {1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
	} {
		if m, err := ReadMessage(b); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %x read as %+v, %v, want ErrMessage", name, b, m, err)
		}
	}
}

func TestMessageStoreRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProperties(t, PUBLISH)
		m := Message{Topic: topicNames.Draw(t, "topic"), QoS: rapid.ByteMax(2).Draw(t, "qos"), Retain: rapid.Bool().Draw(t, "retain"),
			Props: p.Forward([]byte{}), Payload: blobs.Draw(t, "payload"), Expires: rapid.Int64().Draw(t, "expires"),
			Origin: rapid.Uint64().Draw(t, "origin"), Published: rapid.Int64().Draw(t, "published")}
		b := AppendMessage([]byte("x"), &m)[1:]
		got, err := ReadMessage(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("%x read as %+v, %v, want %+v", b, got, err, m)
		}
		if err := got.Check(); err != nil {
			t.Fatal(err)
		}
	})
}
