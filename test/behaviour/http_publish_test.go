package behaviour

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	manage "gridmq/control/client"
	"gridmq/control/role"
	"gridmq/mqtt"
	"gridmq/server"
)

// A robot is an application with tokens of the server's own issuer, which uses MQTT by
// HTTP. Its object id is o-robot. Source: spec/retain-and-http-publish.md.
type robot struct {
	*siege
	http  *http.Client
	token string
}

const (
	postVersion   = "&api-version=2025-08-01-preview"
	retainVersion = "api-version=2025-11-16-preview"
)

// newRobot makes the namespace cloud, in which the robot may do everything below
// devices/o-robot, and read what is retained.
func newRobot(t *testing.T, ours string) *robot {
	t.Helper()
	secret, hash := server.NewAppSecret()
	s := besieged(t, "tokens.apps.robot.client_id=robot", "tokens.apps.robot.object_id=o-robot", "tokens.apps.robot.secret_hashes="+hash)
	s.open("cloud", "", ours)
	s.assign(place.ID("cloud"), "r1", role.TopicSpacesPublisher, "o-robot")
	s.assign(place.ID("cloud"), "r2", role.TopicSpacesSubscriber, "o-robot")
	v := s.visitor("127.0.0.1", "")
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {secret}, "scope": {"https://eventgrid.azure.net/.default"}}
	status, answer, _ := v.do("POST", "/adfs/oauth2/token", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
	var a struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil || status != 200 {
		t.Fatalf("token: %d %s", status, answer)
	}
	return &robot{s, v.http, a.Token}
}

// ask sends a request below the namespace, as curl does; a path that begins with https:
// is a whole URL.
func (r *robot) ask(method, path string, body []byte, header ...string) (status int, answer string, h http.Header) {
	r.Helper()
	if !strings.HasPrefix(path, "https:") {
		path = "https://" + r.house.addresses["wss"].Address + "/ns/cloud" + path
	}
	q, err := http.NewRequestWithContext(r.Context(), method, path, bytes.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+r.token)
	for i := 0; i+1 < len(header); i += 2 {
		if q.Header.Del(header[i]); header[i+1] != "" {
			q.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := r.http.Do(q)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

// publish sends a message to a topic below devices/o-robot, which must be taken.
func (r *robot) publish(topic, payload string, header ...string) {
	r.Helper()
	path := "/mqtt/messages?topic=" + url.QueryEscape("devices/o-robot/"+topic) + postVersion
	if status, answer, _ := r.ask("POST", path, []byte(payload), header...); status != http.StatusNoContent || answer != "" {
		r.Fatalf("publish to %s: %d %s", topic, status, answer)
	}
}

// listen connects over MQTT with the same token, and subscribes.
func (r *robot) listen(id string) *raw {
	r.Helper()
	c := r.enter(caller{ns: "cloud", id: id, method: oauth2JWT, data: r.token})
	c.to(1, "devices/o-robot/#")
	return c
}

// A message by HTTP reaches a subscriber with all that its sender said (section 3.1).
func TestHTTPPublish(t *testing.T) {
	t.Parallel()
	r := newRobot(t, "")
	sub := r.listen("sub")
	users := base64.StdEncoding.EncodeToString([]byte(`[{"Priority":"high"},{"Priority":"ops"},{"TraceId":"7d1c-04"}]`))
	r.publish("press-07/cmd", "stop after this cycle", "mqtt-qos", "1", "mqtt-response-topic", "halls%2F4%2Fconsole%2Freply", "mqtt-correlation-data", "am9iLTU1NDE=",
		"mqtt-user-properties", users, "mqtt-message-expiry", "60", "mqtt-payload-format-indicator", "1", "Content-Type", "text/plain;charset=UTF-8")
	m := sub.published("stop after this cycle")
	p, err := m.Properties()
	if err != nil {
		t.Fatal(err)
	}
	want := []mqtt.UserProperty{{Name: "Priority", Value: "high"}, {Name: "Priority", Value: "ops"}, {Name: "TraceId", Value: "7d1c-04"}}
	if string(m.Topic) != "devices/o-robot/press-07/cmd" || m.QoS != 1 || m.Retain || !m.HasExpiry || m.Expiry > 60 || m.Expiry < 50 ||
		p.ResponseTopic != "halls/4/console/reply" || string(p.CorrelationData) != "job-5541" || p.PayloadFormatIndicator != 1 ||
		p.ContentType != "text/plain;charset=UTF-8" || !slices.Equal(p.UserProperties, want) {
		t.Errorf("received %+v with %+v", m, p)
	}
	r.publish("a", "", "mqtt-qos", "0")
	if m := sub.published(""); m.QoS != 0 {
		t.Errorf("QoS %d", m.QoS)
	}
	if status, _, _ := r.ask("GET", "/mqtt/retainedMessages/message?topic=devices%2Fo-robot%2Fa&"+retainVersion, nil); status != 404 {
		t.Errorf("nothing was retained, and is read with %d", status)
	}
}

// A retained message is set, read, listed page by page, and removed (sections 1 and 2).
func TestHTTPRetained(t *testing.T) {
	t.Parallel()
	r := newRobot(t, "")
	before := time.Now().Add(-time.Second)
	for _, name := range []string{"a/1", "a/2", "a/3", "a/4", "a/5", "b"} {
		r.publish(name, "state of "+name, "mqtt-retain", "1", "Content-Type", "text/plain", "mqtt-message-expiry", "3600")
	}
	one := "/mqtt/retainedMessages/message?" + retainVersion + "&topic=devices%2Fo-robot%2Fa%2F1"
	status, answer, h := r.ask("GET", one, nil)
	if status != 200 || answer != "state of a/1" || h.Get("x-ms-mqtt-topic") != "devices/o-robot/a/1" || h.Get("x-ms-mqtt-qos") != "1" || h.Get("mqtt-content-type") != "text/plain" ||
		h.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%d %q %v", status, answer, h)
	}
	// 2 of header, 2 and 19 of topic, 2 of packet id, 1 of length, 5 of expiry, 3 and 10 of content type, 12 of payload
	if got := h.Get("x-ms-mqtt-size"); got != "56" {
		t.Errorf("size %s", got)
	}
	for name, want := range map[string]time.Time{"x-ms-mqtt-last-modified": before, "x-ms-mqtt-expiry": before.Add(time.Hour)} {
		if at, err := time.Parse(time.RFC3339, h.Get(name)); err != nil || at.Before(want.Truncate(time.Second)) || at.After(want.Add(patience)) {
			t.Errorf("%s: %s, want about %v", name, h.Get(name), want)
		}
	}
	r.publish("a/3", "", "mqtt-retain", "1")
	var topics []string
	pages := 0
	for path := "/mqtt/retainedMessages?" + retainVersion + "&maxResults=2&topicFilter=" + url.QueryEscape("devices/+/a/#"); path != ""; pages++ {
		var page struct {
			NextLink         *string
			RetainedMessages []struct {
				Topic  string
				QoS    int
				Size   int
				Expiry string
			}
		}
		status, answer, _ := r.ask("GET", path, nil)
		if err := json.Unmarshal([]byte(answer), &page); err != nil || status != 200 {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
		for _, m := range page.RetainedMessages {
			if topics = append(topics, m.Topic); m.QoS != 1 || m.Size != 56 || m.Expiry == "" {
				t.Errorf("listed %+v", m)
			}
		}
		if path = ""; page.NextLink != nil {
			path = *page.NextLink
		}
	}
	if got := strings.Join(topics, " "); got != "devices/o-robot/a/1 devices/o-robot/a/2 devices/o-robot/a/4 devices/o-robot/a/5" || pages != 2 {
		t.Errorf("%s in %d pages", got, pages)
	}
	if m := r.listen("late").of(mqtt.PUBLISH); m.Flags&1 == 0 {
		t.Error("a new subscriber does not get it as retained")
	}
}

func TestHTTPPublishRefused(t *testing.T) {
	t.Parallel()
	r := newRobot(t, "")
	r.house.journal.allow("token that is not valid")
	at := func(topic string) string { return "/mqtt/messages?topic=" + url.QueryEscape(topic) + postVersion }
	mine := at("devices/o-robot/x")
	r.publish("retained", "x", "mqtt-retain", "1")
	one := "/mqtt/retainedMessages/message?" + retainVersion + "&topic=devices%2Fo-robot%2Fretained"
	for name, tt := range map[string]struct {
		method, path string
		body         int
		header       []string
		status       int
	}{
		"wildcard":         {"POST", at("devices/o-robot/#"), 0, nil, 400},
		"no topic":         {"POST", "/mqtt/messages?api-version=2025-08-01-preview", 0, nil, 400},
		"levels":           {"POST", at("devices/o-robot" + strings.Repeat("/x", 200)), 0, nil, 400},
		"QoS 2":            {"POST", mine + "&qos=2", 0, nil, 400},
		"encoding":         {"POST", mine, 0, []string{"mqtt-correlation-data", "###"}, 400},
		"version":          {"POST", "/mqtt/messages?topic=a&api-version=2020-01-01", 0, nil, 400},
		"no token":         {"POST", mine, 0, []string{"Authorization", ""}, 401},
		"another token":    {"POST", mine, 0, []string{"Authorization", "Bearer " + r.siege.token}, 401},
		"a key":            {"POST", mine, 0, []string{"Authorization", "SharedAccessKey x"}, 401},
		"somebody's topic": {"POST", at("devices/o-other/x"), 0, nil, 403},
		"a topic of none":  {"POST", at("elsewhere"), 0, nil, 403},
		"no namespace":     {"POST", "/../nowhere" + mine, 0, nil, 404},
		"verb":             {"PUT", mine, 0, nil, 405},
		"large":            {"POST", mine, 1 << 20, nil, 413}, // with its header
		"nothing retained": {"GET", one + "2", 0, nil, 404},
		"no filter":        {"GET", "/mqtt/retainedMessages?" + retainVersion, 0, nil, 400},
		"read, no token":   {"GET", one, 0, []string{"Authorization", ""}, 401},
	} {
		if status, answer, _ := r.ask(tt.method, tt.path, make([]byte, tt.body), tt.header...); status != tt.status {
			t.Errorf("%s: %d %s, want %d", name, status, answer, tt.status)
		}
	}
	if _, answer, _ := r.ask("POST", at("devices/o-other/x"), nil); strings.Contains(answer, "own") {
		t.Errorf("a caller is told what is configured: %s", answer)
	}
	if _, _, _, err := r.plane.Put(t.Context(), "/gridmq/namespaces/cloud/bans/robots", []byte(`{"properties":{"clientId":"o-robot"}}`), manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	if status, answer, _ := r.ask("POST", mine, nil); status != 403 {
		t.Errorf("banned: %d %s", status, answer)
	}
}

// 202 says that the message became an event, of somebody whose name is the object id.
func TestHTTPPublishRouted(t *testing.T) {
	t.Parallel()
	r := newRobot(t, "")
	r.put("cloud", "topics", "states", `{}`)
	queue := []byte(`{"properties":{"deliveryConfiguration":{"deliveryMode":"Queue"}}}`)
	if _, _, _, err := r.plane.Put(t.Context(), place.ID("cloud", "topics", "states", "eventSubscriptions", "all"), queue, manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"location":"local","properties":{"topicSpacesConfiguration":{"state":"Enabled","routingEnrichments":{"dynamic":[{"key":"sender","value":"${client.authenticationName}"}]}},`+
		`"gridmq":{"hosts":[%q],"routes":[{"destination":"states","topicFilter":"devices/+/routed"}]}}}`, hostOf("cloud"))
	if _, _, _, err := r.plane.Put(t.Context(), place.ID("cloud"), []byte(body), manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	if status, answer, _ := r.ask("POST", "/mqtt/messages?topic=devices%2Fo-robot%2Frouted"+postVersion, []byte("x")); status != http.StatusAccepted || answer != "" {
		t.Errorf("%d %s, want 202", status, answer)
	}
	r.publish("other", "x")                                                              // 204
	r.assign(place.ID("cloud"), "r3", "78cbd9e7-9798-4e2e-9b5a-547d9ebb31fb", "o-robot") // EventGrid Data Receiver
	if status, answer, _ := r.ask("POST", "/topics/states/eventsubscriptions/all:receive?api-version=2024-06-01", nil); status != 200 || !strings.Contains(answer, `"sender":"o-robot"`) {
		t.Errorf("received %d %s", status, answer)
	}
}

// What a caller may do ends with its role, and what the namespace does with its broker.
func TestHTTPPublishEnds(t *testing.T) {
	t.Parallel()
	r := newRobot(t, `"rateLimits":{"publishesPerSession":3}`)
	path := "/mqtt/messages?topic=devices%2Fo-robot%2Fx" + postVersion
	for status, tries := 204, 0; status != 429; tries++ {
		var h http.Header
		var answer string
		if status, answer, h = r.ask("POST", path, nil); status != 204 && status != 429 || tries > 1000 {
			t.Fatalf("%d %s after %d", status, answer, tries)
		}
		if status == 429 && h.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	r.open("cloud", "", "")
	id := place.ID("cloud") + "/providers/Microsoft.Authorization/roleAssignments/"
	read := "/mqtt/retainedMessages?topicFilter=%23&" + retainVersion
	for role, ask := range map[string][2]string{"r1": {"POST", path}, "r2": {"GET", read}} {
		if status, answer, _ := r.ask(ask[0], ask[1], nil); status >= 300 {
			t.Errorf("with the role: %d %s", status, answer)
		}
		if _, err := r.plane.Delete(t.Context(), id+role, manage.Condition{}); err != nil {
			t.Fatal(err)
		}
		if status, answer, _ := r.ask(ask[0], ask[1], nil); status != 403 {
			t.Errorf("without the role: %d %s", status, answer)
		}
	}
	r.assign(place.ID("cloud"), "r2", role.TopicSpacesSubscriber, "o-robot")
	disabled := `{"location":"local","properties":{"topicSpacesConfiguration":{"state":"Disabled"}}}`
	if _, _, _, err := r.plane.Put(t.Context(), place.ID("cloud"), []byte(disabled), manage.Condition{}); err != nil {
		t.Fatal(err)
	}
	for _, ask := range [][2]string{{"POST", path}, {"GET", read}} {
		if status, answer, _ := r.ask(ask[0], ask[1], nil); status != 404 {
			t.Errorf("%s of a disabled broker: %d %s", ask[0], status, answer)
		}
	}
}
