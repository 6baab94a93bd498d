package control_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"gridmq/control"
	"gridmq/tap"
)

// fakeTracer tells each tap one thing and ends it.
type fakeTracer struct{ refuse error }

func (f fakeTracer) Trace(_, client string, t *tap.Tap) (func(), error) {
	if f.refuse != nil {
		return nil, f.refuse
	}
	allowed := true
	t.Note(tap.Event{Kind: tap.Access, Action: "publish", Topic: "a/" + client, Allowed: &allowed, Who: client})
	t.End("enough")
	return func() {}, nil
}

func (fakeTracer) Why(_ string, who any, action, topic string) string {
	return who.(string) + " " + action + " " + topic
}

// To trace is a right of its own, with payloads another one, and it is in the audit log.
func TestTrace(t *testing.T) {
	b := newBench(t, func(o *control.Options) { o.Trace = fakeTracer{} })
	b.must(201, "PUT "+plant, `{"location":"local"}`)
	ask := func(token, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "https://manage.test/gridmq/namespaces/"+path, nil)
		r.Header.Set("Authorization", "Bearer "+token+"-token")
		w := httptest.NewRecorder()
		b.plane.ServeHTTP(w, r)
		return w
	}
	for _, tt := range []struct {
		token, path string
		want        int
	}{
		{"owner", "plant/trace/p%2F7", 200}, {"contributor", "plant/trace/p7?payload=true&for=1m&topic=a/%23", 200},
		{"reader", "plant/trace/p7", 403}, {"plantreader", "plant/trace/p7", 403}, {"nobody", "plant/trace/p7", 401},
		{"owner", "other/trace/p7", 404}, {"owner", "plant/trace/p7?for=1y", 400}, {"owner", "plant/trace/p7?for=-1s", 400},
		{"owner", "plant/trace/p7?topic=a/%23/b", 400}, {"owner", "plant/trace/p7?payload=perhaps", 400},
	} {
		if w := ask(tt.token, tt.path); w.Code != tt.want {
			t.Errorf("%s by %s: %d %s, want %d", tt.path, tt.token, w.Code, w.Body, tt.want)
		}
	}
	lines := strings.Split(strings.TrimSpace(ask("owner", "plant/trace/p%2F7").Body.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"reason":"p/7 publish a/p/7"`) || !strings.Contains(lines[1], `"event":"ended","reason":"enough"`) {
		t.Errorf("the stream is\n%s", strings.Join(lines, "\n"))
	}
	log := b.must(200, "GET /gridmq/audit", "").text
	for _, want := range []string{"sessions/trace/action", "sessions/tracePayload/action", "/gridmq/namespaces/plant/sessions/p/7"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log does not have %s: %s", want, log)
		}
	}
	full := newBench(t, func(o *control.Options) { o.Trace = fakeTracer{control.ErrTooManyTraces} })
	full.must(201, "PUT "+plant, `{"location":"local"}`)
	full.must(429, "POST /gridmq/namespaces/plant/trace/p7", "")
}
