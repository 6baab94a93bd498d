package gateway

import (
	"net/url"
	"strings"
	"testing"
)

// Section 2.
func TestPaths(t *testing.T) {
	tests := map[string]struct {
		path string
		want target
		ok   bool
	}{
		"publish":                       {"/topics/a:publish", target{op: Publish, topic: "a"}, true},
		"receive":                       {"/topics/a/eventsubscriptions/b:receive", target{op: Receive, topic: "a", sub: "b"}, true},
		"acknowledge":                   {"/topics/a/eventsubscriptions/b:acknowledge", target{op: Acknowledge, topic: "a", sub: "b"}, true},
		"release":                       {"/topics/a/eventsubscriptions/b:release", target{op: Release, topic: "a", sub: "b"}, true},
		"reject":                        {"/topics/a/eventsubscriptions/b:reject", target{op: Reject, topic: "a", sub: "b"}, true},
		"renewLock":                     {"/topics/a/eventsubscriptions/b:renewLock", target{op: RenewLock, topic: "a", sub: "b"}, true},
		"case":                          {"/TOPICS/A/EventSubscriptions/B:RENEWLOCK", target{op: RenewLock, topic: "A", sub: "B"}, true},
		"escapes":                       {"/topics/to%20pic%2F1:publish", target{op: Publish, topic: "to pic/1"}, true},
		"decoded once":                  {"/topics/a%252F:publish", target{op: Publish, topic: "a%2F"}, true},
		"the last colon":                {"/topics/a:b:publish", target{op: Publish, topic: "a:b"}, true},
		"escaped colon":                 {"/topics/a%3Apublish", target{op: Publish, topic: "a"}, true},
		"prefix":                        {"/ns/Plant/topics/a:publish", target{op: Publish, prefixed: true, namespace: "Plant", topic: "a"}, true},
		"double slash":                  {"//topics//a:publish", target{op: Publish, topic: "a"}, true},
		"trailing slash":                {"/topics/a:publish/", target{op: Publish, topic: "a"}, true},
		"messages":                      {"/mqtt/messages", target{op: PublishMessage}, true},
		"retained list":                 {"/mqtt/retainedMessages", target{op: ListRetained}, true},
		"retained, other case":          {"/MQTT/retainedmessages/Message", target{op: GetRetained}, true},
		"custom topic":                  {"/api/events", target{op: PublishEvents}, true},
		"custom topic, other case":      {"/API//Events/", target{op: PublishEvents}, true},
		"custom topic by path":          {"/topics/a/api/events", target{op: PublishEvents, prefixed: true, topic: "a"}, true},
		"custom topic of a namespace":   {"/ns/plant/api/events", target{}, false},
		"custom topic below another":    {"/topics/a/b/api/events", target{}, false},
		"nothing":                       {"/", target{}, false},
		"no verb":                       {"/topics/a", target{}, false},
		"unknown verb":                  {"/topics/a:delete", target{}, false},
		"a queue's verb":                {"/topics/a:receive", target{}, false},
		"a topic's verb":                {"/topics/a/eventsubscriptions/b:publish", target{}, false},
		"a verb of the other plane":     {"/topics/a/eventsubscriptions/b:publishMessage", target{}, false},
		"verb after a slash":            {"/topics/a/:publish", target{}, false},
		"no name":                       {"/topics/:publish", target{}, false},
		"no subscription":               {"/topics/a/eventsubscriptions/:receive", target{}, false},
		"no topic":                      {"/topics//eventsubscriptions/b:receive", target{}, false},
		"more":                          {"/topics/a/eventsubscriptions/b:receive/c", target{}, false},
		"something else":                {"/base/topics/a:publish", target{}, false},
		"prefix twice":                  {"/ns/a/ns/b/topics/a:publish", target{}, false},
		"bad escape":                    {"/topics/%zz:publish", target{}, false},
		"escaped slash is no separator": {"/topics%2Fa:publish", target{}, false},
		"long":                          {"/" + strings.Repeat("a/", 1000), target{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := parsePath(tt.path)
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("%s is %+v, %v; want %+v, %v", tt.path, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func escaped(path []string) string {
	var list []string
	for _, segment := range path {
		list = append(list, url.PathEscape(segment))
	}
	return strings.Join(list, "/")
}

// What is read can be written again and is read as the same.
func FuzzParsePath(f *testing.F) {
	f.Add("/ns/x/topics/to%20pic%2F1/eventsubscriptions/b:receive")
	f.Add("/topics/a:publish")
	f.Add("//mqtt/%4dessages")
	f.Add("/topics/a%2Fb/api/events")
	f.Fuzz(func(t *testing.T, path string) {
		one, ok := parsePath(path)
		if !ok || !one.op.ofTopic() {
			return
		}
		again := ""
		if one.op == PublishEvents {
			if two, ok := parsePath("/" + escaped(one.path())); !ok || two != one {
				t.Errorf("%q is %+v, written again %+v", path, one, two)
			}
			return
		}
		if one.prefixed {
			again = "/ns/" + url.PathEscape(one.namespace)
		}
		for _, segment := range one.path() {
			again += "/" + url.PathEscape(segment)
		}
		if two, ok := parsePath(again + ":" + one.op.String()); !ok || two != one {
			t.Errorf("%q is %+v, written again %+v", path, one, two)
		}
	})
}
