package gateway

import (
	"net/url"
	"strings"
)

// A target is what a path names.
type target struct {
	op        Operation
	prefixed  bool   // the path began with /ns/<namespace>, or that of a custom topic with /topics/<topic>
	namespace string // of that prefix
	topic     string // in the request's spelling
	sub       string // the event subscription; empty for Publish
}

// path is the target without its verb, as shared access signatures name it.
func (t target) path() []string {
	switch {
	case t.op == PublishEvents && t.prefixed:
		return []string{"topics", t.topic, "api", "events"}
	case t.op == PublishEvents:
		return []string{"api", "events"}
	case t.sub == "":
		return []string{"topics", t.topic}
	}
	return []string{"topics", t.topic, "eventsubscriptions", t.sub}
}

// parsePath reads an escaped path (section 2). Empty segments do not count: clients
// make them of an address that ends in a slash, and do not follow redirects.
func parsePath(escaped string) (t target, ok bool) {
	var at []string
	for segment := range strings.SplitSeq(escaped, "/") {
		if segment == "" {
			continue
		}
		name, err := url.PathUnescape(segment) // once, after splitting
		if err != nil || len(at) == 8 {
			return t, false
		}
		at = append(at, name)
	}
	if n := len(at); n >= 2 && strings.EqualFold(at[n-2], "api") && strings.EqualFold(at[n-1], "events") {
		return customPath(at[:n-2])
	}
	if len(at) >= 2 && strings.EqualFold(at[0], "ns") {
		t.prefixed, t.namespace, at = true, at[1], at[2:]
	}
	switch {
	case len(at) == 2 && strings.EqualFold(at[0], "topics"):
		verb := ""
		t.topic, verb = cutVerb(at[1])
		return t, t.topic != "" && strings.EqualFold(verb, Publish.String())
	case len(at) == 4 && strings.EqualFold(at[0], "topics") && strings.EqualFold(at[2], "eventsubscriptions"):
		verb := ""
		t.topic = at[1]
		t.sub, verb = cutVerb(at[3])
		for o := Receive; o <= RenewLock; o++ {
			if strings.EqualFold(verb, o.String()) {
				t.op = o
				return t, t.topic != "" && t.sub != ""
			}
		}
	default:
		return t, t.mqtt(at)
	}
	return t, false
}

// customPath reads what may stand before /api/events.
func customPath(at []string) (t target, ok bool) {
	t.op = PublishEvents
	switch {
	case len(at) == 0:
		return t, true
	case len(at) == 2 && strings.EqualFold(at[0], "topics"):
		t.prefixed, t.topic = true, at[1]
		return t, true
	}
	return t, false
}

func (t *target) mqtt(at []string) bool {
	switch strings.ToLower(strings.Join(at, "/")) {
	case "mqtt/messages":
		t.op = PublishMessage
	case "mqtt/retainedmessages":
		t.op = ListRetained
	case "mqtt/retainedmessages/message":
		t.op = GetRetained
	default:
		return false
	}
	return true
}

// cutVerb splits at the last colon.
func cutVerb(segment string) (name, verb string) {
	colon := strings.LastIndexByte(segment, ':')
	if colon < 0 {
		return segment, ""
	}
	return segment[:colon], segment[colon+1:]
}
