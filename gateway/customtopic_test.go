package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gridmq/access"
	"gridmq/delivery/sharedkey"
	"gridmq/event"
	"gridmq/identity"
)

const ordersID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/Orders"

// A shelf has the custom topics Orders, which the events of the house's topic are of,
// and legacy.
type shelf struct {
	h              *house
	orders, legacy *CustomTopic
	alone          bool // Orders is the only one
}

func newShelf(t testing.TB) (*shelf, *house) {
	s := &shelf{}
	make := func(name string) *CustomTopic {
		c := &CustomTopic{Topic: name}
		c.Namespace = Namespace{Name: "Plant", ID: strings.Replace(ordersID, "Orders", name, 1), Hosts: []string{strings.ToLower(name) + ".example"},
			Keys: sharedkey.Keys{sharedkey.Generate(), sharedkey.Generate()}}
		return c
	}
	s.orders, s.legacy = make("Orders"), make("legacy")
	h := newHouse(t, func(h *house) { h.o.CustomTopics = s })
	return s, h
}

func (s *shelf) ByHost(host string) *CustomTopic {
	for _, c := range []*CustomTopic{s.orders, s.legacy} {
		if c.Hosts[0] == host {
			return c
		}
	}
	return nil
}

func (s *shelf) ByName(name string) *CustomTopic {
	for _, c := range []*CustomTopic{s.orders, s.legacy} {
		if strings.EqualFold(c.Topic, name) {
			return c
		}
	}
	return nil
}

func (s *shelf) Default() *CustomTopic {
	if s.alone {
		return s.orders
	}
	return nil
}

const anEvent = `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`

// publishAt posts one event to a URL.
func publishAt(h *house, url, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, url, strings.NewReader(body))
	r.Header.Set("Content-Type", event.StructuredContentType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.g.ServeHTTP(w, r)
	return w
}

// Which topic a request is for, and who may send it.
func TestPublishEvents(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	const byHost, byPath = "https://orders.example/api/events", "https://any.example/topics/ORDERS/api/events"
	tests := map[string]struct {
		url     string
		headers func(s *shelf) []string
		change  func(s *shelf)
		status  int
	}{
		"by host":                          {url: byHost, status: 200},
		"by host, with a version":          {url: byHost + "?api-version=2018-01-01", status: 200},
		"another version":                  {url: byHost + "?api-version=2024-06-01", status: 400},
		"by path":                          {url: byPath, status: 200},
		"by both":                          {url: "https://orders.example/topics/orders/api/events", status: 200},
		"host and path contradict":         {url: "https://legacy.example/topics/orders/api/events", status: 404},
		"neither":                          {url: "https://any.example/api/events", status: 404},
		"neither, there is only one":       {url: "https://any.example/api/events", change: func(s *shelf) { s.alone = true }, status: 200},
		"no such topic":                    {url: "https://any.example/topics/none/api/events", status: 404},
		"one that the event plane has not": {url: "https://legacy.example/api/events", headers: func(s *shelf) []string { return []string{"aeg-sas-key", s.legacy.Keys[0]} }, status: 410},
		"a key of another topic":           {url: byHost, headers: func(s *shelf) []string { return []string{"aeg-sas-key", s.legacy.Keys[0]} }, status: 401},
		"a key of the namespace":           {url: byHost, headers: func(s *shelf) []string { return []string{"aeg-sas-key", s.h.ns.Keys[0]} }, status: 401},
		"no key":                           {url: byHost, headers: func(*shelf) []string { return nil }, status: 401},
		"keys are off":                     {url: byHost, change: func(s *shelf) { s.orders.NoKeys = true }, status: 401},
		"a signature": {url: byHost, headers: func(s *shelf) []string {
			return []string{"aeg-sas-token", makeToken(s.orders.Keys[1], "https://orders.example/api/events?apiVersion=2018-01-01", soon)}
		}, status: 200},
		"a signature by path": {url: byPath, headers: func(s *shelf) []string {
			return []string{"aeg-sas-token", makeToken(s.orders.Keys[1], "https://any.example/topics/orders/api/events", soon)}
		}, status: 200},
		"a signature for another path": {url: byPath, headers: func(s *shelf) []string {
			return []string{"aeg-sas-token", makeToken(s.orders.Keys[1], "https://any.example/topics/legacy/api/events", soon)}
		}, status: 403},
		"a signature for another host": {url: byHost, headers: func(s *shelf) []string {
			return []string{"aeg-sas-token", makeToken(s.orders.Keys[1], "https://legacy.example/api/events", soon)}
		}, status: 401},
		"a token":         {url: byHost, headers: func(*shelf) []string { return []string{"Authorization", "Bearer ann"} }, status: 200},
		"a token, no key": {url: byHost, headers: func(*shelf) []string { return []string{"Authorization", "Bearer ann"} }, change: func(s *shelf) { s.orders.NoKeys = true }, status: 200},
		"a token without the role": {url: "https://legacy.example/api/events", headers: func(*shelf) []string { return []string{"Authorization", "Bearer ann"} },
			status: 403},
		"network rules": {url: byHost, change: func(s *shelf) {
			s.orders.Network = identity.Network{Inbound: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
		}, status: 403},
		"a namespace's path": {url: "https://orders.example/topics/orders:publish?" + version, status: 401},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, h := newShelf(t)
			s.h = h
			h.o.Bearer = directory{[]*access.RoleAssignment{{Principal: "team", Role: access.SenderRole, Scope: ordersID}}}
			h.g = New(h.o)
			if tt.change != nil {
				tt.change(s)
			}
			headers := []string{"aeg-sas-key", s.orders.Keys[0]}
			if tt.headers != nil {
				headers = tt.headers(s)
			}
			w := publishAt(h, tt.url, anEvent, headers...)
			if w.Code != tt.status || (w.Code == 200) != (w.Body.Len() == 0) || (w.Code == 200) != (len(h.topic.events) == 1) {
				t.Errorf("%d %s, %d events; want %d", w.Code, w.Body, len(h.topic.events), tt.status)
			}
			if strings.Contains(h.log.String()+w.Body.String(), s.orders.Keys[0]) {
				t.Error("a key is told")
			}
		})
	}
}

// A gateway without custom topics has no such path.
func TestNoCustomTopics(t *testing.T) {
	h := newHouse(t)
	if w := publishAt(h, "https://plant.example/api/events", anEvent, "aeg-sas-key", h.ns.Keys[0]); w.Code != http.StatusNotFound {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// In the schema of Event Grid, source is the topic.
func TestPublishEventGrid(t *testing.T) {
	s, h := newShelf(t)
	s.orders.EventGrid = true
	const body = `[{"id":"1","subject":"s","eventType":"t","eventTime":"2026-03-02T07:41:09Z","data":1}]`
	if w := publishAt(h, "https://orders.example/api/events", body, "aeg-sas-key", s.orders.Keys[0], "Content-Type", "application/json"); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if e := h.topic.events[0]; e.Source != ordersID || e.Type != "t" || string(e.Data) != "1" {
		t.Errorf("%+v", e)
	}
	if w := publishAt(h, "https://orders.example/api/events", anEvent, "aeg-sas-key", s.orders.Keys[0]); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a CloudEvent: %d %s", w.Code, w.Body)
	}
}
