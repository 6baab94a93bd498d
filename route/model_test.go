package route

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gridmq/event"
	"gridmq/mqtt"
	"pgregory.net/rapid"
)

// A situation is what a message is routed in.
type situation struct {
	config     Config
	message    mqtt.Message
	properties mqtt.Properties
	by         Publisher
}

var (
	someTexts   = rapid.SampledFrom([]string{"", "x", "night", "a,b", "ä€", "a\u0001b", "\uffff", "1.0", "/shop/7", "a b", "2026-03-02T07:41:09Z", "https://s.example/x", "true"})
	someNames   = rapid.SampledFrom([]string{"specversion", "id", "source", "type", "subject", "time", "dataschema", "datacontenttype", "data", "tenant", "hall", "shift", "work.shift", "Tenant", "it's", ""})
	contents    = rapid.SampledFrom([]string{"", "application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\"", "application/json; charset=latin1", "application/vnd.x+json", "text/plain", "image/svg+xml", "application/octet-stream", "application/cloudevents+json", "application/cloudevents+json; charset=utf-16", "application/cloudevents-batch+json", "application/cloudevents", "a\u0001"})
	somePayload = rapid.OneOf(
		rapid.SampledFrom([][]byte{nil, []byte("x"), []byte(" {\"a\": 1.50}\n"), []byte("null"), []byte("\"s\""), []byte("[1"), {0xff}, []byte("a\x00"),
			[]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t"}`), []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","hall":4,"data":{"x":1},"time":"2026-03-02T07:41:09z"}`),
			[]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AA=="}`), []byte(`{"specversion":"1.0","id":"","source":"/s","type":"t"}`)}),
		rapid.SliceOfN(rapid.Byte(), 0, 40),
	)
	someVariables = rapid.SampledFrom([]string{"${client.authenticationName}", "${client.attributes.hall}", "${client.attributes.sensors}", "${client.attributes.missing}",
		"${mqtt.message.userProperties.shift}", "${mqtt.message.userProperties['work.shift']}", `${mqtt.message.userProperties['it\'s']}`,
		"${mqtt.message.topicName}", "${mqtt.message.responseTopic}", "${mqtt.message.correlationData}", "${mqtt.message.pfi}"})
)

func drawSituation(t *rapid.T) (s situation) {
	keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"site", "tenant", "hall", "shift", "a1", "corr", "pfi"}), 0, 7, rapid.ID).Draw(t, "keys")
	for _, k := range keys {
		if rapid.Bool().Draw(t, "static") {
			s.config.Static = append(s.config.Static, Enrichment{k, rapid.SampledFrom([]string{"x", "lyon-2", "ä"}).Draw(t, "value")})
			continue
		}
		s.config.Dynamic = append(s.config.Dynamic, Enrichment{k, someVariables.Draw(t, "variable")})
	}
	s.message = mqtt.Message{
		Topic:     rapid.SampledFrom([]string{"a", "halls/4", "x\u0007", "$mine/ä"}).Draw(t, "topic"),
		QoS:       rapid.ByteMax(2).Draw(t, "qos"),
		Payload:   somePayload.Draw(t, "payload"),
		Published: rapid.Int64Range(0, 4_000_000_000_000).Draw(t, "published"),
	}
	p := &s.properties
	if rapid.Bool().Draw(t, "v5") {
		drawProperties(t, p)
	}
	s.message.Props = p.Forward(nil)
	if rapid.Bool().Draw(t, "somebody") {
		s.by = Publisher{someTexts.Draw(t, "name"), attributeMap{
			"hall": Integer(rapid.Int64().Draw(t, "hall")), "sensors": List(rapid.SliceOfN(someTexts, 0, 3).Draw(t, "sensors")),
		}}
	}
	return s
}

func drawProperties(t *rapid.T, p *mqtt.Properties) {
	if rapid.Bool().Draw(t, "format") {
		p.PayloadFormatIndicator = rapid.ByteMax(1).Draw(t, "indicator")
		p.Mark(mqtt.PropPayloadFormatIndicator)
	}
	if rapid.Bool().Draw(t, "typed") {
		p.ContentType = contents.Draw(t, "content type")
		p.Mark(mqtt.PropContentType)
	}
	if rapid.Bool().Draw(t, "request") {
		p.ResponseTopic, p.CorrelationData = "halls/r\u0001", somePayload.Draw(t, "correlation")
		p.Mark(mqtt.PropResponseTopic, mqtt.PropCorrelationData)
	}
	if rapid.Bool().Draw(t, "event") {
		for _, name := range []string{"specversion", "id", "source", "type"} {
			p.UserProperties = append(p.UserProperties, mqtt.UserProperty{Name: name, Value: map[string]string{"specversion": "1.0", "source": "/s"}[name] + "1"[:b2i(name == "id" || name == "type")]})
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "more") {
		p.UserProperties = append(p.UserProperties, mqtt.UserProperty{Name: someNames.Draw(t, "name"), Value: someTexts.Draw(t, "value")})
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestModel compares what the room makes of a message with a slow reading of the spec.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t)
		table, err := Compile("plantns", s.config)
		if err != nil {
			t.Fatal(err)
		}
		prefix := []byte("kept")
		b := table.AppendRecord(prefix, &s.message, s.by)
		if !bytes.HasPrefix(b, prefix) {
			t.Fatal("AppendRecord has not appended")
		}
		e, err := Render(b[len(prefix):], goldenID)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Validate(); err != nil {
			t.Fatalf("not valid: %v", err)
		}
		text := e.AppendJSON(nil)
		if got, want := decoded(t, text), decoded(t, encoded(t, s.model())); !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %s\nwant %v", text, want)
		}
	})
}

func encoded(t *rapid.T, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decoded(t *rapid.T, b []byte) (m map[string]any) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return m
}

// model is the event as the members of its JSON: sections 3 and 4, line by line.
func (s *situation) model() map[string]any {
	e := s.existing()
	if e == nil {
		e = map[string]any{
			"specversion": "1.0", "id": "0d9cbd5e-62e3-4e0b-8a0b-6a1e3f7f2c11", "type": "MQTT.EventPublished", "source": "plantns",
			"subject": event.CleanText(s.message.Topic),
			"time":    time.UnixMilli(s.message.Published).UTC().Format("2006-01-02T15:04:05.999Z"),
		}
		if c := s.properties.ContentType; c != "" {
			e["datacontenttype"] = event.CleanText(c)
		}
		s.modelData(e, slices.Contains([]string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""}, s.properties.ContentType))
	}
	for _, one := range s.config.Static {
		e[one.Key] = one.Value
	}
	for _, one := range s.config.Dynamic {
		e[one.Key] = s.modelValue(one.Value)
	}
	return e
}

func (s *situation) modelData(e map[string]any, isJSON bool) {
	p := s.message.Payload
	switch {
	case len(p) == 0:
	case !isJSON && s.properties.PayloadFormatIndicator != 1:
		e["data_base64"] = base64.StdEncoding.EncodeToString(p)
	case utf8.Valid(p) && json.Valid(p):
		e["data"] = json.RawMessage(p)
	case utf8.Valid(p):
		e["data"] = string(p)
	default:
		e["data_base64"] = base64.StdEncoding.EncodeToString(p)
	}
}

// existing is a message that is a CloudEvent, nil if it is none (section 3.2). Whether
// it is valid is asked of the JSON format for both modes.
func (s *situation) existing() map[string]any {
	content := strings.ToLower(s.properties.ContentType)
	if strings.HasPrefix(content, "application/cloudevents") {
		if content != "application/cloudevents+json" {
			return nil
		}
		return readEvent(s.message.Payload)
	}
	e := map[string]any{}
	for _, p := range s.properties.UserProperties {
		standard := slices.Contains([]string{"specversion", "id", "source", "type", "subject", "time", "dataschema"}, p.Name)
		if standard || event.ValidExtensionName(p.Name) {
			e[p.Name] = p.Value
		}
	}
	if content != "" {
		e["datacontenttype"] = s.properties.ContentType
	}
	doc, _ := json.Marshal(e)
	if e = readEvent(doc); e == nil {
		return nil
	}
	isText := slices.Contains([]string{"text/plain", "image/svg+xml"}, content)
	if isText && utf8.Valid(s.message.Payload) {
		if len(s.message.Payload) > 0 {
			e["data"] = string(s.message.Payload)
		}
		return e
	}
	s.modelData(e, strings.Contains(content, "json") && !strings.Contains(content, "latin1"))
	return e
}

func readEvent(doc []byte) (m map[string]any) {
	e, err := event.Read(doc, event.Limits{})
	if err != nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(e.AppendJSON(nil)))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return nil
	}
	return m
}

func (s *situation) modelValue(variable string) any {
	clean := event.CleanText
	switch variable {
	case "${client.authenticationName}":
		return clean(s.by.Name)
	case "${client.attributes.hall}":
		if s.by.Attributes == nil {
			return ""
		}
		n := s.by.Attributes.Attribute("hall").n
		if int64(int32(n)) != n {
			return strconv.FormatInt(n, 10)
		}
		return n
	case "${client.attributes.sensors}":
		if s.by.Attributes == nil {
			return ""
		}
		return clean(strings.Join(s.by.Attributes.Attribute("sensors").list, ","))
	case "${client.attributes.missing}":
		return ""
	case "${mqtt.message.topicName}":
		return clean(s.message.Topic)
	case "${mqtt.message.responseTopic}":
		return clean(s.properties.ResponseTopic)
	case "${mqtt.message.correlationData}":
		return base64.StdEncoding.EncodeToString(s.properties.CorrelationData)
	case "${mqtt.message.pfi}":
		return s.properties.PayloadFormatIndicator
	}
	name := map[string]string{"${mqtt.message.userProperties.shift}": "shift", "${mqtt.message.userProperties['work.shift']}": "work.shift"}[variable]
	if name == "" {
		name = "it's"
	}
	var list []string
	for _, p := range s.properties.UserProperties {
		if p.Name == name {
			list = append(list, p.Value)
		}
	}
	return clean(strings.Join(list, ","))
}
