package behaviour

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	manage "gridmq/control/client"
)

const customTopics = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/gridmq/providers/Microsoft.EventGrid/topics/"

// A till is where custom topics of a broker are made and events published.
type till struct {
	*env
	plane *manage.Client
	web   *http.Client
}

// tills runs body with a broker of its own, which may send to those of this run.
func tills(t *testing.T, body func(e *env, k *till), settings ...string) {
	run(t, func(e *env) { body(e, newTill(e, settings...)) }, rows(t.Name(), v5)[:1])
}

func newTill(e *env, settings ...string) *till {
	e.Helper()
	ca, err := localCA()
	if err != nil {
		e.Fatal(err)
	}
	e.own(append([]string{"webhooks.plain_http=true", "webhooks.ca_file=" + ca.CertFile, "refusals.per_second=0",
		"listeners.mqtts.namespace=default", "listeners.wss.namespace=default"}, settings...)...)
	pem, err := os.ReadFile(ca.CertFile)
	if err != nil {
		e.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
	e.Cleanup(transport.CloseIdleConnections)
	return &till{e, planeOf(e), &http.Client{Transport: transport, Timeout: patience}}
}

func (k *till) put(id string, body object) *manage.Resource {
	k.Helper()
	r, _, warnings, err := k.plane.Put(k.Context(), id, jsonOf(body), manage.Condition{})
	if err != nil || len(warnings) > 0 {
		k.Fatalf("PUT %s: %v %q", id, err, warnings)
	}
	return r
}

// topic makes a custom topic, and says where it takes events, and with which key.
func (k *till) topic(name string, properties object) (endpoint, key string) {
	k.Helper()
	r := k.put(customTopics+name, object{"location": "local", "properties": properties})
	var p struct{ Endpoint string }
	if err := json.Unmarshal(r.Properties, &p); err != nil || p.Endpoint == "" {
		k.Fatalf("the topic shows no endpoint: %s", r.Raw)
	}
	key, _, err := k.plane.Keys(k.Context(), r.ID)
	if err != nil {
		k.Fatal(err)
	}
	return p.Endpoint, key
}

// subscribe makes an event subscription, with some members of its properties.
func (k *till) subscribe(topic, name, url string, more object) {
	k.Helper()
	p := object{"destination": object{"endpointType": "WebHook", "properties": object{"endpointUrl": url}}}
	for member, v := range more {
		p[member] = v
	}
	k.put(customTopics+topic+"/providers/Microsoft.EventGrid/eventSubscriptions/"+name, object{"properties": p})
}

// post sends a body to a topic, and returns the answer; headers are names and values.
func (k *till) post(url, contentType, body string, headers ...string) (status int, answer string) {
	k.Helper()
	r, err := http.NewRequestWithContext(k.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		k.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := k.web.Do(r)
	if err != nil {
		k.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		k.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

const (
	batchOfEvents = "application/cloudevents-batch+json; charset=utf-8"
	oneEvent      = "application/cloudevents+json; charset=utf-8"
)

// publish sends events as a batch, which has to be taken.
func (k *till) publish(endpoint, key string, list ...string) {
	k.Helper()
	status, answer := k.post(endpoint, batchOfEvents, "["+strings.Join(list, ",")+"]", "aeg-sas-key", key)
	if status != http.StatusOK || answer != "" {
		k.Fatalf("publish: %d %q, want 200 and nothing", status, answer)
	}
}

// A mailbox is a webhook that takes everything.
type mailbox struct {
	testing.TB
	url  string
	mail chan string
}

func newMailbox(t testing.TB) *mailbox {
	m := &mailbox{t, "", make(chan string, 1000)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.Header().Set("WebHook-Allowed-Origin", r.Header.Get("WebHook-Request-Origin"))
			return
		}
		body, _ := io.ReadAll(r.Body)
		list := []json.RawMessage{body}
		if bytes.HasPrefix(body, []byte("[")) && json.Unmarshal(body, &list) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, e := range list {
			m.mail <- string(e)
		}
	}))
	t.Cleanup(s.Close)
	m.url = s.URL
	return m
}

// next is the event that comes next.
func (m *mailbox) next() string {
	m.Helper()
	select {
	case e := <-m.mail:
		return e
	case <-time.After(patience):
		m.Fatal("no event came")
		return ""
	}
}

// idOf is the id of an event.
func idOf(e string) string {
	var v struct{ ID string }
	_ = json.Unmarshal([]byte(e), &v)
	return v.ID
}

// member is a member of an event, as JSON.
func member(e, name string) string {
	var v map[string]json.RawMessage
	_ = json.Unmarshal([]byte(e), &v)
	return string(v[name])
}

// TestCustomTopic: what is published at /api/events is pushed to the event subscriptions
// whose filters match. The address is the one that the resource shows.
func TestCustomTopic(t *testing.T) {
	tills(t, func(e *env, k *till) {
		t := e.T
		endpoint, key := k.topic("Orders", nil)
		if want := "/topics/Orders/api/events"; !strings.HasSuffix(endpoint, want) {
			t.Fatalf("endpoint %q, want one that ends in %s", endpoint, want)
		}
		box, big := newMailbox(t), newMailbox(t)
		k.subscribe("Orders", "all", box.url, nil)
		k.subscribe("Orders", "big", big.url, object{"filter": object{"subjectBeginsWith": "LYON/", "includedEventTypes": []string{"order.placed"},
			"advancedFilters": []object{{"operatorType": "NumberGreaterThan", "key": "data.total", "value": 100}}}})
		k.publish(endpoint, key,
			`{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","subject":"lyon/7","data":{"total":99}}`,
			`{"specversion":"1.0","id":"2","source":"/shop","type":"order.placed","subject":"lyon/7","data":{"total":101}}`,
			`{"specversion":"1.0","id":"3","source":"/shop","type":"order.lost","subject":"lyon/7","data":{"total":101}}`,
			`{"specversion":"1.0","id":"4","source":"/shop","type":"order.placed","subject":"oslo/7","data":{"total":101}}`)
		var got []string
		for range 4 {
			got = append(got, idOf(box.next()))
		}
		slices.Sort(got)
		if fmt.Sprint(got) != "[1 2 3 4]" {
			t.Errorf("all has %v", got)
		}
		if got := idOf(big.next()); got != "2" {
			t.Errorf("big has %q, want 2", got)
		}
		// One event, as a whole and in binary mode; with the key in the query, and in the
		// header of namespace topics.
		k.post(endpoint, oneEvent, anEvent("5"), "Authorization", "SharedAccessKey "+key)
		k.post(endpoint+"?api-version=2018-01-01&aeg-sas-key="+key, "text/plain", "näh", "ce-specversion", "1.0", "ce-id", "6", "ce-source", "/x", "ce-type", "t")
		got = []string{idOf(box.next()), idOf(box.next())}
		slices.Sort(got)
		if fmt.Sprint(got) != "[5 6]" {
			t.Errorf("all has %v, want 5 and 6", got)
		}
		for name, one := range map[string]struct {
			url, kind, body, key string
			status               int
		}{
			"no key":             {endpoint, oneEvent, anEvent("x"), "", 401},
			"another key":        {endpoint, oneEvent, anEvent("x"), key + "=", 401},
			"another topic":      {strings.Replace(endpoint, "Orders", "others", 1), oneEvent, anEvent("x"), key, 404},
			"another version":    {endpoint + "?api-version=2020-01-01", oneEvent, anEvent("x"), key, 400},
			"one event is wrong": {endpoint, batchOfEvents, "[" + anEvent("x") + `,{"specversion":"1.0"}]`, key, 400},
			"Event Grid schema":  {endpoint, "application/json", `[{"id":"x","subject":"s","eventType":"t","eventTime":"2026-03-02T07:41:09Z","data":1}]`, key, 400},
		} {
			if status, answer := k.post(one.url, one.kind, one.body, "aeg-sas-key", one.key); status != one.status || !strings.Contains(answer, `"error"`) {
				t.Errorf("%s: %d %s, want %d", name, status, answer, one.status)
			}
		}
		// Not by a key of the topic's namespace, since it has none; nor at the namespaces' paths.
		if status, _ := k.post(strings.Replace(endpoint, "/api/events", ":publish", 1)+"?api-version=2024-06-01", oneEvent, anEvent("x"), "aeg-sas-key", key); status == 200 {
			t.Error("a custom topic takes events as a namespace topic")
		}
		if _, err := k.plane.Delete(k.Context(), customTopics+"Orders", manage.Condition{}); err != nil {
			t.Fatal(err)
		}
		if status, _ := k.post(endpoint, oneEvent, anEvent("x"), "aeg-sas-key", key); status != 404 {
			t.Errorf("a topic that was deleted answers %d", status)
		}
		if list, err := k.plane.List(k.Context(), strings.TrimSuffix(customTopics, "/"), ""); err != nil || len(list) != 0 {
			t.Errorf("%d topics, %v", len(list), err)
		}
	})
}

// TestCustomTopicStays: what was taken is pushed after a restart, the keys are good then.
func TestCustomTopicStays(t *testing.T) {
	tills(t, func(e *env, k *till) {
		t := e.T
		endpoint, key := k.topic("orders", nil)
		box := newMailbox(t)
		k.subscribe("orders", "all", box.url, nil)
		k.subscribe("orders", "gone", box.url, nil)
		if _, err := k.plane.Delete(k.Context(), customTopics+"orders/eventSubscriptions/gone", manage.Condition{}); err != nil {
			t.Fatal(err)
		}
		e.house.restart(e.T, func() {})
		at := e.house.addresses["wss"].Address
		endpoint = "https://localhost" + at[strings.LastIndexByte(at, ':'):] + endpoint[strings.Index(endpoint, "/topics/"):]
		k.publish(endpoint, key, anEvent("1"))
		if got := idOf(box.next()); got != "1" {
			t.Errorf("event %q, want 1", got)
		}
	})
}

// TestCustomTopicByHost: with a domain each topic has a host name.
func TestCustomTopicByHost(t *testing.T) {
	tills(t, func(e *env, k *till) {
		t := e.T
		endpoint, key := k.topic("Orders", nil)
		k.topic("others", nil)
		if !strings.HasPrefix(endpoint, "https://orders.mq.example:") || !strings.HasSuffix(endpoint, "/api/events") {
			t.Errorf("endpoint %q", endpoint)
		}
		box := newMailbox(t)
		k.subscribe("Orders", "all", box.url, nil)
		at := e.house.addresses["wss"].Address
		url := "https://localhost" + at[strings.LastIndexByte(at, ':'):] + "/api/events"
		if status, answer := k.post(url, oneEvent, anEvent("1"), "Host", "orders.mq.example", "aeg-sas-key", key); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		if got := idOf(box.next()); got != "1" {
			t.Errorf("event %q", got)
		}
		if status, _ := k.post(url, oneEvent, anEvent("1"), "aeg-sas-key", key); status != 404 {
			t.Errorf("without a host name, of two topics: %d", status)
		}
		if status, _ := k.post(url, oneEvent, anEvent("1"), "Host", "others.mq.example", "aeg-sas-key", key); status != 401 {
			t.Errorf("with the key of another topic: %d", status)
		}
	}, "domain=mq.example")
}

// TestEventGridSchema: events in Event Grid's own schema become CloudEvents.
func TestEventGridSchema(t *testing.T) {
	tills(t, func(e *env, k *till) {
		t := e.T
		endpoint, key := k.topic("orders", object{"inputSchema": "EventGridSchema"})
		box := newMailbox(t)
		k.subscribe("orders", "all", box.url, object{"filter": object{"includedEventTypes": []string{"order.placed"}}})
		body := `[{"id":"1","subject":"lyon/7","eventType":"order.placed","eventTime":"2026-03-02T07:41:09.5Z","dataVersion":"2","metadataVersion":"1","data":{"total": 99}}]`
		if status, answer := k.post(endpoint, "application/json", body, "aeg-sas-key", key); status != 200 || answer != "" {
			t.Fatalf("%d %s", status, answer)
		}
		want := `{"specversion":"1.0","id":"1","source":"` + customTopics + `orders","type":"order.placed","subject":"lyon/7","time":"2026-03-02T07:41:09.5Z","dataversion":"2","datacontenttype":"application/json","data":{"total": 99}}`
		if got := box.next(); !sameEvent(got, want) {
			t.Errorf("event\n%s, want\n%s", got, want)
		}
		for _, one := range []string{`[]`, `{}`, `[{"id":"1"}]`, `[{"id":1,"subject":"s","eventType":"t","eventTime":"2026-03-02T07:41:09Z"}]`} {
			if status, _ := k.post(endpoint, "application/json", one, "aeg-sas-key", key); status != 400 {
				t.Errorf("%s: %d, want 400", one, status)
			}
		}
		if status, _ := k.post(endpoint, batchOfEvents, "["+anEvent("1")+"]", "aeg-sas-key", key); status != 415 {
			t.Errorf("CloudEvents: %d, want 415", status)
		}
	})
}

// TestRouteToCustomTopic: a custom topic is a destination of routing as one of the
// namespace's own. spec/routing.md, section 1.
func TestRouteToCustomTopic(t *testing.T) {
	routed(t, func(f *fleet, d *desk) {
		t := f.T
		k := &till{f.env, f.plane, nil}
		k.topic("Telemetry", nil)
		k.topic("legacy", object{"inputSchema": "EventGridSchema"})
		box := newMailbox(t)
		k.subscribe("Telemetry", "all", box.url, nil)
		route := func(id string) error {
			_, err := f.plane.Patch(f.Context(), fleets.ID(f.ns), jsonOf(object{"properties": object{"topicSpacesConfiguration": object{"routeTopicResourceId": id}}}), manage.Condition{})
			return err
		}
		for _, wrong := range []string{"legacy", "missing"} {
			if err := route(customTopics + wrong); err == nil || !strings.Contains(err.Error(), "routeTopicResourceId") {
				t.Errorf("route to %s: %v", wrong, err)
			}
		}
		if err := route(strings.ToUpper(customTopics[:15]) + customTopics[15:] + "telemetry"); err != nil {
			t.Fatal(err)
		}
		f.report("halls/4/state", "-m", "x")
		if e := box.next(); member(e, "subject") != `"halls/4/state"` || member(e, "type") != `"MQTT.EventPublished"` || member(e, "source") != `"`+f.ns+`"` {
			t.Errorf("event %s", e)
		}
		// One that is made anew under its name is another topic, at once.
		if _, err := f.plane.Delete(f.Context(), customTopics+"Telemetry", manage.Condition{}); err != nil {
			t.Fatal(err)
		}
		f.report("halls/4/lost", "-m", "x")
		k.topic("Telemetry", nil)
		k.subscribe("Telemetry", "all", box.url, nil)
		f.report("halls/4/again", "-m", "x")
		if e := box.next(); member(e, "subject") != `"halls/4/again"` {
			t.Errorf("event %s", e)
		}
	}, "webhooks.plain_http=true")
}

// forward are the members of an event subscription that publishes at another broker.
func forward(url, header, value string) object {
	return object{"gridmq": object{"forward": true}, "destination": object{"endpointType": "WebHook", "properties": object{"endpointUrl": url,
		"maxEventsPerBatch": 100, "deliveryAttributeMappings": []object{{"name": header, "type": "Static", "properties": object{"value": value, "isSecret": true}}}}}}
}

// TestForward: what is published at one broker reaches the topics of another, both a
// custom topic and one of a namespace.
func TestForward(t *testing.T) {
	tills(t, func(e *env, near *till) {
		t := e.T
		other := *e
		far := newTill(&other)
		box := newMailbox(t)
		there, thereKey := far.topic("there", nil)
		far.subscribe("there", "all", box.url, nil)
		at := there[:strings.Index(there, "/topics/")]
		far.put(fleets.ID("plant"), object{"location": "local"})
		d := newDesk(t, far.plane, "plant", strings.TrimPrefix(at, "https://"), mustCA(t))
		d.topic("orders", "all")
		nsKey, _, err := far.plane.Keys(t.Context(), fleets.ID("plant", "topics", "orders"))
		if err != nil {
			t.Fatal(err)
		}

		here, hereKey := near.topic("here", nil)
		near.subscribe("here", "custom", "", forward(there, "aeg-sas-key", thereKey))
		near.subscribe("here", "namespace", "", forward(at+"/ns/plant/topics/orders:publish", "Authorization", "SharedAccessKey "+nsKey))
		near.publish(here, hereKey, anEvent("1"), anEvent("2"))
		got := []string{idOf(box.next()), idOf(box.next())}
		slices.Sort(got)
		if fmt.Sprint(got) != "[1 2]" {
			t.Errorf("the custom topic has %v", got)
		}
		ids := map[string]bool{}
		for range 2 {
			e := d.next("orders", "all")
			if ids[idOf(e)] = true; member(e, "gridmqhops") != "1" {
				t.Errorf("event %s, want one hop", e)
			}
		}
		if !ids["1"] || !ids["2"] {
			t.Errorf("the namespace topic has %v", ids)
		}

		// The topic of a namespace forwards as well, and a credential is not shown.
		far.put(fleets.ID("plant", "topics", "orders", "eventSubscriptions", "back"), object{"properties": object{"deliveryConfiguration": object{
			"deliveryMode": "Push", "push": object{"destination": forward(there, "aeg-sas-key", thereKey)["destination"]}}, "gridmq": object{"forward": true}}})
		shown, err := far.plane.Get(t.Context(), fleets.ID("plant", "topics", "orders", "eventSubscriptions", "back"))
		if err != nil || strings.Contains(string(shown.Raw), thereKey) || !strings.Contains(string(shown.Raw), `"gridmq":{"forward":true}`) {
			t.Errorf("%v %s", err, shown.Raw)
		}
		if err := d.tryPublish("orders", anEvent("3")); err != nil {
			t.Fatal(err)
		}
		if got := idOf(box.next()); got != "3" {
			t.Errorf("event %q came back, want 3", got)
		}
	})
}

// TestForwardLoop: two topics that forward to each other do not do so for ever.
func TestForwardLoop(t *testing.T) {
	tills(t, func(e *env, k *till) {
		t := e.T
		a, keyA := k.topic("ping", nil)
		b, keyB := k.topic("pong", nil)
		box := newMailbox(t)
		k.subscribe("ping", "seen", box.url, nil)
		k.subscribe("pong", "seen", box.url, nil)
		k.subscribe("ping", "onward", "", forward(b, "aeg-sas-key", keyB))
		k.subscribe("pong", "onward", "", forward(a, "aeg-sas-key", keyA))
		k.publish(a, keyA, anEvent("1"))
		hops := map[string]int{}
		for range 9 { // where it began, and 8 hops
			hops[member(box.next(), "gridmqhops")]++
		}
		for n := range 9 {
			want := fmt.Sprint(n)
			if n == 0 {
				want = ""
			}
			if hops[want] != 1 {
				t.Errorf("events by hops: %v, want one of each from none to 8", hops)
				break
			}
		}
		k.publish(a, keyA, anEvent("end"))
		for range 9 {
			if e := box.next(); idOf(e) != "end" {
				t.Errorf("event %s goes round", e)
			}
		}
		e.house.journal.allow("events were forwarded too often")
	})
}

// TestForwardNeedsConsent: without the question of abuse protection, somebody else's
// server is not sent anything that a topic would not take.
func TestForwardNeedsConsent(t *testing.T) {
	tills(t, func(e *env, k *till) {
		t := e.T
		k.topic("orders", nil)
		id := customTopics + "orders/eventSubscriptions/out"
		good := "https://far.example/topics/t/api/events"
		for name, change := range map[string]func(p, web object){
			"no credential": func(p, web object) { delete(web, "deliveryAttributeMappings") },
			"one that is shown": func(p, web object) {
				web["deliveryAttributeMappings"].([]object)[0]["properties"].(object)["isSecret"] = false
			},
			"another address":   func(p, web object) { web["endpointUrl"] = "https://far.example/hook" },
			"an access header":  func(p, web object) { delete(p, "gridmq") },
			"a case-sensitive":  func(p, web object) { p["filter"] = object{"isSubjectCaseSensitive": true} },
			"Event Grid schema": func(p, web object) { p["eventDeliverySchema"] = "EventGridSchema" },
			"too many attempts": func(p, web object) { p["retryPolicy"] = object{"maxDeliveryAttempts": 31} },
			"a filter's operand": func(p, web object) {
				p["filter"] = object{"advancedFilters": []object{{"operatorType": "StringIn", "key": "x"}}}
			},
		} {
			p := forward(good, "aeg-sas-key", "secret-key")
			change(p, p["destination"].(object)["properties"].(object))
			_, _, _, err := k.plane.Put(k.Context(), id, jsonOf(object{"properties": p}), manage.Condition{})
			if err == nil || strings.Contains(err.Error(), "secret-key") || !strings.Contains(err.Error(), "properties.") {
				t.Errorf("%s: %v", name, err)
			}
		}
		k.put(id, object{"properties": forward(good, "aeg-sas-key", "secret-key")})
	})
}

func mustCA(t testing.TB) string {
	t.Helper()
	ca, err := localCA()
	if err != nil {
		t.Fatal(err)
	}
	return ca.CertFile
}
