package control_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gridmq/control"
)

// watched has 25 topics in each namespace, one metric, and an address named after the
// namespace.
type watched struct{}

func (watched) Metrics(_ context.Context, prefix string) ([]control.Metric, error) {
	if !strings.HasPrefix("gridmq_sessions", prefix) {
		return nil, nil
	}
	return []control.Metric{{Name: "gridmq_sessions", Type: "gauge", Samples: []control.Sample{{Value: 3}}}}, nil
}

func (watched) EventCounts(_ context.Context, _, after string, limit int) (page []control.TopicCounts, next string, err error) {
	for i := range 25 {
		name := fmt.Sprintf("Topic-%02d", i)
		if strings.ToLower(name) <= after {
			continue
		}
		if len(page) == limit {
			return page, strings.ToLower(page[limit-1].Name), nil
		}
		page = append(page, control.TopicCounts{Name: name, Subscriptions: []control.SubscriptionCounts{}})
	}
	return page, "", nil
}

func (watched) Addresses(_ context.Context, namespace string) ([]control.Address, error) {
	return []control.Address{{Listener: "wss", Transport: "wss", URL: "wss://" + namespace + ":8443/mqtt"}}, nil
}

// What a namespace has is for who may read it; metrics are of all of them together.
func TestObserve(t *testing.T) {
	b := newBench(t, func(o *control.Options) { o.Metrics, o.Events, o.Addresses = watched{}, watched{}, watched{} })
	b.furnish()
	for _, tt := range []struct {
		path, token string
		status      int
		want        string
	}{
		{"metrics", "owner", 200, "gridmq_sessions"}, {"metrics", "reader", 200, "gridmq_sessions"}, {"metrics", "plantreader", 403, ""},
		{"metrics?prefix=gridmq_", "owner", 200, "gridmq_sessions"}, {"metrics?prefix=go_", "owner", 200, `"value":[]`},
		{"namespaces/PLANT/eventCounts", "owner", 200, "Topic-00"}, {"namespaces/plant/eventCounts", "plantreader", 200, "Topic-00"},
		{"namespaces/other/eventCounts", "plantreader", 403, ""}, {"namespaces/other/eventCounts", "owner", 404, ""},
		{"namespaces/PLANT/addresses", "plantreader", 200, "wss://plant:8443/mqtt"}, {"namespaces/other/addresses", "plantreader", 403, ""},
	} {
		a := b.do("GET /gridmq/"+tt.path, "", "Authorization", "Bearer "+tt.token+"-token")
		if a.status != tt.status || !strings.Contains(a.text, tt.want) {
			t.Errorf("%s as %s: %d %s, want %d and %q", tt.path, tt.token, a.status, a.text, tt.status, tt.want)
		}
	}
	names := []string{}
	for next := "/gridmq/namespaces/plant/eventCounts?$top=10"; next != ""; {
		a := b.must(200, "GET "+next, "")
		names = append(names, a.names()...)
		next, _ = a.at("nextLink").(string)
		next = strings.TrimPrefix(next, "https://manage.test")
	}
	if len(names) != 25 || names[24] != "Topic-24" {
		t.Errorf("by pages of 10: %v, want 25 topics", names)
	}
}

// explained remembers what it was asked.
type explained struct{ asked []control.Question }

func (e *explained) Explain(_ context.Context, _ string, q control.Question) (*control.Explanation, error) {
	e.asked = append(e.asked, q)
	return &control.Explanation{Allowed: true, Reason: "yes"}, nil
}

// Assumptions are read as the resources would be, and nothing is written.
func TestExplainAssume(t *testing.T) {
	e := &explained{}
	b := newBench(t, func(o *control.Options) { o.Explain = e })
	b.furnish()
	before := len(b.documents(""))
	ask := func(assume string) answer {
		return b.do("POST /gridmq/namespaces/plant/explain", `{"action":"publish","client":"press-7","topic":"b/1","assume":`+assume+`}`,
			"Authorization", "Bearer reader-token")
	}
	a := ask(`[{"kind":"TOPICSPACES","name":"TELEMETRY","properties":{"topicTemplates":["b/#"]}},
		{"kind":"permissionBindings","name":"new","properties":{"clientGroupName":"nobody","topicSpaceName":"telemetry","permission":"Publisher"}},
		{"kind":"clients","name":"press-7","deleted":true}]`)
	if a.status != 200 || len(e.asked) != 1 || len(e.asked[0].Changes) != 3 {
		t.Fatalf("%d %s, asked %+v; want three changes", a.status, a.text, e.asked)
	}
	if c := e.asked[0].Changes; c[0].Name != "telemetry" || c[0].Old == nil || c[0].New == nil || c[1].Old != nil || c[2].New != nil || c[2].Old == nil {
		t.Errorf("changes %+v: want a replaced space, a new binding, a deleted client", c)
	}
	for assume, target := range map[string]string{
		`[{"kind":"topics","name":"x"}]`:                                         "assume[0].kind",
		`[{"kind":"","name":"x"}]`:                                               "assume[0].kind",
		`[{"kind":"clientGroups","name":"grp","properties":{"query":"kind ="}}]`: "assume[0].properties.query",
		`[{"kind":"topicSpaces","name":"spc"}]`:                                  "assume[0].properties.topicTemplates",
		`[{"kind":"clients","name":"a b"}]`:                                      "assume[0].name",
		`[` + strings.Repeat(`{"kind":"clients","name":"a"},`, 20) + `{}]`:       "assume",
	} {
		if a := ask(assume); a.status != 400 || a.at("error.target") != target {
			t.Errorf("assume %.60s: %d %s, want 400 at %s", assume, a.status, a.text, target)
		}
	}
	if after := len(b.documents("")); after != before || len(e.asked) != 1 {
		t.Errorf("%d documents, before %d; asked %d times", after, before, len(e.asked))
	}
}
