package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gridmq/event/filter"
	"gridmq/mqtt"
	"gridmq/topic"
	"pgregory.net/rapid"
)

func to(topics ...string) (list []Destination) {
	for _, name := range topics {
		list = append(list, Destination{Topic: name})
	}
	return list
}

func compile(t testing.TB, c Config) *Table {
	t.Helper()
	table, err := Compile("plantns", c)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// goesTo is where a message goes, with everything between.
func goesTo(t testing.TB, table *Table, m *mqtt.Message) []Destination {
	t.Helper()
	d := table.Decide(m.Topic)
	if !d.Routed() {
		return nil
	}
	list, err := d.AppendDestinations(nil, table.AppendRecord(nil, m, Publisher{}))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// above lets events through whose data.rpm is above n.
func above(n float64) filter.Config {
	return filter.Config{Filters: []filter.Condition{{Operator: filter.NumberGreaterThan, Key: "data.rpm", Numbers: []float64{n}}}}
}

func TestDecide(t *testing.T) {
	c := Config{
		Topic: Destination{Topic: "all"},
		Routes: []Route{
			{Destination: Destination{Topic: "alarms"}, TopicFilter: "halls/+/alarms/#"},
			{Destination: Destination{Topic: "hall4"}, TopicFilter: "halls/4/#"},
			{Destination: Destination{Topic: "Alarms"}, TopicFilter: "halls/4/#", Filter: above(1000)},
			{Destination: Destination{Topic: "fast"}, Filter: above(1500)},
			{Destination: Destination{Topic: "fast"}, TopicFilter: "halls/9/#", Filter: above(100)},
			{Destination: Destination{Topic: "All"}, TopicFilter: "#"},
		},
	}
	table := compile(t, c)
	tests := []struct {
		topic, payload string
		want           []Destination
	}{
		{"a", "", to("all")},
		{"$mine", "", to("all")}, // a topic filter would leave it out, no filter does not
		{"halls/7/alarms/x", "", to("all", "alarms")},
		{"halls/4/x", "", to("all", "hall4")},
		{"halls/4/x", `{"rpm":1200}`, to("all", "hall4", "Alarms")},
		{"halls/4/alarms", `{"rpm":2000}`, to("all", "alarms", "hall4", "fast")},
		{"halls/9/x", `{"rpm":200}`, to("all", "fast")},
		{"halls/9/x", `{"rpm":2000}`, to("all", "fast")}, // once, though both routes take it
		{"halls/9/x", `{"rpm":20}`, to("all")},
	}
	for _, tt := range tests {
		m := &mqtt.Message{Topic: tt.topic, Payload: []byte(tt.payload), Props: asJSON}
		if got := goesTo(t, table, m); !slices.Equal(got, tt.want) {
			t.Errorf("%s %s goes to %v, want %v", tt.topic, tt.payload, got, tt.want)
		}
	}
}

// asJSON are the properties of a message in JSON.
var asJSON = func() []byte {
	p := mqtt.Properties{ContentType: "application/json"}
	p.Mark(mqtt.PropContentType)
	return p.Forward(nil)
}()

func TestNowhere(t *testing.T) {
	var none *Table
	only := compile(t, Config{Routes: []Route{{Destination: Destination{Topic: "a"}, TopicFilter: "a/#"}}})
	for name, table := range map[string]*Table{"nil": none, "zero": compile(t, Config{}), "other": only} {
		if d := table.Decide("b"); d.Routed() {
			t.Errorf("%s: routed", name)
		}
	}
	if list, err := (*Decision)(nil).AppendDestinations(nil, nil); len(list) > 0 || err != nil {
		t.Errorf("no decision leads to %v, %v", list, err)
	}
}

// A record that is no record is told, and reaches those that do not look into it.
func TestDestinationsOfDamage(t *testing.T) {
	table := compile(t, Config{Topic: Destination{Topic: "all"}, Routes: []Route{{Destination: Destination{Topic: "fast"}, Filter: above(1)}}})
	list, err := table.Decide("a").AppendDestinations(nil, []byte{9})
	if !errors.Is(err, ErrRecord) || !slices.Equal(list, to("all")) {
		t.Errorf("%v, %v", list, err)
	}
}

// TestDecideModel compares decisions with a look at each route in turn.
func TestDecideModel(t *testing.T) {
	filters := rapid.SampledFrom([]string{"", "#", "a", "a/#", "+/b", "a/b", "+/+", "$x/#"})
	rapid.Check(t, func(t *rapid.T) {
		var c Config
		for range rapid.IntRange(0, MaxRoutes).Draw(t, "routes") {
			r := Route{Destination: to(rapid.SampledFrom([]string{"t1", "t2", "T2", "t3"}).Draw(t, "topic"))[0], TopicFilter: filters.Draw(t, "filter")}
			if rapid.Bool().Draw(t, "filtered") {
				r.Filter = above(float64(rapid.IntRange(0, 2).Draw(t, "above")))
			}
			c.Routes = append(c.Routes, r)
		}
		table, err := Compile("plantns", c)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			name := rapid.SampledFrom([]string{"a", "a/b", "c/b", "c", "$x/b"}).Draw(t, "name")
			rpm := rapid.IntRange(0, 3).Draw(t, "rpm")
			m := &mqtt.Message{Topic: name, Payload: fmt.Appendf(nil, `{"rpm":%d}`, rpm), Props: asJSON}
			got, err := table.Decide(name).AppendDestinations(nil, table.AppendRecord(nil, m, Publisher{}))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, r := range c.Routes {
				if (r.TopicFilter == "" || topic.Match(r.TopicFilter, name)) && (len(r.Filter.Filters) == 0 || float64(rpm) > r.Filter.Filters[0].Numbers[0]) {
					want[strings.ToLower(r.Destination.Topic)] = true
				}
			}
			have := map[string]bool{}
			for _, d := range got {
				have[strings.ToLower(d.Topic)] = true
			}
			if len(got) != len(want) || len(have) != len(want) {
				t.Fatalf("%s with %d goes to %v, want %v", name, rpm, got, want)
			}
			for d := range want {
				if !have[d] {
					t.Fatalf("%s with %d goes to %v, want %v", name, rpm, got, want)
				}
			}
		}
	})
}

// More sets of routes than are kept are decided all the same, and memory is bounded.
func TestManyDecisions(t *testing.T) {
	var c Config
	for i := range 12 { // level i is 1: route i
		f := strings.Repeat("+/", i) + "1/#"
		c.Routes = append(c.Routes, Route{Destination: Destination{Topic: fmt.Sprint("t", i)}, TopicFilter: f})
	}
	table := compile(t, c)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for i := range 1 << 12 {
				name := strings.Join(strings.Split(fmt.Sprintf("%012b", i), ""), "/")
				if n := len(table.Decide(name).appendSure()); n != strings.Count(name, "1") {
					t.Errorf("%s goes to %d topics", name, n)
				}
			}
		})
	}
	all.Wait()
	if n := len(table.decisions); n != maxDecisions {
		t.Errorf("%d decisions are kept, want %d", n, maxDecisions)
	}
}

func (d *Decision) appendSure() []Destination {
	list, _ := d.AppendDestinations(nil, nil)
	return list
}
