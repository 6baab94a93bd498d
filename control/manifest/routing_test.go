package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// A namespace that is made together with the topics that it names is made without them
// first, however it names them.
func TestStages(t *testing.T) {
	const id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/plant/topics/orders"
	for name, tt := range map[string]struct{ properties, want string }{
		"nothing":               {`topicSpacesConfiguration: {state: Enabled}`, "Namespace plant, Topic plant/orders"},
		"resource id":           {`topicSpacesConfiguration: {routeTopicResourceId: ` + id + `}`, "Namespace plant, Topic plant/orders, Namespace plant"},
		"route by id":           {`gridmq: {routes: [{destination: ` + id + `}]}`, "Namespace plant, Topic plant/orders, Namespace plant"},
		"route by name":         {`gridmq: {routes: [{destination: Orders}]}`, "Namespace plant, Topic plant/orders, Namespace plant"},
		"life-cycle events":     {`gridmq: {lifecycleEvents: {topic: orders}}`, "Namespace plant, Topic plant/orders, Namespace plant"},
		"another topic":         {`gridmq: {routes: [{destination: others}]}`, "Namespace plant, Topic plant/orders"},
		"a filter of that name": {`gridmq: {routes: [{destination: others, topicFilter: orders}]}`, "Namespace plant, Topic plant/orders"},
	} {
		text := fmt.Sprintf("kind: Namespace\nname: plant\nproperties: {%s}\n---\nkind: Topic\nnamespace: plant\nname: orders\n", tt.properties)
		set, err := Read("a.yaml", strings.NewReader(text), Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, level := range Levels(Stages(set.Resources, func(string) bool { return false })) {
			for _, r := range level {
				got = append(got, r.String())
			}
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %q, want %s", name, got, tt.want)
		}
		first := string(Stages(set.Resources, func(string) bool { return false })[0].JSON())
		if strings.Contains(tt.want, "orders, ") && strings.Contains(strings.ToLower(first), "orders") {
			t.Errorf("%s: the first is %s", name, first)
		}
	}
}
