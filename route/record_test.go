package route

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"gridmq/event"
	"gridmq/mqtt"
)

// TestRecord holds the code to the example of docs/formats/routed-record.md.
func TestRecord(t *testing.T) {
	table := compile(t, Config{
		Topic:   Destination{Topic: "states"},
		Static:  []Enrichment{{"site", "ly"}},
		Dynamic: []Enrichment{{"hall", "${client.attributes.hall}"}, {"s", "${mqtt.message.userProperties.sh}"}, {"pfi", "${mqtt.message.pfi}"}},
	})
	m := &mqtt.Message{Topic: "a/b", QoS: 1, Published: 1, Payload: []byte("pp")}
	got := table.AppendRecord(nil, m, Publisher{Name: "press-07", Attributes: attributeMap{"hall": Integer(4)}})
	const want = "01 07 706c616e746e73 04" +
		"00 04 73697465 02 6c79" +
		"01 04 68616c6c 08" +
		"03 01 73 02 7368" +
		"07 03 706669" +
		"01 01 02 03 612f62 00 02 7070"
	if hex.EncodeToString(got) != strings.ReplaceAll(want, " ", "") {
		t.Errorf("%x, want %s", got, want)
	}
	const event = `{"specversion":"1.0","id":"0d9cbd5e-62e3-4e0b-8a0b-6a1e3f7f2c11","time":"1970-01-01T00:00:00.001Z","type":"MQTT.EventPublished",` +
		`"source":"plantns","subject":"a/b","site":"ly","hall":4,"s":"","pfi":0,"data_base64":"cHA="}`
	if e, err := Render(got, goldenID); err != nil || string(e.AppendJSON(nil)) != event {
		t.Errorf("%s, %v, want %s", e.AppendJSON(nil), err, event)
	}
}

// An event does not change with the configuration: the record says everything.
func TestRecordIsComplete(t *testing.T) {
	before := compile(t, Config{Static: []Enrichment{{"site", "lyon-2"}}})
	b := before.AppendRecord(nil, &mqtt.Message{Topic: "a"}, Publisher{})
	compile(t, Config{Static: []Enrichment{{"site", "oslo-1"}}})
	e, err := Render(b, goldenID)
	if v, _ := e.Extension("site"); err != nil || v != event.String("lyon-2") {
		t.Errorf("%v, %v", v, err)
	}
}

// The payload is in the record once, wherever the message goes, and the record is not
// much larger than what it says.
func TestPayloadOnce(t *testing.T) {
	table := compile(t, Config{Topic: to("a")[0], Routes: []Route{{Destination: to("b")[0]}, {Destination: to("c")[0]}}, Dynamic: []Enrichment{{"t", "${mqtt.message.topicName}"}}})
	m := &mqtt.Message{Topic: "halls/4", Payload: []byte("the payload")}
	b := table.AppendRecord(nil, m, Publisher{})
	if n := bytes.Count(b, m.Payload); n != 1 {
		t.Errorf("the payload is there %d times", n)
	}
	if n := bytes.Count(b, []byte(m.Topic)); n != 1 {
		t.Errorf("the topic is there %d times", n)
	}
	if n := len(mqtt.AppendMessage(nil, m)); len(b) > n+20 {
		t.Errorf("%d bytes for a message of %d", len(b), n)
	}
}

// A record that was cut off, or goes on, is noticed.
func TestRecordDamaged(t *testing.T) {
	whole := recordOf(t)
	for n := range whole {
		if _, err := Render(whole[:n], goldenID); !errors.Is(err, ErrRecord) {
			t.Errorf("the first %d bytes of %d: %v", n, len(whole), err)
		}
	}
	for name, b := range map[string][]byte{
		"goes on":         append(bytes.Clone(whole), 0),
		"another version": append([]byte{2}, whole[1:]...),
		"no namespace":    []byte("\x01\x00\x00\x01\x00\x02\x01a\x00\x00"),
		"bad key":         []byte("\x01\x01n\x01\x07\x01A\x01\x00\x02\x01a\x00\x00"),
		"unknown source":  []byte("\x01\x01n\x01\x08\x01a\x01\x00\x02\x01a\x00\x00"),
		"65 enrichments":  append(append([]byte("\x01\x01n\x41"), bytes.Repeat([]byte("\x04\x01a"), 65)...), "\x01\x00\x02\x01a\x00\x00"...),
	} {
		if _, err := Render(b, goldenID); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Render([]byte("\x01\x01n\x01\x07\x01a\x01\x00\x02\x01a\x00\x00"), goldenID); err != nil {
		t.Errorf("what the cases above are made of: %v", err)
	}
}

func recordOf(t testing.TB) []byte {
	table := compile(t, traffic)
	return table.AppendRecord(nil, trafficMessage, trafficClient)
}

// Strings of an event are its own: the record's bytes are used again.
func TestRenderKeepsNothing(t *testing.T) {
	b := recordOf(t)
	e, err := Render(b, goldenID)
	if err != nil {
		t.Fatal(err)
	}
	e.Data = bytes.Clone(e.Data) // the one thing that may alias it
	before := string(e.AppendJSON(nil))
	clear(b)
	if after := string(e.AppendJSON(nil)); after != before {
		t.Errorf("was %s\nis  %s", before, after)
	}
}

// More extensions than an event may have make an ordinary message: names are compared
// with each other.
func TestTooManyExtensions(t *testing.T) {
	for n, want := range map[int]string{128: "t", 129: EventType} {
		p := mqtt.Properties{UserProperties: []mqtt.UserProperty{{Name: "specversion", Value: "1.0"}, {Name: "id", Value: "1"}, {Name: "source", Value: "/s"}, {Name: "type", Value: "t"}}}
		for i := range n {
			p.UserProperties = append(p.UserProperties, mqtt.UserProperty{Name: "x" + strings.Repeat("i", i/26%20) + string(rune('a'+i%26))})
		}
		m := &mqtt.Message{Topic: "a", Props: p.Forward(nil)}
		e, err := Render(compile(t, Config{}).AppendRecord(nil, m, Publisher{}), goldenID)
		if err != nil || e.Type != want {
			t.Errorf("%d extensions: type %q, %v, want %q", n, e.Type, err, want)
		}
	}
}

// Whatever is rendered is a valid event that can be read again.
func FuzzRender(f *testing.F) {
	f.Add(recordOf(f))
	f.Add([]byte("\x01\x01n\x00\x01\x00\x02\x01a\x00\x00"))
	f.Add([]byte("\x01\x01n\x02\x00\x01a\x01\xff\x02\x01b\x01\x01\x00\x02\x01a\x02\x01\x01\x02{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Render(b, goldenID)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Errorf("%v is no ErrRecord", err)
			}
			return
		}
		holds(t, &e)
	})
}

// FuzzPayload sends any payload and user properties, as a client can that may publish.
func FuzzPayload(f *testing.F) {
	f.Add("application/cloudevents+json", []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","a":1,"data":null}`), "subject", "x", true)
	f.Add("application/json", []byte(`{"a":1}`), "time", "2026-03-02T07:41:09z", false)
	f.Add("text/plain; charset=\"utf-16\"", []byte("a\x00"), "hall", "4", true)
	table := compile(f, traffic)
	f.Fuzz(func(t *testing.T, contentType string, payload []byte, name, value string, indicator bool) {
		p := mqtt.Properties{ContentType: contentType, UserProperties: []mqtt.UserProperty{
			{Name: "specversion", Value: "1.0"}, {Name: "id", Value: "1"}, {Name: "source", Value: "/s"}, {Name: "type", Value: "t"}, {Name: name, Value: value},
		}}
		p.Mark(mqtt.PropContentType)
		if indicator {
			p.PayloadFormatIndicator = 1
			p.Mark(mqtt.PropPayloadFormatIndicator)
		}
		m := &mqtt.Message{Topic: "a", Payload: payload, Props: p.Forward(nil)}
		if m.Check() != nil {
			t.Skip("no message that the broker would take")
		}
		e, err := Render(table.AppendRecord(nil, m, Publisher{Name: name}), goldenID)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, &e)
	})
}

func holds(t *testing.T, e *event.Event) {
	if err := e.Validate(); err != nil {
		t.Fatalf("not valid: %v", err)
	}
	text := e.AppendJSON(nil)
	again, err := event.Read(text, event.Limits{EventBytes: 1 << 30, RequestBytes: 1 << 30, Extensions: 1000})
	if err != nil {
		t.Fatalf("%s cannot be read: %v", text, err)
	}
	if e.ID != again.ID || e.Source != again.Source || e.Type != again.Type || len(e.Extensions) != len(again.Extensions) {
		t.Fatalf("%s is read as another event", text)
	}
}
