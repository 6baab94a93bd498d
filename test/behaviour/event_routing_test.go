package behaviour

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	manage "gridmq/control/client"
)

// routed is a fleet with a press, for mosquitto_pub; and the topic states, to which its
// messages go.
func routed(t *testing.T, body func(f *fleet, d *desk), settings ...string) {
	mosquitto(t, func(e *env) {
		e.transport = "tls"
		h := e.own(append(fleetSettings(), settings...)...)
		at := h.addresses["mqtts"]
		at.Address = strings.Replace(at.Address, "127.0.0.1", "localhost", 1) // a name that leads to the fleet
		h.addresses["mqtts"] = at
		f := newFleet(e)
		f.client("Press-07", object{"kind": "press", "hall": 4, "sensors": []string{"thermal", "acoustic"}})
		f.topicSpace("halls", "halls/#")
		f.bind("$all", "Publisher", "halls")
		f.route(nil, nil)
		d := f.desk()
		d.topic("states", "all")
		body(f, d)
	})
}

// route says where messages go, and what is added to them.
func (f *fleet) route(main, enrichments any, routes ...object) {
	f.Helper()
	change := object{"gridmq": object{"hosts": []string{"localhost"}, "routes": routes}}
	if main != nil {
		change["routeTopicResourceId"] = fleets.ID(f.ns, "topics", main.(string))
	}
	if enrichments != nil {
		change["routingEnrichments"] = enrichments
	}
	f.configure(change)
}

// report publishes with mosquitto_pub.
func (f *fleet) report(topic string, args ...string) {
	f.Helper()
	f.pub(f.reporting(topic, args...)...)
}

func (f *fleet) reporting(topic string, args ...string) []string {
	return f.files("Press-07", append([]string{"-i", "Press-07", "-q", "1", "-t", topic}, args...)...)
}

// property is an argument of mosquitto_pub for a property of PUBLISH.
func property(words ...string) []string { return append([]string{"-D", "publish"}, words...) }

var (
	newEventID   = regexp.MustCompile(`"id":"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"`)
	newEventTime = regexp.MustCompile(`"time":"([^"]+)"`)
)

// golden replaces what is new in every event: its id by ID, its time, which must be that
// of the publish, by NOW. Those of published CloudEvents stay.
func golden(t testing.TB, e string, since time.Time) string {
	t.Helper()
	e = newEventID.ReplaceAllLiteralString(e, `"id":"ID"`)
	if m := newEventTime.FindStringSubmatch(e); m != nil && strings.Contains(e, `"id":"ID"`) {
		at, err := time.Parse(time.RFC3339Nano, m[1])
		if err != nil || at.Before(since.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) || !strings.HasSuffix(m[1], "Z") {
			t.Errorf("time %q of an event that was published after %v: %v", m[1], since, err)
		}
		e = strings.Replace(e, m[0], `"time":"NOW"`, 1)
	}
	return e
}

// TestEventsOfMessages: what mosquitto_pub publishes is, as an event, what the pages on
// routing say, to the byte. spec/routing.md, sections 3 and 4.
func TestEventsOfMessages(t *testing.T) {
	routed(t, func(f *fleet, d *desk) {
		f.route("states", object{
			"static": []object{{"key": "site", "value": "lyon-2", "valueType": "String"}},
			"dynamic": []object{
				{"key": "sender", "value": "${client.authenticationName}"}, {"key": "hall", "value": "${client.attributes.hall}"},
				{"key": "sensors", "value": "${client.attributes.sensors}"}, {"key": "shift", "value": "${mqtt.message.userProperties['work.shift']}"},
				{"key": "replyto", "value": "${mqtt.message.responseTopic}"}, {"key": "corr", "value": "${mqtt.message.correlationData}"},
				{"key": "pfi", "value": "${mqtt.message.pfi}"}}})
		type sample struct {
			args []string // after the topic
			want string   // of data, and what else is not as usual
		}
		// in are the attributes of an event that was made of a message.
		in := func(shift, reply, corr string, pfi int, contentType, data string) string {
			var b strings.Builder
			b.WriteString(`{"specversion":"1.0","id":"ID","time":"NOW","type":"MQTT.EventPublished","source":"` + f.ns + `","subject":"halls/4/state"`)
			fmt.Fprintf(&b, `,"site":"lyon-2","sender":"Press-07","hall":4,"sensors":"thermal,acoustic","shift":%q,"replyto":%q,"corr":%q,"pfi":%d`, shift, reply, corr, pfi)
			if contentType != "" {
				fmt.Fprintf(&b, `,"datacontenttype":%q`, contentType)
			}
			return b.String() + data + "}"
		}
		plain := func(data string) string { return in("", "", "", 0, "", data) }
		samples := map[string]sample{
			"JSON without a content type": {[]string{"-m", `{"rpm": 1480}`}, plain(`,"data_base64":"eyJycG0iOiAxNDgwfQ=="`)},
			"text":                        {[]string{"-m", "näh"}, plain(`,"data_base64":"bsOkaA=="`)},
			"nothing":                     {[]string{"-n"}, plain("")},
			"retained":                    {[]string{"-r", "-m", "r"}, plain(`,"data_base64":"cg=="`)},
			"nothing, retained":           {[]string{"-r", "-n"}, plain("")},
			"QoS 0":                       {[]string{"-q", "0", "-m", "0"}, plain(`,"data_base64":"MA=="`)},
			"QoS 2":                       {[]string{"-q", "2", "-m", "2"}, plain(`,"data_base64":"Mg=="`)},
		}
		if f.version == v5 {
			with := func(payload string, properties ...[]string) []string {
				return append([]string{"-m", payload}, slices.Concat(properties...)...)
			}
			const json = "application/json"
			samples["JSON"] = sample{with(`{"rpm": 1480, "big":12345678901234567890}`, property("content-type", json)),
				in("", "", "", 0, json, `,"data":{"rpm": 1480, "big":12345678901234567890}`)}
			samples["JSON that is none"] = sample{with(`{"rpm": `, property("content-type", json)), in("", "", "", 0, json, `,"data":"{\"rpm\": "`)}
			samples["JSON, retained"] = sample{append(with(`[1]`, property("content-type", json)), "-r"), in("", "", "", 0, json, `,"data":[1]`)}
			samples["format indicator"] = sample{with("näh", property("payload-format-indicator", "1")), in("", "", "", 1, "", `,"data":"näh"`)}
			samples["format indicator, JSON"] = sample{with(`{"a":[true,null]}`, property("payload-format-indicator", "1")), in("", "", "", 1, "", `,"data":{"a":[true,null]}`)}
			samples["content type of text"] = sample{with("näh", property("content-type", "text/plain")), in("", "", "", 0, "text/plain", `,"data_base64":"bsOkaA=="`)}
			samples["properties"] = sample{with("1", property("content-type", json), property("user-property", "work.shift", "night"), property("user-property", "other", "x"),
				property("user-property", "work.shift", "late"), property("response-topic", "halls/4/console"), property("correlation-data", "job-5541")),
				in("night,late", "halls/4/console", "am9iLTU1NDE=", 0, json, `,"data":1`)}
			const added = `"site":"lyon-2","sender":"Press-07","hall":4,"sensors":"thermal,acoustic","shift":"","replyto":"","corr":"","pfi":0`
			samples["structured CloudEvent"] = sample{with(`{"specversion":"1.0","id":"e-1","source":"/press","type":"press.state","time":"2026-03-02T07:41:09Z","line":7,"site":"mine","data":{"a": 1}}`,
				property("content-type", "application/cloudevents+json")),
				`{"specversion":"1.0","id":"e-1","source":"/press","type":"press.state","time":"2026-03-02T07:41:09Z","line":7,` + added + `,"data":{"a": 1}}`}
			samples["binary CloudEvent"] = sample{with(`{"a": 1}`, property("content-type", json), property("user-property", "specversion", "1.0"), property("user-property", "id", "e-2"),
				property("user-property", "source", "/press"), property("user-property", "type", "press.state"), property("user-property", "line", "7")),
				`{"specversion":"1.0","id":"e-2","source":"/press","type":"press.state","line":"7",` + added + `,"datacontenttype":"application/json","data":{"a": 1}}`}
			samples["no valid CloudEvent"] = sample{with(`{"specversion":"1.0","id":"e-1"}`, property("content-type", "application/cloudevents+json")),
				in("", "", "", 0, "application/cloudevents+json", `,"data_base64":"eyJzcGVjdmVyc2lvbiI6IjEuMCIsImlkIjoiZS0xIn0="`)}
		}
		for name, s := range samples {
			since := time.Now()
			f.report("halls/4/state", s.args...)
			if got := d.next("states", "all"); !sameEvent(golden(f, got, since), s.want) {
				f.Errorf("%s: event\n%s, want\n%s", name, golden(f, got, since), s.want)
			}
		}
		// What is refused becomes no event.
		if out, err := f.command("mosquitto_pub", f.reporting("elsewhere/4", "-m", "lie")...).CombinedOutput(); err == nil && f.version == v3 {
			f.Errorf("mosquitto_pub on another's topic: %s", out)
		}
		f.report("halls/4/after", "-m", "x")
		if got := d.subjects("states", "all", 1); got[0] != "halls/4/after" {
			f.Errorf("a refused message became an event of %s", got[0])
		}
	})
}

// sameEvent compares two events: the data to the byte, the attributes in any order.
func sameEvent(got, want string) bool {
	var a, b map[string]json.RawMessage
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil || len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if string(v) != string(b[name]) {
			return false
		}
	}
	return true
}

// TestEventRoutes: by topic filter and by content, to two topics; what several routes
// send to one topic is there once.
func TestEventRoutes(t *testing.T) {
	routed(t, func(f *fleet, d *desk) {
		d.topic("alarms", "all")
		f.route("states", nil,
			object{"destination": "alarms", "topicFilter": "halls/+/alarms/#"},
			object{"destination": "alarms", "topicFilter": "halls/4/#", "filtersConfiguration": object{
				"filters": []object{{"operatorType": "StringContains", "key": "subject", "values": []string{"fire"}}}}},
			object{"destination": "states", "topicFilter": "halls/4/#"})
		sent := []string{"halls/4/state", "halls/4/alarms/heat", "halls/7/alarms", "halls/4/fire", "halls/7/fire", "halls/4/alarms/fire"}
		for _, topic := range sent {
			f.report(topic, "-m", "x")
		}
		f.report("halls/9/alarms/end", "-m", "x")
		if got, want := d.subjects("states", "all", len(sent)+1), append(slices.Clone(sent), "halls/9/alarms/end"); !slices.Equal(got, want) {
			f.Errorf("states has %q, want %q", got, want)
		}
		want := []string{"halls/4/alarms/heat", "halls/7/alarms", "halls/4/fire", "halls/4/alarms/fire", "halls/9/alarms/end"}
		if got := d.subjects("alarms", "all", len(want)); !slices.Equal(got, want) {
			f.Errorf("alarms has %q, want %q", got, want)
		}
		// From one answer of the management plane to the next, routes are others.
		f.route("alarms", nil)
		f.report("halls/4/late", "-m", "x")
		f.route(nil, nil)
		f.report("halls/4/nowhere", "-m", "x")
		f.route("states", nil)
		f.report("halls/4/back", "-m", "x")
		if a, s := d.subjects("alarms", "all", 1)[0], d.subjects("states", "all", 1)[0]; a != "halls/4/late" || s != "halls/4/back" {
			f.Errorf("alarms has %q, states %q", a, s)
		}
	})
}

// TestEventTopicDeleted: a topic that messages are routed to stays; one that is gone
// takes nothing, and its publishers and consumers are told; made again it is empty.
func TestEventTopicDeleted(t *testing.T) {
	routed(t, func(f *fleet, d *desk) {
		f.route("states", nil)
		f.report("halls/4/1", "-m", "x")
		_, err := f.plane.Delete(f.Context(), fleets.ID(f.ns, "topics", "states"), manage.Condition{})
		if err == nil || !strings.Contains(err.Error(), "routeTopicResourceId") {
			f.Errorf("a topic in use was deleted: %v", err)
		}
		f.report("halls/4/2", "-m", "x")
		if got := d.subjects("states", "all", 1); got[0] != "halls/4/1" {
			f.Errorf("states has %q", got)
		}
		f.route(nil, nil)
		f.remove("topics", "states")
		f.report("halls/4/3", "-m", "x") // of use for others
		refusedWith(f, "publish", d.tryPublish("states", anEvent("e")), 410, "Gone")
		_, err = d.http.Receive(f.Context(), all("states"), 1, 10*time.Second)
		refusedWith(f, "receive", err, 404, "NotFound")
		d.topic("states", "all")
		f.route("states", nil)
		f.report("halls/4/4", "-m", "x")
		if got := d.subjects("states", "all", 1); got[0] != "halls/4/4" {
			f.Errorf("a new topic has what one of its name had: %q", got)
		}
	})
}

// accepts publishes, and says whether the broker took it. MQTT 5 is told that the quota
// is exceeded; 3.1.1 knows no such answer, loses its connection and is let in again.
func (f *fleet) accepts(c **client, m message) bool {
	f.Helper()
	r := (*c).try(m)
	switch {
	case r.err == nil && r.code < 0x80:
		return true
	case f.version == v5 && (r.err != nil || r.code != quotaExceeded):
		f.Fatalf("publish %s: code %#x, %v; want %#x", m.topic, r.code, r.err, quotaExceeded)
	case f.version == v3:
		*c = f.enter("Press-07", login{id: "filler"})
	}
	return false
}

// TestEventTopicFull: a topic that is full refuses, and what it has refused is not there;
// once it is read it takes events again, and messages of other topics were never stopped.
func TestEventTopicFull(t *testing.T) {
	routed(t, func(f *fleet, d *desk) {
		f.house.journal.allow("a topic that they are routed to is full|the topic keeps as many bytes as it may")
		d.topic("others", "all")
		f.route(nil, nil, object{"destination": "states", "topicFilter": "halls/4/#"}, object{"destination": "others", "topicFilter": "halls/7/#"})
		payload := strings.Repeat("x", 200<<10)
		c := f.enter("Press-07", login{id: "filler"})
		taken := 0
		for ; taken < 100; taken++ {
			if !f.accepts(&c, message{topic: fmt.Sprint("halls/4/", taken), payload: payload, qos: 1}) {
				break
			}
		}
		if taken < 3 || taken > 20 {
			f.Fatalf("%d messages of 200 KiB found room in 1 MiB", taken)
		}
		refusedWith(f, "publish", d.tryPublish("states", anEvent(payload)), 503, "ServerBusy")
		f.report("halls/7/others", "-m", "x")
		if got := d.subjects("others", "all", 1); got[0] != "halls/7/others" {
			f.Errorf("others has %q", got)
		}
		for i, subject := range d.subjects("states", "all", taken) {
			if want := fmt.Sprint("halls/4/", i); subject != want {
				f.Errorf("event %d is of %q, want %q", i, subject, want)
			}
		}
		for deadline := time.Now().Add(patience); !f.accepts(&c, message{topic: "halls/4/again", payload: payload, qos: 1}); {
			if time.Now().After(deadline) {
				f.Fatal("everything was read, and the topic is still full")
			}
			time.Sleep(200 * time.Millisecond) // what was settled is removed in the background
		}
		if got := d.subjects("states", "all", 1); got[0] != "halls/4/again" {
			f.Errorf("states has %q", got)
		}
	}, "events.topic_bytes=1MiB")
}
