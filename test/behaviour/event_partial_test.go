package behaviour

import (
	"fmt"
	"strings"
	"testing"
)

// TestEventPartial: a message that one of two topics has no room for is refused, and then
// it is in neither ("What is refused is not routed", docs/routing.md).
func TestEventPartial(t *testing.T) {
	routed(t, func(f *fleet, d *desk) {
		f.house.journal.allow("a topic that they are routed to is full|the topic keeps as many bytes as it may")
		d.topic("others", "all")
		f.route("others", nil, object{"destination": "states", "topicFilter": "halls/4/#"}, object{"destination": "states", "topicFilter": "halls/5/#"})
		payload := strings.Repeat("x", 300<<10)
		f.route("states", nil)
		c := f.enter("Press-07", login{id: "filler"})
		for i := 0; f.accepts(&c, message{topic: fmt.Sprint("halls/5/", i), payload: payload, qos: 1}); i++ {
		}
		for _, first := range []string{"others", "states"} {
			second := map[string]string{"others": "states", "states": "others"}[first]
			f.route(nil, nil, object{"destination": first, "topicFilter": "halls/4/#"}, object{"destination": second, "topicFilter": "halls/4/#"},
				object{"destination": "others", "topicFilter": "halls/7/#"})
			if f.accepts(&c, message{topic: "halls/4/x", payload: payload, qos: 1}) {
				f.Fatal("a full topic takes a message")
			}
			f.report("halls/7/after", "-m", "x")
			if got := d.subjects("others", "all", 1); got[0] != "halls/7/after" {
				f.Errorf("%s first: a refused message is in others: %q", first, got)
			}
		}
	}, "events.topic_bytes=1MiB")
}
