package mqtt

import (
	"bytes"
	"strings"
	"testing"
)

func TestPublishRefusals(t *testing.T) {
	checkRefusals(t, map[string]refusal{
		"QoS 0":                      {V5, frame(0x30, "t", 0, raw("payload")), ok},
		"QoS 0, 3.1.1":               {V311, frame(0x30, "t", raw("payload")), ok},
		"no payload":                 {V311, frame(0x31, "t"), ok},
		"QoS 1":                      {V5, frame(0x32, "t", 0, 1, 0), ok},
		"QoS 2, DUP, retained":       {V5, frame(0x3d, "t", 0, 1, 0, raw("payload")), ok},
		"QoS 3":                      {V5, frame(0x36, "t", 0, 1, 0), malformed}, // [MQTT-3.3.1-4]
		"QoS 3, 3.1.1":               {V311, frame(0x36, "t", 0, 1), malformed},  // [MQTT-3.3.1-4 of 3.1.1]
		"DUP with QoS 0":             {V5, frame(0x38, "t", 0), malformed},       // [MQTT-3.3.1-2]
		"DUP with QoS 0, 3.1.1":      {V311, frame(0x38, "t"), malformed},        // [MQTT-3.3.1-2 of 3.1.1]
		"packet id 0":                {V5, frame(0x32, "t", 0, 0, 0), protocol},  // [MQTT-2.2.1-3]
		"packet id 0, 3.1.1":         {V311, frame(0x34, "t", 0, 0), protocol},   // [MQTT-2.3.1-1 of 3.1.1]
		"packet id cut off":          {V5, frame(0x32, "t", 0), malformed},
		"empty body":                 {V5, frame(0x30), malformed},
		"topic cut off":              {V5, frame(0x30, 0, 9, raw("t")), malformed},
		"property length missing":    {V5, frame(0x30, "t"), malformed}, // [MQTT-2.2.2-1]
		"property length too long":   {V5, frame(0x30, "t", 1), malformed},
		"property length padded":     {V5, frame(0x30, "t", 0x80, 0), malformed}, // [MQTT-1.5.5-1]
		"plus in topic":              {V5, frame(0x30, "a/+/b", 0), badTopic},    // [MQTT-3.3.2-2]
		"hash in topic":              {V311, frame(0x30, "a/#"), badTopic},       // [MQTT-3.3.2-2 of 3.1.1]
		"hash in a long topic":       {V5, frame(0x30, "12345678/12345#78/1", 0), badTopic},
		"wildcard behind umlauts":    {V5, frame(0x30, "größe/+", 0), badTopic},
		"topic of any script":        {V5, frame(0x30, "größe/温度/🌡", 0), ok},
		"topic not UTF-8":            {V5, frame(0x30, "a\xff", 0), malformed},        // [MQTT-3.3.2-1]
		"NUL in topic":               {V5, frame(0x30, "a\x00b", 0), malformed},       // [MQTT-1.5.4-2]
		"NUL in a long topic, 3.1.1": {V311, frame(0x30, "0123456\x0089"), malformed}, // [MQTT-4.7.3-2 of 3.1.1]
		"empty topic":                {V5, frame(0x30, "", 0), protocol},
		"empty topic, 3.1.1":         {V311, frame(0x30, ""), badTopic}, // [MQTT-4.7.3-1 of 3.1.1]
		"empty topic with alias":     {V5, frame(0x30, "", properties(0x23, 0, 1)), ok},
		"alias 0":                    {V5, frame(0x30, "t", properties(0x23, 0, 0)), badAlias}, // [MQTT-3.3.2-8]
		"subscription ids":           {V5, frame(0x30, "t", properties(0x0b, 1, 0x0b, 1)), ok}, // what servers send
	})
}

func TestPublishRead(t *testing.T) {
	body := join("größe/1", 0x12, 0x34, properties(0x01, 1, 0x23, 0, 7, 0x26, "a", "b", 0x02, 0, 0, 1, 0, 0x0b, 5, 0x26, "c", "d"), raw("payload"))
	var p Publish
	if err := p.Read(V5, 0xd, body); err != nil {
		t.Fatal(err)
	}
	if !p.Dup || p.QoS != 2 || !p.Retain || string(p.Topic) != "größe/1" || p.PacketID != 0x1234 || string(p.Payload) != "payload" ||
		p.Alias != 7 || !p.HasAlias || p.Expiry != 256 || !p.HasExpiry || p.PayloadFormat != 1 || !p.HasSubscriptionID {
		t.Errorf("read %+v", p)
	}
	if want := join(0x01, 1, 0x26, "a", "b", 0x26, "c", "d"); !bytes.Equal(p.Forward(nil), want) { // [MQTT-3.3.2-18]
		t.Errorf("Forward = %x, want %x", p.Forward(nil), want)
	}
	if got := p.Forward([]byte("x")); string(got[:1]) != "x" || !bytes.Equal(got[1:], p.Forward(nil)) {
		t.Errorf("Forward(x) = %x", got)
	}
	if got := p.Forward(nil); !bytes.Equal(body, join("größe/1", 0x12, 0x34, p.propsWithLength(), raw("payload"))) || cap(got) == 0 {
		t.Error("Forward changed the body")
	}
	if err := p.Read(V311, 0, join("t")); err != nil || p.HasAlias || p.HasExpiry || p.Props != nil || p.Forward(nil) != nil {
		t.Errorf("read again: %+v, %v, want nothing of before", p, err)
	}
}

func (p *Publish) propsWithLength() []byte {
	return append(appendVarint(nil, uint32(len(p.Props))), p.Props...)
}

// Forward copies only when it has to.
func TestForwardAliases(t *testing.T) {
	keep, alias, expiry := join(0x26, "a", "b"), join(0x23, 0, 7), join(0x02, 0, 0, 0, 9)
	tests := map[string]struct {
		props  []byte
		want   []byte
		copied bool
	}{
		"nothing":        {nil, nil, false},
		"only dropped":   {join(alias, expiry), nil, false},
		"all":            {join(keep, keep), join(keep, keep), false},
		"dropped first":  {join(alias, keep), keep, false},
		"dropped last":   {join(keep, keep, expiry), join(keep, keep), false},
		"around":         {join(alias, keep, keep, expiry), join(keep, keep), false},
		"in the middle":  {join(keep, alias, keep), join(keep, keep), true},
		"two in between": {join(keep, alias, expiry, keep), join(keep, keep), true},
		"here and there": {join(alias, keep, expiry, keep), join(keep, keep), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var p Publish
			if err := p.Read(V5, 0, join("t", properties(test.props))); err != nil {
				t.Fatal(err)
			}
			got := p.Forward(nil)
			if !bytes.Equal(got, test.want) {
				t.Fatalf("Forward = %x, want %x", got, test.want)
			}
			if len(got) > 0 {
				before := got[0]
				clear(p.Props)
				if copied := got[0] == before; copied != test.copied {
					t.Errorf("copied = %v, want %v", copied, test.copied)
				}
			}
		})
	}
}

// What is refused can still be answered.
func TestPublishPacketIDBesideError(t *testing.T) {
	var p Publish
	if err := p.Read(V5, 2, join("a/+", 0x12, 0x34, 0)); codeOf(err) != badTopic || p.PacketID != 0x1234 {
		t.Errorf("Read = %v, packet id %#x, want a bad topic and 0x1234", err, p.PacketID)
	}
}

func TestAppendPublish(t *testing.T) {
	m := &Message{Topic: "t", Payload: []byte("p"), Props: join(0x01, 1)}
	tests := map[string]struct {
		o    Out
		want []byte
	}{
		"3.1.1":              {Out{Version: V311}, frame(0x30, "t", raw("p"))},
		"3.1.1 has no props": {Out{Version: V311, QoS: 1, PacketID: 9, Alias: 3, OmitTopic: true, HasExpiry: true, SubIDs: []uint32{1}}, frame(0x32, "t", 0, 9, raw("p"))},
		"5.0":                {Out{Version: V5}, frame(0x30, "t", properties(0x01, 1), raw("p"))},
		"QoS 0 has no DUP":   {Out{Version: V5, Dup: true, PacketID: 9, Retain: true}, frame(0x31, "t", properties(0x01, 1), raw("p"))}, // [MQTT-3.3.1-2]
		"resent":             {Out{Version: V5, Dup: true, QoS: 2, PacketID: 0x102}, frame(0x3c, "t", 1, 2, properties(0x01, 1), raw("p"))},
		"alias":              {Out{Version: V5, Alias: 3}, frame(0x30, "t", properties(0x23, 0, 3, 0x01, 1), raw("p"))},
		"alias known":        {Out{Version: V5, Alias: 3, OmitTopic: true}, frame(0x30, "", properties(0x23, 0, 3, 0x01, 1), raw("p"))},
		"no alias to know":   {Out{Version: V5, OmitTopic: true}, frame(0x30, "t", properties(0x01, 1), raw("p"))},
		"expiry":             {Out{Version: V5, HasExpiry: true, Expiry: 5}, frame(0x30, "t", properties(0x02, 0, 0, 0, 5, 0x01, 1), raw("p"))},
		"subscription ids":   {Out{Version: V5, SubIDs: []uint32{1, 128}}, frame(0x30, "t", properties(0x0b, 1, 0x0b, 0x80, 1, 0x01, 1), raw("p"))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := AppendPublish([]byte("x"), m, &test.o)
			if string(got[:1]) != "x" || !bytes.Equal(got[1:], test.want) {
				t.Errorf("written %x, want %x", got[1:], test.want)
			}
			if n := PublishSize(m, &test.o); n != len(test.want) {
				t.Errorf("PublishSize = %d, want %d", n, len(test.want))
			}
		})
	}
}

func TestPublishTooLongForMQTT(t *testing.T) {
	m := &Message{Topic: "t", Payload: make([]byte, MaxRemaining)}
	o := &Out{Version: V311}
	if n := PublishSize(m, o); n <= MaxPacketSize {
		t.Errorf("PublishSize = %d, want more than any packet has", n)
	}
	if got := AppendPublish(nil, m, o); len(got) != 0 {
		t.Errorf("%d bytes were written", len(got))
	}
	m.Payload = m.Payload[:MaxRemaining-3]
	if n := PublishSize(m, o); n != MaxPacketSize {
		t.Errorf("PublishSize = %d, want %d", n, MaxPacketSize)
	}
}

func TestPatch(t *testing.T) {
	for _, topic := range []string{"t", strings.Repeat("long/", 60)} { // one and two bytes of length
		m := &Message{Topic: topic, Payload: []byte("payload"), Props: join(0x01, 1)}
		got := AppendPublish(nil, m, &Out{Version: V5, QoS: 1, PacketID: 0xffff})
		SetPacketID(got, 0x1234)
		SetDup(got)
		want := AppendPublish(nil, m, &Out{Version: V5, QoS: 1, PacketID: 0x1234, Dup: true})
		if !bytes.Equal(got, want) {
			t.Errorf("patched %x, want %x", got, want)
		}
	}
}
