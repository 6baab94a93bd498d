package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gridmq/delivery"
	"gridmq/identity"
)

var errFull = errors.New("disk full")

// Every row of section 3.3, and what else is refused in sections 2, 3, 6 and 9. Rows
// of times and rates are in wire_test.go and rates_test.go.
func TestErrors(t *testing.T) {
	tests := map[string]struct {
		path, body string
		change     func(*http.Request)
		house      func(*house)
		status     int
		code       string
	}{
		"unknown path":           {path: "/topics/orders?" + version, status: 404, code: "NotFound"},
		"no mqtt here":           {path: "/mqtt/messages?topic=a&api-version=2025-08-01-preview", status: 404, code: "NotFound"},
		"GET":                    {path: publishPath, change: func(r *http.Request) { r.Method = "GET" }, status: 405, code: "MethodNotAllowed"},
		"PUT":                    {path: receivePath, change: func(r *http.Request) { r.Method = "PUT" }, status: 405, code: "MethodNotAllowed"},
		"namespace":              {path: "/ns/nobody" + publishPath, change: func(r *http.Request) { r.Host = "h" }, status: 404, code: "NotFound"},
		"namespace and host":     {path: "/ns/maker" + publishPath, status: 404, code: "NotFound"},
		"namespace disabled":     {path: publishPath, house: func(h *house) { h.ns.Disabled = true }, status: 404, code: "NotFound"},
		"network":                {path: publishPath, house: func(h *house) { h.ns.Network.Access = identity.NetworkDisabled }, status: 403, code: "Forbidden"},
		"no credential":          {path: publishPath, change: header("Authorization", ""), status: 401, code: "Unauthorized"},
		"wrong key":              {path: publishPath, change: header("Authorization", "SharedAccessKey bXlrZXk="), status: 401, code: "Unauthorized"},
		"topic, publish":         {path: "/topics/nothing:publish?" + version, body: order, status: 410, code: "Gone"},
		"topic, receive":         {path: "/topics/nothing/eventsubscriptions/billing:receive?" + version, status: 404, code: "NotFound"},
		"topic, acknowledge":     {path: "/topics/nothing/eventsubscriptions/billing:acknowledge?" + version, body: `{"lockTokens":[]}`, status: 404, code: "NotFound"},
		"subscription":           {path: "/topics/orders/eventsubscriptions/nothing:receive?" + version, status: 404, code: "NotFound"},
		"no version":             {path: "/topics/orders:publish", body: order, status: 400, code: "BadRequest"},
		"unknown version":        {path: "/topics/orders:publish?api-version=2018-01-01", body: order, status: 400, code: "BadRequest"},
		"two versions":           {path: publishPath + "&API-version=2024-06-01", body: order, status: 400, code: "BadRequest"},
		"long query":             {path: publishPath + "&x=" + strings.Repeat("x", maxQuery), body: order, status: 400, code: "BadRequest"},
		"push":                   {path: "/topics/orders/eventsubscriptions/hook:receive?" + version, status: 400, code: "BadRequest"},
		"push, settle":           {path: "/topics/orders/eventsubscriptions/hook:reject?" + version, body: `{"lockTokens":["a"]}`, status: 400, code: "BadRequest"},
		"no events asked for":    {path: receivePath + "&maxEvents=0", status: 400, code: "BadRequest"},
		"many events asked for":  {path: receivePath + "&maxEvents=101", status: 400, code: "BadRequest"},
		"events are a fraction":  {path: receivePath + "&maxEvents=1.5", status: 400, code: "BadRequest"},
		"events are no number":   {path: receivePath + "&maxEvents=", status: 400, code: "BadRequest"},
		"short wait":             {path: receivePath + "&maxWaitTime=9", status: 400, code: "BadRequest"},
		"long wait":              {path: receivePath + "&maxWaitTime=121", status: 400, code: "BadRequest"},
		"wait twice":             {path: receivePath + "&maxWaitTime=10&maxWaitTime=10", status: 400, code: "BadRequest"},
		"release delay":          {path: "/topics/orders/eventsubscriptions/billing:release?releaseDelayInSeconds=5&" + version, body: `{"lockTokens":["a"]}`, status: 400, code: "BadRequest"},
		"release delay, empty":   {path: "/topics/orders/eventsubscriptions/billing:release?releaseDelayInSeconds=&" + version, body: `{"lockTokens":["a"]}`, status: 400, code: "BadRequest"},
		"event without id":       {path: publishPath, body: strings.Replace(order, "o-4711", "", 1), status: 400, code: "BadRequest"},
		"event is no JSON":       {path: publishPath, body: "{", status: 400, code: "BadRequest"},
		"event is no event":      {path: publishPath, body: "[]", status: 400, code: "BadRequest"},
		"empty batch":            {path: publishPath, body: "[]", change: header("Content-Type", "application/cloudevents-batch+json"), status: 400, code: "BadRequest"},
		"bad event in a batch":   {path: publishPath, body: "[" + order + `,{"specversion":"1.0"}]`, change: header("Content-Type", "application/cloudevents-batch+json"), status: 400, code: "BadRequest"},
		"structured as json":     {path: publishPath, body: order, change: header("Content-Type", "application/json"), status: 400, code: "BadRequest"},
		"charset":                {path: publishPath, body: order, change: header("Content-Type", "application/cloudevents+json; charset=latin1"), status: 415, code: "UnsupportedMediaType"},
		"format":                 {path: publishPath, body: order, change: header("Content-Type", "application/cloudevents+xml"), status: 415, code: "UnsupportedMediaType"},
		"compressed":             {path: publishPath, body: order, change: header("Content-Encoding", "gzip"), status: 415, code: "UnsupportedMediaType"},
		"large":                  {path: publishPath, body: strings.Repeat(" ", 1<<20) + order, status: 413, code: "PayloadTooLarge"},
		"large, chunked":         {path: publishPath, body: strings.Repeat(" ", 1<<20) + order, change: func(r *http.Request) { r.ContentLength = -1 }, status: 413, code: "PayloadTooLarge"},
		"event too large":        {path: publishPath, body: order, house: func(h *house) { h.ns.Event.EventBytes = 100 }, status: 413, code: "PayloadTooLarge"},
		"too many events":        {path: publishPath, body: "[" + order + "," + order + "]", change: header("Content-Type", "application/cloudevents-batch+json"), house: func(h *house) { h.ns.Event.Events = 1 }, status: 413, code: "PayloadTooLarge"},
		"settlement, large":      {path: ackPath, body: strings.Repeat(" ", maxSettlement+1), status: 413, code: "PayloadTooLarge"},
		"settlement, compressed": {path: ackPath, body: "{}", change: header("Content-Encoding", "gzip"), status: 415, code: "UnsupportedMediaType"},
		"settlement, type":       {path: ackPath, body: `{"lockTokens":["a"]}`, change: header("Content-Type", "text/plain"), status: 415, code: "UnsupportedMediaType"},
		"settlement, charset":    {path: ackPath, body: `{"lockTokens":["a"]}`, change: header("Content-Type", "application/json; charset=utf-16"), status: 415, code: "UnsupportedMediaType"},
		"no tokens":              {path: ackPath, body: `{}`, status: 400, code: "BadRequest"},
		"tokens are null":        {path: ackPath, body: `{"lockTokens":null}`, status: 400, code: "BadRequest"},
		"tokens are a text":      {path: ackPath, body: `{"lockTokens":"a"}`, status: 400, code: "BadRequest"},
		"a token is a number":    {path: ackPath, body: `{"lockTokens":[1]}`, status: 400, code: "BadRequest"},
		"a token is null":        {path: ackPath, body: `{"lockTokens":[null]}`, status: 400, code: "BadRequest"},
		"two settlements":        {path: ackPath, body: `{"lockTokens":[]}{}`, status: 400, code: "BadRequest"},
		"settlement is empty":    {path: ackPath, body: "", status: 400, code: "BadRequest"},
		"too many tokens":        {path: ackPath, body: manyTokens(maxTokens + 1), status: 400, code: "BadRequest"},
		"store full":             {path: publishPath, body: order, house: func(h *house) { h.topic.err = fmt.Errorf("append: %w", errFull) }, status: 503, code: "ServerBusy"},
		"backlog":                {path: publishPath, body: order, house: func(h *house) { h.topic.err = delivery.ErrBacklog }, status: 503, code: "ServerBusy"},
		"plane closed":           {path: publishPath, body: order, house: func(h *house) { h.topic.err = delivery.ErrClosed }, status: 503, code: "ServerBusy"},
		"topic deleted":          {path: publishPath, body: order, house: func(h *house) { h.topic.err = delivery.ErrGone }, status: 410, code: "Gone"},
		"subscription deleted":   {path: receivePath, house: func(h *house) { h.topic.queues["billing"].err = delivery.ErrGone }, status: 404, code: "NotFound"},
		"push meanwhile":         {path: receivePath, house: func(h *house) { h.topic.queues["billing"].err = delivery.ErrPush }, status: 400, code: "BadRequest"},
		"something else":         {path: publishPath, body: order, house: func(h *house) { h.topic.err = errors.New("secret detail") }, status: 500, code: "InternalServerError"},
		"too many at once":       {path: publishPath, body: order, house: func(h *house) { h.o.Requests = -1 }, status: 429, code: "TooManyRequests"},
		"too many receives":      {path: receivePath, house: func(h *house) { h.o.Receives = -1 }, status: 429, code: "TooManyRequests"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(h *house) {
				h.o.Busy = func(err error) bool { return errors.Is(err, errFull) }
				if tt.house != nil {
					tt.house(h)
				}
			})
			r := h.ask(tt.path, tt.body)
			if tt.change != nil {
				tt.change(r)
			}
			a := h.do(r)
			if code := a.code(t); a.status != tt.status || code != tt.code {
				t.Fatalf("%d %s, want %d %s", a.status, a.body, tt.status, tt.code)
			}
			if len(h.topic.events) > 0 {
				t.Error("an event was stored")
			}
			if strings.Contains(a.body, "secret") {
				t.Errorf("tells too much: %s", a.body)
			}
			checkRefusal(t, a)
			if o := h.last(); o.Status != tt.status || o.Code != tt.code || o.Succeeded != 0 || o.Failed < 1 {
				t.Errorf("observed %+v", o)
			}
		})
	}
}

// checkRefusal checks the headers that some statuses have.
func checkRefusal(t *testing.T, a answer) {
	t.Helper()
	want := map[int][2]string{401: {"WWW-Authenticate", "Bearer"}, 405: {"Allow", "POST"}, 429: {"Retry-After", "1"}, 503: {"Retry-After", "1"}}
	for status, h := range want {
		got, wanted := a.header.Get(h[0]), h[1]
		if status != a.status && !(status == 429 && a.status == 503 || status == 503 && a.status == 429) {
			wanted = ""
		}
		if got != wanted {
			t.Errorf("%d with %s: %q, want %q", a.status, h[0], got, wanted)
		}
	}
}

func manyTokens(n int) string {
	var b strings.Builder
	b.WriteString(`{"lockTokens":["0"`)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, `,"%d"`, i)
	}
	return b.String() + "]}"
}

// A request with every fault is refused for the first, in the order of section 3.3;
// with that one repaired, for the next.
func TestOrderOfChecks(t *testing.T) {
	h := newHouse(t)
	h.ns.Network.Inbound = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	r := h.ask("", "{")
	r.Method, r.Host, r.URL.Path, r.URL.RawQuery = "GET", "h", "/x", "maxEvents=0"
	r.Header.Del("Authorization")
	steps := []struct {
		status int
		repair func()
	}{
		{404, func() { r.URL.Path = "/ns/nobody/topics/nothing:publish" }},
		{405, func() { r.Method = "POST" }},
		{404, func() { r.URL.Path = "/topics/nothing:publish" }},
		{403, func() { r.RemoteAddr = "10.1.2.3:4" }},
		{401, func() { r.Header.Set("Authorization", "SharedAccessKey "+h.ns.Keys[1]) }},
		{410, func() { r.URL.Path = "/topics/orders/eventsubscriptions/nothing:acknowledge" }},
		{404, func() { r.URL.Path = "/topics/orders/eventsubscriptions/billing:acknowledge" }},
		{400, func() { r.URL.RawQuery = version; r.Header.Set("Content-Encoding", "gzip") }},
		{415, func() { r.Header.Del("Content-Encoding") }},
		{400, func() { r.Body = http.NoBody }},
	}
	for i, step := range steps {
		if a := h.do(r); a.status != step.status {
			t.Fatalf("step %d: %d %s, want %d", i, a.status, a.body, step.status)
		}
		step.repair()
	}
}

// No key, token or query is in the log, whatever happens.
func TestLogsHaveNoSecrets(t *testing.T) {
	h := newHouse(t)
	const secret = "c2VjcmV0"
	for _, change := range []func(*http.Request){
		header("Authorization", "SharedAccessKey "+secret), header("Authorization", "Bearer "+secret), header("Authorization", secret),
		header("Authorization", "SharedAccessSignature r=x&e=x&s="+secret),
		func(r *http.Request) { r.Header.Del("Authorization"); r.URL.RawQuery += "&aeg-sas-key=" + secret },
		func(r *http.Request) { r.URL.Path = "/topics/" + secret },
		header("x-ms-client-request-id", secret+"\n"),
	} {
		a := h.do(h.ask(publishPath, order, change))
		if strings.Contains(a.body, secret) || strings.Contains(h.log.String(), secret) {
			t.Errorf("%s\n%s", a.body, h.log)
		}
	}
	h.topic.err = errors.New("broken")
	a := h.do(h.ask(publishPath+"&aeg-sas-key="+secret, order))
	if a.status != 500 || !strings.Contains(h.log.String(), "err=broken") || strings.Contains(h.log.String(), secret) || strings.Contains(h.log.String(), h.ns.Keys[0]) {
		t.Errorf("%d, logged %s", a.status, h.log)
	}
}

func TestHeaders(t *testing.T) {
	h := newHouse(t)
	a := h.do(h.ask(publishPath, order, header("x-ms-client-request-id", "5d1c"), header("Accept", "text/plain")))
	ids := []string{a.header.Get("x-ms-request-id")}
	if a.status != 200 || a.body != "{}" || a.header.Get("Content-Type") != "application/json; charset=utf-8" ||
		a.header.Get("x-ms-client-request-id") != "5d1c" || a.header.Get("x-ms-original-url") != "" || len(ids[0]) != 36 {
		t.Errorf("%d %s %v", a.status, a.body, a.header)
	}
	for range 10 {
		ids = append(ids, h.do(h.ask(publishPath, order)).header.Get("x-ms-request-id"))
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 11 {
		t.Error("an id was given twice")
	}
}

type brokenTopic struct{ Topic }

func (brokenTopic) Name() string { return "Orders" }

type brokenEvents struct{}

func (brokenEvents) Topic(string, string) Topic { return brokenTopic{} }

func TestPanicIsAnAnswer(t *testing.T) {
	h := newHouse(t, func(h *house) { h.o.Events = brokenEvents{} })
	a := h.do(h.ask(publishPath, order))
	if a.status != 500 || a.code(t) != "InternalServerError" || !strings.Contains(h.log.String(), "panicked") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
