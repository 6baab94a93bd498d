package tracing

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/request.json")

// TestGolden: the request as collectors read it, of two spans with all that a span can have.
func TestGolden(t *testing.T) {
	tr := &Tracer{o: Options{Version: "1.2.3"}, bound: always, resource: []keyValue{text("service.name", "gridmq"), text("service.version", "1.2.3")}}
	from, _ := Parse(parent, "vendor=1")
	first := tr.Start("receive", Consumer, from).Text("messaging.system", "mqtt").Text("messaging.destination.name", "plant/7/t").
		Number("messaging.message.body.size", 5).Truth("mqtt.retain", true)
	second := first.Child("route", Internal)
	second.Link(from)
	second.Fail("no_room", "the topic is full")
	first.own.Span, second.own.Span = [8]byte{1}, [8]byte{2}
	second.parent = first.own.Span
	first.start, first.end, second.start, second.end = 1000, 4000, 2000, 3000
	got, err := json.MarshalIndent(tr.request([]*Span{first, second}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const file = "testdata/request.json"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the request is\n%s\nwant\n%s", got, want)
	}
}

// TestClip: texts of clients are bounded, and stay UTF-8.
func TestClip(t *testing.T) {
	for in, want := range map[string]string{
		"plant":                          "plant",
		"\xff":                           "\uFFFD",
		strings.Repeat("a", 255) + "äöü": strings.Repeat("a", 255),
	} {
		if got := clip(in); got != want {
			t.Errorf("clip(%q) = %q, want %q", in, got, want)
		}
	}
}
