package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"gridmq/internal/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	one        = `{"specversion":"1.0","id":"o-1","source":"/shop/7","type":"shop.order.placed","subject":"orders/17","data":{"total": 19.9}}`
	other      = `{"specversion":"1.0","id":"o-2","source":"/shop/7","type":"shop.receipt","data_base64":"aGVsbG8="}`
	structured = "application/cloudevents+json; charset=utf-8"
	batch      = "application/cloudevents-batch+json; charset=utf-8"
)

// ask sends one request; headers are names and values.
func ask(l *Listener, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w
}

// Section 11.
func TestHandshake(t *testing.T) {
	tests := map[string]struct {
		only, origin, target string
		status               int
		allowed              string
	}{
		"anybody":          {"", "plant.example", "/", 200, "plant.example"},
		"the one":          {"Plant.Example", "plant.example", "/", 200, "plant.example"},
		"another":          {"plant.example", "maker.example", "/", 403, ""},
		"without":          {"", "", "/", 400, ""},
		"hostile":          {"", "a b", "/", 400, ""},
		"long":             {"", strings.Repeat("a", 257), "/", 400, ""},
		"another path":     {"", "plant.example", "/else", 404, ""},
		"query is allowed": {"", "plant.example", "/?code=4711", 200, "plant.example"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := New(Options{Origin: test.only, Fail: 503}) // which is for deliveries
			w := ask(l, "OPTIONS", test.target, "", "WebHook-Request-Origin", test.origin)
			if w.Code != test.status || w.Header().Get("WebHook-Allowed-Origin") != test.allowed {
				t.Errorf("answer %d, origin %q", w.Code, w.Header().Get("WebHook-Allowed-Origin"))
			}
			want := Summary{Handshakes: 1, Answered: map[int]int{}}
			if test.status != 200 {
				want = Summary{Refused: 1, Answered: map[int]int{}}
			}
			if diff := cmp.Diff(want, l.Summary()); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeliveries(t *testing.T) {
	var got []Delivery
	l := New(Options{Path: "/hook", Show: func(d Delivery) error { d.Time = time.Time{}; got = append(got, d); return nil }})
	for _, send := range [][]string{
		{one, "Content-Type", structured, "aeg-delivery-count", "0", "aeg-subscription-name", "billing"},
		{"[" + one + ",\n" + other + "]", "Content-Type", batch, "aeg-delivery-count", "3"},
		{"call\nback", "Content-Type", "text/plain", "ce-specversion", "1.0", "ce-id", "n", "ce-source", "/s", "ce-type", "shop%20note", "aeg-delivery-count", "-7"},
	} {
		if w := ask(l, "POST", "/hook", send[0], send[1:]...); w.Code != 200 {
			t.Fatalf("%s: answer %d %s", send[0], w.Code, w.Body)
		}
	}
	note := `{"data":"call\nback","datacontenttype":"text/plain","id":"n","source":"/s","specversion":"1.0","type":"shop note"}`
	want := []Delivery{
		{Subscription: "billing", Count: 0, Status: 200, Events: []Event{{json.RawMessage(one), "shop.order.placed", "orders/17", json.RawMessage(`{"total": 19.9}`)}}},
		{Count: 3, Status: 200, Events: []Event{{json.RawMessage(one), "shop.order.placed", "orders/17", json.RawMessage(`{"total": 19.9}`)},
			{json.RawMessage(other), "shop.receipt", "", json.RawMessage(`"aGVsbG8="`)}}},
		{Count: -1, Status: 200, Events: []Event{{json.RawMessage(note), "shop note", "", json.RawMessage(`"call\nback"`)}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Summary{Deliveries: 3, Events: 4, Answered: map[int]int{200: 3}}, l.Summary()); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	tests := map[string]struct {
		method, body string
		headers      []string
		status       int
		reason       string
	}{
		"method":           {"GET", "", nil, 405, "want OPTIONS or POST"},
		"no content type":  {"POST", one, nil, 415, "application/cloudevents+json"},
		"another type":     {"POST", one, []string{"Content-Type", "application/json"}, 415, "application/cloudevents+json"},
		"no type at all":   {"POST", one, []string{"Content-Type", "; ;"}, 415, "media type"},
		"compressed":       {"POST", one, []string{"Content-Type", structured, "Content-Encoding", "gzip"}, 415, "compressed"},
		"no JSON":          {"POST", "{", []string{"Content-Type", structured}, 400, "object"},
		"null":             {"POST", "null", []string{"Content-Type", structured}, 400, "object"},
		"no id":            {"POST", `{"specversion":"1.0","source":"/s","type":"t"}`, []string{"Content-Type", structured}, 400, "`id`"},
		"type is a number": {"POST", `{"specversion":"1.0","source":"/s","id":"1","type":4}`, []string{"Content-Type", structured}, 400, "`type`"},
		"not UTF-8":        {"POST", "[\"\xff\"]", []string{"Content-Type", batch}, 400, "UTF-8"},
		"empty batch":      {"POST", "[]", []string{"Content-Type", batch}, 400, "0 events"},
		"one wrong":        {"POST", "[" + one + ",3]", []string{"Content-Type", batch}, 400, "event 1"},
		"percent":          {"POST", "", []string{"ce-specversion", "1.0", "ce-id", "%zz"}, 400, "ce-id"},
		"too large":        {"POST", strings.Repeat(" ", MaxBody+1), []string{"Content-Type", structured}, 413, "at most"},
		"another origin":   {"POST", one, []string{"Content-Type", structured, "WebHook-Request-Origin", "maker.example"}, 403, "no events"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			told := ""
			o := Options{Refused: func(s string) { told = s }, Show: func(Delivery) error { t.Error("it was shown"); return nil }}
			if name == "another origin" {
				o.Origin = "plant.example"
			}
			l := New(o)
			w := ask(l, test.method, "/", test.body, test.headers...)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.reason) || !strings.Contains(told, test.reason) {
				t.Errorf("answer %d %s, told %q; want %d with %q", w.Code, w.Body, told, test.status, test.reason)
			}
			if s := l.Summary(); s.Refused != 1 || s.Deliveries != 0 {
				t.Errorf("summary %+v", s)
			}
		})
	}
}

func TestFail(t *testing.T) {
	tests := map[string]struct {
		o    Options
		want []int
	}{
		"never":         {Options{}, []int{200, 200, 200}},
		"always":        {Options{Fail: 404}, []int{404, 404, 404}},
		"the first two": {Options{Fail: 503, FailFirst: 2}, []int{503, 503, 200}},
		"not shown":     {Options{Show: func(Delivery) error { return errors.New("no terminal") }}, []int{500, 500, 500}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := New(test.o)
			var got []int
			for range test.want {
				got = append(got, ask(l, "POST", "/", one, "Content-Type", structured).Code)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

// A slow answer comes late, and not at all when nobody waits; above the bound nobody
// has to wait in vain.
func TestSlow(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		begin := time.Now()
		l := New(Options{Slow: 2 * time.Second})
		answers := make(chan int)
		for range MaxRequests + 1 {
			go func() { answers <- ask(l, "POST", "/", one, "Content-Type", structured).Code }()
		}
		if status := <-answers; status != 503 || time.Since(begin) != 0 {
			t.Errorf("one too many: answer %d after %v", status, time.Since(begin))
		}
		for range MaxRequests {
			if status := <-answers; status != 200 || time.Since(begin) != 2*time.Second {
				t.Errorf("answer %d after %v", status, time.Since(begin))
			}
		}
	})
}

// FuzzDelivery: whatever comes is shown as valid JSON or refused.
func FuzzDelivery(f *testing.F) {
	f.Add(structured, []byte(one), "1.0")
	f.Add(batch, []byte("["+one+","+other+"]"), "")
	f.Add("text/plain", []byte("a"), "1.0")
	f.Fuzz(func(t *testing.T, kind string, body []byte, version string) {
		r := &http.Request{Method: "POST", URL: httptest.NewRequest("POST", "/", nil).URL, Body: io.NopCloser(bytes.NewReader(body)),
			Header: http.Header{"Content-Type": {kind}, "Ce-Specversion": {version}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {version}}}
		shown := false
		l := New(Options{Show: func(d Delivery) error {
			shown = true
			for _, e := range d.Events {
				if !json.Valid(e.Raw) || e.Type == "" {
					t.Errorf("event %q", e.Raw)
				}
			}
			return nil
		}})
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		if shown != (w.Code == 200) {
			t.Errorf("shown %v, answer %d", shown, w.Code)
		}
	})
}
