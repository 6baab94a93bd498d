package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gridmq/access"
	"gridmq/mqtt"
	"gridmq/topic"
)

// A broker takes messages, and has retained ones in the order of their topics.
type broker struct {
	published []Publication
	routed    bool
	err       error
	retained  []RetainedMessage
}

func (b *broker) PublishMessage(_ context.Context, p Publication) (bool, error) {
	if b.err != nil {
		return false, b.err
	}
	p.Payload = slices.Clone(p.Payload)
	b.published = append(b.published, p)
	return b.routed, nil
}

func (b *broker) Get(_ context.Context, _, name string) (RetainedMessage, bool, error) {
	for _, m := range b.retained {
		if m.Topic == name {
			return m, true, b.err
		}
	}
	return RetainedMessage{}, false, b.err
}

func (b *broker) List(_ context.Context, _, filter, after string, limit int) (list []RetainedMessage, more bool, err error) {
	for _, m := range b.retained {
		if m.Topic > after && topic.Match(filter, m.Topic) {
			if len(list) == limit {
				return list, true, b.err
			}
			list = append(list, m)
		}
	}
	return list, false, b.err
}

const (
	messagePath  = "/mqtt/messages?api-version=2025-08-01-preview&topic="
	retainedPath = "/mqtt/retainedMessages?api-version=2025-11-16-preview"
	onePath      = "/mqtt/retainedMessages/message?api-version=2025-11-16-preview"
)

func withBroker(b *broker, roles ...*access.RoleAssignment) func(*house) {
	return func(h *house) {
		h.o.Messages, h.o.Retained, h.o.Bearer = b, b, directory{roles}
	}
}

func get(r *http.Request) { r.Method = http.MethodGet }

var (
	ann    = header("Authorization", "Bearer ann")
	reader = &access.RoleAssignment{Principal: "ann", Role: access.SubscriberRole, Scope: plantID}
)

// retain-and-http-publish.md, section 3: the example there.
func TestPublishMessage(t *testing.T) {
	b := new(broker)
	h := newHouse(t, withBroker(b))
	ask := func(change ...func(*http.Request)) answer {
		return h.do(h.ask(messagePath+"halls%2F4%2Fpresses%2Fpress-07%2Fcmd", "stop after this cycle", append([]func(*http.Request){ann,
			header("mqtt-qos", "1"), header("mqtt-retain", "0"), header("mqtt-response-topic", "halls%2F4%2Fconsole%2Freply"),
			header("mqtt-correlation-data", "am9iLTU1NDE="), header("mqtt-message-expiry", "60"), header("Content-Type", "text/plain;charset=UTF-8"),
			header("mqtt-user-properties", "W3siUHJpb3JpdHkiOiJoaWdoIn0seyJQcmlvcml0eSI6Im9wcyJ9LHsiVHJhY2VJZCI6IjdkMWMtMDQifV0=")}, change...)...))
	}
	if a := ask(); a.status != 204 || a.body != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	p := b.published[0]
	if p.Namespace != "Plant" || p.Who.Object != "ann" || p.From.String() != "192.0.2.7" || p.Topic != "halls/4/presses/press-07/cmd" || p.QoS != 1 || p.Retain ||
		string(p.Payload) != "stop after this cycle" || string(p.Properties.CorrelationData) != "job-5541" || len(p.Properties.UserProperties) != 3 {
		t.Errorf("published %+v", p)
	}
	if o := h.last(); o.Operation != PublishMessage || o.Succeeded != 1 || o.Caller != "ann" {
		t.Errorf("observed %+v", o)
	}
	b.routed = true
	if a := ask(); a.status != 202 {
		t.Errorf("routed: %d", a.status)
	}
}

func TestPublishMessageRefused(t *testing.T) {
	refusal := func(code mqtt.Code) error { return &mqtt.Error{Op: "publish", Code: code, Err: errors.New("secret")} }
	tests := map[string]struct {
		change func(*http.Request)
		err    error
		house  func(*house)
		body   string
		status int
	}{
		"key":            {change: func(r *http.Request) { r.Header.Set("Authorization", "SharedAccessKey x") }, status: 401},
		"no credential":  {change: header("Authorization", ""), status: 401},
		"GET":            {change: get, status: 405},
		"wildcard":       {change: func(r *http.Request) { r.URL.RawQuery = "api-version=2025-08-01-preview&topic=%23" }, status: 400},
		"topic twice":    {change: func(r *http.Request) { r.URL.RawQuery += "&topic=b" }, status: 400},
		"QoS twice":      {change: func(r *http.Request) { r.URL.RawQuery += "&qos=0&qos=1" }, status: 400},
		"version":        {change: func(r *http.Request) { r.URL.RawQuery = "api-version=2024-06-01&topic=a" }, status: 400},
		"QoS":            {change: header("mqtt-qos", "2"), status: 400},
		"disabled":       {house: func(h *house) { h.ns.Disabled = true }, status: 404},
		"large":          {body: strings.Repeat("x", 512<<10+1), status: 413},
		"not authorized": {err: refusal(mqtt.NotAuthorized), status: 403},
		"topic":          {err: refusal(mqtt.TopicNameInvalid), status: 400},
		"retain":         {err: refusal(mqtt.RetainNotSupported), status: 400},
		"too large":      {err: refusal(mqtt.PacketTooLarge), status: 413},
		"quota":          {err: refusal(mqtt.QuotaExceeded), status: 429},
		"busy":           {err: refusal(mqtt.ServerBusy), status: 503},
		"unknown code":   {err: refusal(mqtt.UnspecifiedError), status: 500},
		"failure":        {err: errors.New("secret"), status: 500},
		"no time":        {err: context.DeadlineExceeded, status: 503},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := &broker{err: tt.err}
			h := newHouse(t, withBroker(b), func(h *house) {
				if tt.house != nil {
					tt.house(h)
				}
			})
			r := h.ask(messagePath+"a", tt.body, ann)
			if tt.change != nil {
				tt.change(r)
			}
			a := h.do(r)
			if a.code(t); a.status != tt.status || strings.Contains(a.body, "secret") {
				t.Errorf("%d %s, want %d", a.status, a.body, tt.status)
			}
			if len(b.published) > 0 || h.last().Failed != 1 {
				t.Errorf("published %+v, observed %+v", b.published, h.last())
			}
		})
	}
}

var changed = time.Date(2026, 3, 2, 7, 41, 10, 5, time.UTC)

// Section 2.1.
func TestGetRetained(t *testing.T) {
	b := &broker{retained: []RetainedMessage{
		{Topic: "halls/4", QoS: 1, Size: 58, Expires: changed.Add(time.Hour), Modified: changed, Payload: []byte("on"), ContentType: "text/plain", UserProperties: []mqtt.UserProperty{{Name: "a", Value: "b"}, {Name: "a", Value: "c"}}},
		{Topic: "hälls\nx", Size: 9, Modified: changed},
	}}
	h := newHouse(t, withBroker(b, reader))
	a := h.do(h.ask(onePath+"&topic=halls%2F4", "", get, ann))
	if a.status != 200 || a.body != "on" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for name, want := range map[string]string{"Content-Type": "application/octet-stream", "x-ms-mqtt-topic": "halls/4", "x-ms-mqtt-qos": "1", "x-ms-mqtt-size": "58",
		"x-ms-mqtt-expiry": "2026-03-02T08:41:10Z", "x-ms-mqtt-last-modified": "2026-03-02T07:41:10Z", "mqtt-content-type": "text/plain",
		"mqtt-user-properties": base64.StdEncoding.EncodeToString([]byte(`[{"a":"b"},{"a":"c"}]`))} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	a = h.do(h.ask(onePath+"&topic="+url.QueryEscape("hälls\nx"), "", get, ann))
	if a.status != 200 || a.body != "" || a.header.Get("x-ms-mqtt-topic") != "h%C3%A4lls%0Ax" || a.header.Values("x-ms-mqtt-expiry") != nil {
		t.Errorf("%d %v", a.status, a.header)
	}
	for path, status := range map[string]int{onePath + "&topic=HALLS%2F4": 404, onePath: 400, onePath + "&topic=%23": 400, onePath + "&topic=a&topic=b": 400, "/mqtt/retainedMessages/message?topic=a": 400} {
		if a := h.do(h.ask(path, "", get, ann)); a.status != status || a.code(t) == "" {
			t.Errorf("%s: %d, want %d", path, a.status, status)
		}
	}
	if a := h.do(h.ask(onePath+"&topic=a", "", ann)); a.status != 405 || a.header.Get("Allow") != "GET" {
		t.Errorf("POST: %d", a.status)
	}
	if a := h.do(h.ask(onePath+"&topic=a", "", get)); a.status != 401 {
		t.Errorf("with a key: %d", a.status)
	}
	h = newHouse(t, withBroker(b))
	if a := h.do(h.ask(onePath+"&topic=halls%2F4", "", get, ann)); a.status != 403 {
		t.Errorf("without a role: %d", a.status)
	}
}

// Section 2.2: pages until there is no link.
func TestListRetained(t *testing.T) {
	b := new(broker)
	for _, name := range []string{"a/1", "a/2", "a/3", "a/4", "a/5", "b"} {
		b.retained = append(b.retained, RetainedMessage{Topic: name, QoS: 1, Size: 7, Modified: changed})
	}
	b.retained[0].Expires = changed.Add(time.Minute)
	h := newHouse(t, withBroker(b, reader))
	var names []string
	path, pages := "/ns/plant"+retainedPath+"&maxResults=2&topicFilter=a%2F%2B", 0
	for ; path != ""; pages++ {
		a := h.do(h.ask(path, "", get, ann))
		var page struct {
			NextLink         *string
			RetainedMessages []struct {
				Topic            string
				Size             int
				Expiry           *string
				LastModifiedTime string
			}
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != 200 || page.RetainedMessages == nil {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		for _, m := range page.RetainedMessages {
			names = append(names, m.Topic)
			if (m.Expiry != nil) != (m.Topic == "a/1") || m.LastModifiedTime != "2026-03-02T07:41:10Z" || m.Size != 7 {
				t.Errorf("%+v", m)
			}
		}
		path = ""
		if page.NextLink != nil {
			var ok bool
			if path, ok = strings.CutPrefix(*page.NextLink, "https://plant.example"); !ok || strings.Contains(path, "topicFilter") {
				t.Fatalf("next: %s", *page.NextLink)
			}
		}
	}
	if got := strings.Join(names, " "); got != "a/1 a/2 a/3 a/4 a/5" || pages != 3 {
		t.Errorf("%s in %d pages", got, pages)
	}
	if a := h.do(h.ask(retainedPath+"&topicFilter=c", "", get, ann)); a.body != `{"nextLink":null,"retainedMessages":[]}` {
		t.Errorf("nothing: %s", a.body)
	}
	for _, query := range []string{"", "&topicFilter=", "&topicFilter=a%23", "&topicFilter=a&maxResults=0", "&topicFilter=a&maxResults=101", "&continuationToken=x",
		"&continuationToken=" + base64.RawURLEncoding.EncodeToString([]byte(`{"f":"a#","a":"b"}`)), "&topicFilter=a&continuationToken=x"} {
		if a := h.do(h.ask(retainedPath+query, "", get, ann)); a.status != 400 || a.code(t) != "BadRequest" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

// Links have the address that the client used, which a proxy of ours may know better.
func TestNextLinkBehindProxies(t *testing.T) {
	b := &broker{retained: []RetainedMessage{{Topic: "a"}, {Topic: "b"}}}
	for from, want := range map[string]string{"10.0.0.1:1": "http://public.example/", "192.0.2.7:1": "https://plant.example/"} {
		h := newHouse(t, withBroker(b, reader), func(h *house) { h.o.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
		r := h.ask(retainedPath+"&topicFilter=%2B&maxResults=1", "", get, ann, header("X-Forwarded-Proto", "http"), header("X-Forwarded-Host", "public.example"))
		r.RemoteAddr = from
		var page struct{ NextLink string }
		if a := h.do(r); json.Unmarshal([]byte(a.body), &page) != nil || !strings.HasPrefix(page.NextLink, want) {
			t.Errorf("from %s: %s", from, a.body)
		}
	}
}

func FuzzContinuation(f *testing.F) {
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"f":"a/+","a":"a/1"}`)))
	f.Fuzz(func(t *testing.T, token string) {
		if from, bad := readContinuation(token); bad == nil && (topic.ValidFilter(from.Filter) != nil || topic.ValidName(from.After) != nil) {
			t.Errorf("%q is %+v", token, from)
		}
	})
}
