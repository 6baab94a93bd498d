package message

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"gridmq/mqtt"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func read(query string, headers []string, body string) (Message, error) {
	values, _ := url.ParseQuery(query)
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	return Read(h, func(name string) (string, bool) { return values.Get(name), values.Has(name) }, []byte(body))
}

// Section 3.1, row by row.
func TestRead(t *testing.T) {
	props := func(ids []mqtt.PropID, p mqtt.Properties) mqtt.Properties {
		p.Mark(ids...)
		return p
	}
	tests := map[string]struct {
		query   string
		headers []string
		want    Message // without topic and payload
	}{
		"alone":                    {want: Message{QoS: 1}},
		"qos":                      {query: "&qos=0", want: Message{}},
		"qos header":               {headers: []string{"mqtt-qos", "0"}, want: Message{}},
		"qos, query first":         {query: "&qos=1", headers: []string{"mqtt-qos", "0"}, want: Message{QoS: 1}},
		"retain":                   {query: "&retain=1", want: Message{QoS: 1, Retain: true}},
		"retain header":            {headers: []string{"MQTT-Retain", "1"}, want: Message{QoS: 1, Retain: true}},
		"retain, query first":      {query: "&retain=0", headers: []string{"mqtt-retain", "1"}, want: Message{QoS: 1}},
		"response topic":           {headers: []string{"mqtt-response-topic", "halls%2F4%2Fa%20b"}, want: Message{QoS: 1, Properties: props([]mqtt.PropID{mqtt.PropResponseTopic}, mqtt.Properties{ResponseTopic: "halls/4/a b"})}},
		"correlation data":         {headers: []string{"mqtt-correlation-data", b64("job-5541")}, want: Message{QoS: 1, Properties: props([]mqtt.PropID{mqtt.PropCorrelationData}, mqtt.Properties{CorrelationData: []byte("job-5541")})}},
		"correlation, for URLs":    {headers: []string{"mqtt-correlation-data", "-_8"}, want: Message{QoS: 1, Properties: props([]mqtt.PropID{mqtt.PropCorrelationData}, mqtt.Properties{CorrelationData: []byte{0xfb, 0xff}})}},
		"content type":             {headers: []string{"Content-Type", "text/plain;charset=UTF-8"}, want: Message{QoS: 1, Properties: props([]mqtt.PropID{mqtt.PropContentType}, mqtt.Properties{ContentType: "text/plain;charset=UTF-8"})}},
		"expiry":                   {headers: []string{"mqtt-message-expiry", "60"}, want: Message{QoS: 1, Properties: props([]mqtt.PropID{mqtt.PropMessageExpiryInterval}, mqtt.Properties{MessageExpiryInterval: 60})}},
		"format":                   {headers: []string{"mqtt-payload-format-indicator", "1"}, want: Message{QoS: 1, Properties: props([]mqtt.PropID{mqtt.PropPayloadFormatIndicator}, mqtt.Properties{PayloadFormatIndicator: 1})}},
		"no format":                {headers: []string{"mqtt-payload-format-indicator", "0"}, want: Message{QoS: 1}},
		"user properties":          {headers: []string{"mqtt-user-properties", b64(`[{"Priority":"high"},{"Priority":"ops"},{"TraceId":"7d1c-04"}]`)}, want: Message{QoS: 1, Properties: mqtt.Properties{UserProperties: []mqtt.UserProperty{{Name: "Priority", Value: "high"}, {Name: "Priority", Value: "ops"}, {Name: "TraceId", Value: "7d1c-04"}}}}},
		"user properties, JSON":    {headers: []string{"mqtt-user-properties", `[{"a\u00e9":"b\n"}]`}, want: Message{QoS: 1, Properties: mqtt.Properties{UserProperties: []mqtt.UserProperty{{Name: "aé", Value: "b\n"}}}}},
		"user properties, nothing": {headers: []string{"mqtt-user-properties", b64(`[]`)}, want: Message{QoS: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := read("topic=halls%2F4%2Fcmd"+tt.query, tt.headers, "stop")
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Topic, tt.want.Payload = "halls/4/cmd", []byte("stop")
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("read %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	tests := map[string]struct {
		query   string
		headers []string
	}{
		"no topic":                     {},
		"empty topic":                  {query: "topic="},
		"wildcard":                     {query: "topic=a%2F%23"},
		"plus":                         {query: "topic=a%2F%2B"},
		"NUL":                          {query: "topic=a%00"},
		"not UTF-8":                    {query: "topic=%ff"},
		"QoS 2":                        {query: "topic=a&qos=2"},
		"QoS 2 in a header":            {query: "topic=a", headers: []string{"mqtt-qos", "2"}},
		"QoS is empty":                 {query: "topic=a&qos="},
		"retain":                       {query: "topic=a&retain=true"},
		"response topic":               {query: "topic=a", headers: []string{"mqtt-response-topic", "%zz"}},
		"response topic with wildcard": {query: "topic=a", headers: []string{"mqtt-response-topic", "a%2F%23"}},
		"correlation data":             {query: "topic=a", headers: []string{"mqtt-correlation-data", "*"}},
		"expiry is negative":           {query: "topic=a", headers: []string{"mqtt-message-expiry", "-1"}},
		"expiry is large":              {query: "topic=a", headers: []string{"mqtt-message-expiry", "4294967296"}},
		"format":                       {query: "topic=a", headers: []string{"mqtt-payload-format-indicator", "2"}},
		"content type":                 {query: "topic=a", headers: []string{"Content-Type", "\xff"}},
		"header twice":                 {query: "topic=a", headers: []string{"mqtt-message-expiry", "1", "mqtt-message-expiry", "1"}},
		"user properties":              {query: "topic=a", headers: []string{"mqtt-user-properties", "x"}},
		"an object":                    {query: "topic=a", headers: []string{"mqtt-user-properties", b64(`{"a":"b"}`)}},
		"two in one":                   {query: "topic=a", headers: []string{"mqtt-user-properties", b64(`[{"a":"b","c":"d"}]`)}},
		"none in one":                  {query: "topic=a", headers: []string{"mqtt-user-properties", b64(`[{}]`)}},
		"a number":                     {query: "topic=a", headers: []string{"mqtt-user-properties", b64(`[{"a":1}]`)}},
		"NUL in one":                   {query: "topic=a", headers: []string{"mqtt-user-properties", b64(`[{"a":"\u0000"}]`)}},
		"too many":                     {query: "topic=a", headers: []string{"mqtt-user-properties", b64("[" + strings.Repeat(`{"a":"b"},`, maxUserProperties) + `{"a":"b"}]`)}},
		"long":                         {query: "topic=a", headers: []string{"mqtt-user-properties", b64(`[{"a":"` + strings.Repeat("x", maxText+1) + `"}]`)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if m, err := read(tt.query, tt.headers, ""); err == nil {
				t.Errorf("read as %+v", m)
			}
		})
	}
}

// What is read can be sent as a PUBLISH.
func FuzzUserProperties(f *testing.F) {
	f.Add(b64(`[{"a":"b"},{"a":"\u00e9"}]`))
	f.Add(`[{"a":"b"}]`)
	f.Add(`[{"\ud800":""}]`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readUserProperties(text)
		if err != nil {
			return
		}
		for _, u := range list {
			if !mqtt.ValidString(u.Name) || !mqtt.ValidString(u.Value) {
				t.Errorf("%q read as %q", text, u)
			}
		}
	})
}
