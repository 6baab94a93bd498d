package push

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gridmq/delivery"
	"gridmq/event"
)

func attemptOf(e event.Event, count int) delivery.Attempt {
	return delivery.Attempt{Event: e, ID: delivery.EventID{0: 0xa1, 15: 7}, Count: count}
}

// onWire is m as HTTP/1.1 has it.
func onWire(t *testing.T, d *delivery.Destination, m *message) string {
	t.Helper()
	x := target{subscription: "Billing", origin: "plant.example", hook: d.WebHook}
	r, err := x.newRequest(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

// Section 10.2, to the letter.
func TestSingleRequest(t *testing.T) {
	d := &delivery.Destination{WebHook: &delivery.WebHook{URL: "https://hooks.example/in?key=4711", MaxEvents: 1, PreferredBytes: 1 << 16},
		Headers: []delivery.Header{
			{Name: "x-tenant", Value: "t-17"}, {Name: "Authorization", Value: "Basic x", Secret: true}, {Name: "x-n", SourceField: "data.n"},
			{Name: "x-none", SourceField: "data.none"}, {Name: "aeg-event-type", Value: "Fake"}, {Name: "content-type", Value: "text/plain"},
		}}
	got := onWire(t, d, pack(d, []delivery.Attempt{attemptOf(newEvent("o-1"), 3)})[0])
	const body = `{"specversion":"1.0","id":"o-1","type":"shop.order","source":"/shop","data":{"n":1}}`
	want := fmt.Sprintf(`POST /in?key=4711 HTTP/1.1
Host: hooks.example
User-Agent: GridMQ
Content-Length: %d
Authorization: Basic x
Content-Type: application/cloudevents+json; charset=utf-8
WebHook-Request-Origin: plant.example
X-N: 1
X-Tenant: t-17
aeg-compatibility-mode-enabled: false
aeg-data-version: `+`
aeg-delivery-count: 2
aeg-event-type: Notification
aeg-metadata-version: 1.0
aeg-output-event-id: a1000000-0000-0000-0000-000000000007
aeg-subscription-name: Billing

%s`, len(body), body)
	if got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
}

// Section 10.3: the batch content type also for a batch of one.
func TestBatchRequest(t *testing.T) {
	d := &delivery.Destination{WebHook: &delivery.WebHook{URL: "https://h/", MaxEvents: 10, PreferredBytes: 1 << 16}}
	all := pack(d, []delivery.Attempt{attemptOf(newEvent("1"), 1), attemptOf(newEvent("2"), 4)})
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	got := onWire(t, d, all[0])
	const one, two = `{"specversion":"1.0","id":"1","type":"shop.order","source":"/shop","data":{"n":1}}`, `{"specversion":"1.0","id":"2","type":"shop.order","source":"/shop","data":{"n":1}}`
	for _, want := range []string{"\nContent-Type: application/cloudevents-batch+json; charset=utf-8\n", "\naeg-delivery-count: 3\n", "\n\n[" + one + "," + two + "]"} {
		if !strings.Contains(got, want) {
			t.Errorf("sent\n%s\nwithout %q", got, want)
		}
	}
	single := onWire(t, d, pack(d, []delivery.Attempt{attemptOf(newEvent("1"), 1)})[0])
	if !strings.Contains(single, "batch+json") || !strings.HasSuffix(single, "\n\n["+one+"]") {
		t.Errorf("a batch of one: %s", single)
	}
}

func TestPack(t *testing.T) {
	list := func(data ...string) (list []delivery.Attempt) {
		for i, d := range data {
			e := newEvent(fmt.Sprint(i))
			e.Data = []byte(`{"site":` + d + `}`)
			list = append(list, attemptOf(e, 1))
		}
		return list
	}
	hook := func(events, bytes int) *delivery.Destination {
		return &delivery.Destination{WebHook: &delivery.WebHook{URL: "https://h/", MaxEvents: events, PreferredBytes: bytes}}
	}
	grouped := hook(2, 1<<16)
	grouped.Headers = []delivery.Header{{Name: "site", SourceField: "data.site"}}
	big := `"` + strings.Repeat("x", 2000) + `"`
	mid := `"` + strings.Repeat("x", 400) + `"`
	for name, test := range map[string]struct {
		d    *delivery.Destination
		list []delivery.Attempt
		want string
	}{
		"single":            {hook(1, 1<<16), list("1", "2"), "[0][1]"},
		"count":             {hook(2, 1<<16), list("1", "2", "3"), "[0 1][2]"},
		"size":              {hook(9, 1100), list(mid, mid, mid, "1"), "[0 1][2 3]"},
		"a large one alone": {hook(9, 1024), list("1", big, "2"), "[0][1][2]"},
		"by header":         {grouped, list(`"a"`, `"b"`, `"a"`, `"b"`, `"a"`, "null"), "[0 2][1 3][4][5]"},
	} {
		got := ""
		for _, m := range pack(test.d, test.list) {
			got += fmt.Sprint(idsOf(m.body))
			if len(m.attempts) != len(idsOf(m.body)) || len(m.attempts) > 1 && len(m.body) > test.d.WebHook.PreferredBytes {
				t.Errorf("%s: a message of %d events has a body of %d bytes with %v", name, len(m.attempts), len(m.body), idsOf(m.body))
			}
		}
		if got != test.want {
			t.Errorf("%s: packed %s, want %s", name, got, test.want)
		}
	}
}

func TestOffsets(t *testing.T) {
	began := time.Unix(0, 0)
	for n, want := range []time.Duration{0, 10, 30, 60, 300, 600, 900, 1200, 1500, 1800} {
		if got := offset(n); got != want*time.Second {
			t.Errorf("offset(%d) = %v, want %v", n, got, want*time.Second)
		}
	}
	if got := next(began, 1, began.Add(5*time.Second), 10*time.Second); got != began.Add(15*time.Second) {
		t.Errorf("the delay does not win: %v", got)
	}
	if got := next(began, 4, began.Add(70*time.Second), 10*time.Second); got != began.Add(5*time.Minute) {
		t.Errorf("the schedule does not win: %v", got)
	}
}

func TestReadRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "30": 30 * time.Second, "-1": 0, "x": 0, "1e9": 0, "99999999999": 0, now.Add(time.Minute).Format(http.TimeFormat): time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", text, got, want)
		}
	}
	if a := judge(429, http.Header{"Retry-After": {"999999"}}, now); a.delay != time.Hour || a.pause != time.Hour {
		t.Errorf("Retry-After is more than an hour: %+v", a)
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Mon, 02 Mar 2026 07:00:00 GMT")
	f.Fuzz(func(t *testing.T, text string) {
		a := judge(429, http.Header{"Retry-After": {text}}, time.Unix(1_800_000_000, 0))
		if a.delay < leastDelay || a.delay > maxRetry || a.pause < busyPause || a.pause > maxRetry {
			t.Errorf("Retry-After %q: %+v", text, a)
		}
	})
}
