package route

import (
	"testing"

	"gridmq/mqtt"
)

// Traffic as Event Grid's clients have it: the enrichments of the example in section 4,
// a small JSON payload.
var (
	traffic = Config{
		Topic:  Destination{Topic: "states"},
		Static: []Enrichment{{"site", "lyon-2"}},
		Dynamic: []Enrichment{
			{"sender", "${client.authenticationName}"}, {"hall", "${client.attributes.hall}"}, {"sensors", "${client.attributes.sensors}"},
			{"shift", "${mqtt.message.userProperties['work.shift']}"}, {"rawtopic", "${mqtt.message.topicName}"},
			{"corr", "${mqtt.message.correlationData}"}, {"pfi", "${mqtt.message.pfi}"},
		},
	}
	trafficClient  = Publisher{"press-07", attributeMap{"hall": Integer(4), "sensors": List([]string{"thermal", "acoustic"}), "kind": Text("press")}}
	trafficMessage = func() *mqtt.Message {
		p := mqtt.Properties{ContentType: "application/json", CorrelationData: []byte("job-5541"), UserProperties: []mqtt.UserProperty{{Name: "work.shift", Value: "night"}, {Name: "unit", Value: "rpm"}}}
		p.Mark(mqtt.PropContentType, mqtt.PropCorrelationData)
		return &mqtt.Message{Topic: "halls/4/presses/press-07/state", QoS: 1, Published: 1_772_437_269_553, Payload: []byte(`{"rpm":1480,"bearing":61,"oil":[21.5,22.0]}`), Props: p.Forward(nil)}
	}()
	plainMessage = &mqtt.Message{Topic: trafficMessage.Topic, QoS: 1, Published: trafficMessage.Published, Payload: trafficMessage.Payload}
)

// The way of a message allocates nothing.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations say nothing under the race detector")
	}
	one := compile(t, traffic)
	several := compile(t, Config{Topic: to("a")[0], Routes: []Route{
		{Destination: to("b")[0], TopicFilter: "halls/+/presses/#"}, {Destination: to("c")[0], TopicFilter: "halls/4/#"}, {Destination: to("d")[0], TopicFilter: "x"},
	}})
	buf := make([]byte, 0, 1024)
	list := make([]Destination, 0, 8)
	for name, table := range map[string]*Table{"one": one, "several": several} {
		n := testing.AllocsPerRun(100, func() {
			d := table.Decide(trafficMessage.Topic)
			buf = table.AppendRecord(buf[:0], trafficMessage, trafficClient)
			list, _ = d.AppendDestinations(list[:0], buf)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if len(list) == 0 {
		t.Error("routed nowhere")
	}
}

func BenchmarkAppendRecord(b *testing.B) {
	for name, m := range map[string]*mqtt.Message{"311": plainMessage, "5": trafficMessage} {
		b.Run(name, func(b *testing.B) {
			table := compile(b, traffic)
			if name == "311" {
				table = compile(b, Config{Topic: traffic.Topic})
			}
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = table.AppendRecord(buf[:0], m, trafficClient)
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	table := compile(b, Config{Topic: to("a")[0], Routes: []Route{{Destination: to("b")[0], TopicFilter: "halls/+/presses/#"}, {Destination: to("c")[0], TopicFilter: "halls/4/#"}}})
	b.ReportAllocs()
	for b.Loop() {
		table.Decide(trafficMessage.Topic)
	}
}

func BenchmarkRender(b *testing.B) {
	plain := compile(b, Config{Topic: traffic.Topic}).AppendRecord(nil, plainMessage, Publisher{})
	for name, record := range map[string][]byte{"311": plain, "5": recordOf(b)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Render(record, goldenID); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDestinationsFiltered(b *testing.B) {
	table := compile(b, Config{Routes: []Route{{Destination: to("fast")[0], Filter: above(1000)}}})
	record := table.AppendRecord(nil, trafficMessage, Publisher{})
	d := table.Decide(trafficMessage.Topic)
	var list []Destination
	b.ReportAllocs()
	for b.Loop() {
		list, _ = d.AppendDestinations(list[:0], record)
	}
}
