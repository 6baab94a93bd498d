package gateway

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gridmq/delivery"
	"gridmq/internal/bubble"
)

// TestClientLibraries sends what the libraries were seen to send, byte by byte but for
// keys, and checks what they need of the answers. Source: sdk-compatibility.md,
// sections 2, 4, 5, 6 and 7.
func TestClientLibraries(t *testing.T) {
	const goHeaders = "Accept: application/json\r\nAccept-Encoding: gzip\r\nAuthorization: SharedAccessKey KEY\r\nUser-Agent: azsdk-go-aznamespaces.Client/v1.0.0 (go1.26; linux)\r\n"
	const jsHeaders = "accept: application/json\r\nauthorization: SharedAccessKey KEY\r\nx-ms-client-request-id: 0b0b7a5e-5a41-4ab4-9c3a-000000000001\r\nUser-Agent: azsdk-js-eventgrid-namespaces-rest/1.0.0\r\n"
	const queue = "/topics/orders/eventsubscriptions/billing"
	tests := map[string]struct {
		method, headers, body string
		want                  string // body of the answer
		events                int
		call                  string // of the queue
	}{
		"Go, object": {"/topics/orders:publish?api-version=2024-06-01", goHeaders + "Content-Type: application/cloudevents+json; charset=utf-8\r\n",
			`{"data":{"a":1},"id":"023b44cb","source":"/src","specversion":"1.0","time":"2026-11-21T19:38:15.210299762Z","type":"my.type"}`, "{}", 1, ""},
		"Go, bytes": {"/topics/orders:publish?api-version=2024-06-01", goHeaders + "Content-Type: application/cloudevents+json; charset=utf-8\r\n",
			`{"data_base64":"AAEC/w==","datacontenttype":"application/octet-stream","dataschema":"http://s","ext1":"v","ext2":5,"ext3":true,"id":"1","source":"/src","specversion":"1.0","subject":"sub","time":"2024-01-02T03:04:05.000006Z","type":"my.type"}`, "{}", 1, ""},
		"Go, no data": {"/topics/orders:publish?api-version=2024-06-01", goHeaders + "Content-Type: application/cloudevents+json; charset=utf-8\r\n",
			`{"id":"1","source":"/src","specversion":"1.0","type":"my.type"}`, "{}", 1, ""},
		"Go, batch": {"/topics/orders:publish?api-version=2024-06-01", goHeaders + "Content-Type: application/cloudevents-batch+json; charset=utf-8\r\n",
			`[{"id":"1","source":"/src","specversion":"1.0","type":"my.type"},{"id":"2","source":"/src","specversion":"1.0","type":"my.type"}]`, "{}", 2, ""},
		"Go, receive": {queue + ":receive?api-version=2024-06-01", goHeaders, "",
			`{"value":[{"brokerProperties":{"lockToken":"t+/=1","deliveryCount":1},"event":EVENT}]}`, 0, "receive 1 1m0s"},
		"Go, receive with options": {queue + ":receive?api-version=2024-06-01&maxEvents=100&maxWaitTime=10", goHeaders, "",
			`{"value":[{"brokerProperties":{"lockToken":"t+/=1","deliveryCount":1},"event":EVENT}]}`, 0, "receive 100 10s"},
		"Go, acknowledge": {queue + ":acknowledge?api-version=2024-06-01", goHeaders + "Content-Type: application/json\r\n", `{"lockTokens":["tok1","tok2"]}`,
			`{"succeededLockTokens":["tok1","tok2"],"failedLockTokens":[]}`, 0, `acknowledge ["tok1" "tok2"]`},
		"Go, acknowledge nothing": {queue + ":acknowledge?api-version=2024-06-01", goHeaders + "Content-Type: application/json\r\n", `{"lockTokens":[]}`,
			`{"succeededLockTokens":[],"failedLockTokens":[]}`, 0, ""},
		"Go, release": {queue + ":release?api-version=2024-06-01", goHeaders + "Content-Type: application/json\r\n", `{"lockTokens":["tok1"]}`,
			`{"succeededLockTokens":["tok1"],"failedLockTokens":[]}`, 0, `release ["tok1"] 0s`},
		"Go, release with delay": {queue + ":release?api-version=2024-06-01&releaseDelayInSeconds=3600", goHeaders + "Content-Type: application/json\r\n", `{"lockTokens":["tok1"]}`,
			`{"succeededLockTokens":["tok1"],"failedLockTokens":[]}`, 0, `release ["tok1"] 1h0m0s`},
		"Go, reject": {queue + ":reject?api-version=2024-06-01", goHeaders + "Content-Type: application/json\r\n", `{"lockTokens":["tok1"]}`,
			`{"succeededLockTokens":["tok1"],"failedLockTokens":[]}`, 0, `reject ["tok1"]`},
		"Go, renew": {queue + ":renewLock?api-version=2024-06-01", goHeaders + "Content-Type: application/json\r\n", `{"lockTokens":["tok1"]}`,
			`{"succeededLockTokens":["tok1"],"failedLockTokens":[]}`, 0, `renewLock ["tok1"]`},
		"JavaScript, event": {"/topics/orders:publish?api-version=2024-06-01", jsHeaders + "content-type: application/cloudevents+json; charset=utf-8\r\n",
			`{"id":"1","source":"/s","data":{"a":1},"type":"t","time":"2026-11-21T19:39:16.784Z","specversion":"1.0","datacontenttype":"application/cloudevents+json; charset=utf-8"}`, "{}", 1, ""},
		"JavaScript, receive": {queue + ":receive?maxEvents=5&maxWaitTime=10&api-version=2024-06-01", jsHeaders, "",
			`{"value":[{"brokerProperties":{"lockToken":"t+/=1","deliveryCount":1},"event":EVENT}]}`, 0, "receive 5 10s"},
		"JavaScript, all tokens fail": {queue + ":acknowledge?api-version=2024-06-01", jsHeaders + "content-type: application/json; charset=UTF-8\r\n", `{"lockTokens":["bad1","lost1"]}`,
			`{"succeededLockTokens":[],"failedLockTokens":[{"lockToken":"bad1","error":{"code":"BadToken","message":"The lock token is not one of this event subscription."}},{"lockToken":"lost1","error":{"code":"TokenLost","message":"Token has expired."}}]}`, 0, `acknowledge ["bad1" "lost1"]`},
		"JavaScript, release": {queue + ":release?releaseDelayInSeconds=10&api-version=2024-06-01", jsHeaders + "content-type: application/json; charset=UTF-8\r\n", `{"lockTokens":["tok1"]}`,
			`{"succeededLockTokens":["tok1"],"failedLockTokens":[]}`, 0, `release ["tok1"] 10s`},
		"Python, binary": {"/topics/orders:publish?api-version=2023-06-01-preview", "Authorization: SharedAccessKey KEY\r\nContent-Type: application/json\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\nce-specversion: 1.0\r\nce-time: 2026-11-21T19:39:16.784Z\r\nce-extensions: {}\r\n",
			`{"a": 1}`, "{}", 1, ""},
		"Python, early token errors": {queue + ":acknowledge?api-version=2023-06-01-preview", "Authorization: SharedAccessKey KEY\r\nContent-Type: application/json\r\n", `{"lockTokens": ["fail1"]}`,
			`{"succeededLockTokens":[],"failedLockTokens":[{"lockToken":"fail1","error":{"code":"InternalServerError","message":"Repeat it."},"errorCode":"InternalServerError","errorDescription":"Repeat it."}]}`, 0, `acknowledge ["fail1"]`},
		".NET, batch": {"/topics/orders:publish?api-version=2024-06-01", "Accept: application/json\r\nAuthorization: SharedAccessKey KEY\r\nContent-Type: application/cloudevents-batch+json; charset=utf-8\r\nTraceparent: 00-a-b-00\r\n",
			`[{"id":"1","source":"/src","type":"my.type","time":"2026-11-21T19:38:15.2102997+00:00","specversion":"1.0","data":"text"}]`, "{}", 1, ""},
		"base path": {"/ns/plant//topics/orders:publish?api-Version=2024-06-01", goHeaders + "Content-Type: application/cloudevents+json\r\n",
			`{"id":"1","source":"/src","specversion":"1.0","type":"my.type"}`, "{}", 1, ""},
		"other case": {"/Topics/ORDERS/eventSubscriptions/BILLING:Acknowledge?API-VERSION=2024-06-01", goHeaders, `{"LOCKTOKENS":["tok1","tok1"]}`,
			`{"succeededLockTokens":["tok1"],"failedLockTokens":[]}`, 0, `acknowledge ["tok1"]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) { // the time to wait is exact
				h := newHouse(t)
				q := h.topic.queues["billing"]
				q.put(delivery.Delivery{Event: readEvent(t, order), LockToken: "t+/=1", Count: 1})
				raw := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: plant.example\r\n%sContent-Length: %d\r\n\r\n%s", tt.method, strings.ReplaceAll(tt.headers, "KEY", h.ns.Keys[0]), len(tt.body), tt.body)
				r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
				if err != nil {
					t.Fatal(err)
				}
				a := h.do(r)
				e := readEvent(t, order)
				want := strings.ReplaceAll(tt.want, "EVENT", string(e.AppendJSON(nil)))
				if a.status != 200 || a.body != want {
					t.Errorf("%d %s\nwant %s", a.status, a.body, want)
				}
				if got := len(h.topic.events); got != tt.events {
					t.Errorf("%d events were stored, want %d", got, tt.events)
				}
				if got := strings.Join(q.calls, "; "); got != tt.call {
					t.Errorf("called %s, want %s", got, tt.call)
				}
			})
		})
	}
}

// Every version is served, and only the first has the flat members.
func TestVersions(t *testing.T) {
	for _, v := range topicVersions {
		h := newHouse(t)
		for path, body := range map[string]string{
			"/topics/orders:publish?api-version=" + v:                                                                      order,
			"/topics/orders/eventsubscriptions/billing:renewLock?api-version=" + v:                                         `{"lockTokens":["a"]}`,
			"/topics/orders/eventsubscriptions/billing:release?releaseDelayInSeconds=60&api-version=" + strings.ToUpper(v): `{"lockTokens":["a"]}`,
		} {
			if a := h.do(h.ask(path, body)); a.status != 200 {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
		a := h.do(h.ask("/topics/orders/eventsubscriptions/billing:reject?api-version="+v, `{"lockTokens":["bad"]}`))
		if flat := strings.Contains(a.body, `"errorCode":"BadToken"`); flat != (v == "2023-06-01-preview") || !strings.Contains(a.body, `"error":{"code":"BadToken"`) {
			t.Errorf("%s: %s", v, a.body)
		}
	}
}

// Sections 5.3 and 5.4, end to end: what is published in binary mode.
func TestBinaryMode(t *testing.T) {
	tests := map[string]struct{ contentType, body, want string }{
		"JSON":     {"application/json", `{"a":1}`, `"data":{"a":1}}`},
		"text":     {"text/plain", "hello", `"data":"hello"}`},
		"bytes":    {"application/octet-stream", "\x00\xff", `"data_base64":"AP8="}`},
		"no type":  {"", "\x00", `"data_base64":"AA=="}`},
		"nothing":  {"application/json", "", `"datacontenttype":"application/json"}`},
		"not JSON": {"application/json", "{", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			a := h.do(h.ask(publishPath, tt.body, header("Content-Type", tt.contentType), func(r *http.Request) {
				for name, value := range map[string]string{"id": "1", "source": "/s", "type": "t", "specversion": "1.0", "floor": "%C3%A9"} {
					r.Header.Set("ce-"+name, value)
				}
			}))
			if tt.want == "" {
				if a.status != 400 || len(h.topic.events) > 0 {
					t.Errorf("%d", a.status)
				}
				return
			}
			if a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			got := string(h.topic.events[0].AppendJSON(nil))
			if !strings.HasSuffix(got, tt.want) || !strings.Contains(got, `"floor":"é"`) {
				t.Errorf("stored %s, want ...%s", got, tt.want)
			}
		})
	}
}
