package route

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gridmq/mqtt"
)

var update = flag.Bool("update", false, "write the results in testdata again")

// TestGolden holds the events of messages to those in testdata: a file is a comment that
// names the section of the spec, what was configured and published, a line of dashes, and
// the event in JSON, exactly.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "events", "*.txt"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, want, _ := strings.Cut(string(b), "\n----\n")
			if !strings.HasPrefix(in, "# spec/") {
				t.Error("does not begin with the section of the spec")
			}
			got := eventOf(t, in) + "\n"
			if got == want {
				return
			}
			if !*update {
				t.Errorf("got  %swant %s", got, want)
				return
			}
			if err := os.WriteFile(file, []byte(in+"\n----\n"+got), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// goldenID is the id that the log gives.
var goldenID = [16]byte{0x0d, 0x9c, 0xbd, 0x5e, 0x62, 0xe3, 0x4e, 0x0b, 0x8a, 0x0b, 0x6a, 0x1e, 0x3f, 0x7f, 0x2c, 0x11}

// attributeMap is how a client's attributes come in tests.
type attributeMap map[string]Attribute

func (m attributeMap) Attribute(key string) Attribute { return m[key] }

// eventOf plays a script: configuration, client and message, one thing a line.
func eventOf(t *testing.T, script string) string {
	t.Helper()
	var c Config
	var properties mqtt.Properties
	m := mqtt.Message{Topic: "halls/4/presses/press-07/state", QoS: 1}
	at := "2026-03-02T07:41:09.553Z"
	attributes := attributeMap{}
	by := Publisher{Name: "press-07", Attributes: attributes}
	for line := range strings.Lines(script) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		first, second, _ := strings.Cut(rest, " ")
		switch word {
		case "#", "":
		case "at":
			at = rest
		case "static":
			c.Static = append(c.Static, Enrichment{first, second})
		case "dynamic":
			c.Dynamic = append(c.Dynamic, Enrichment{first, second})
		case "client":
			by.Name = rest
		case "nobody":
			by = Publisher{}
		case "attribute":
			attributes[first] = scriptAttribute(t, second)
		case "topic":
			m.Topic = unescape(t, rest)
		case "format":
			properties.PayloadFormatIndicator = rest[0] - '0'
			properties.Mark(mqtt.PropPayloadFormatIndicator)
		case "type":
			properties.ContentType = unescape(t, rest)
			properties.Mark(mqtt.PropContentType)
		case "response":
			properties.ResponseTopic = unescape(t, rest)
			properties.Mark(mqtt.PropResponseTopic)
		case "correlation":
			properties.CorrelationData = []byte(rest)
			properties.Mark(mqtt.PropCorrelationData)
		case "user":
			properties.UserProperties = append(properties.UserProperties, mqtt.UserProperty{Name: first, Value: unescape(t, second)})
		case "payload":
			m.Payload = []byte(rest)
		case "hex":
			var err error
			if m.Payload, err = hex.DecodeString(rest); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	when, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		t.Fatal(err)
	}
	m.Published = when.UnixMilli()
	m.Props = properties.Forward(nil)
	return string(renderOf(t, c, &m, by))
}

// unescape lets a script write control characters as Go does.
func unescape(t *testing.T, s string) string {
	t.Helper()
	if !strings.Contains(s, `\u`) {
		return s
	}
	s, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func scriptAttribute(t *testing.T, s string) Attribute {
	t.Helper()
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Integer(n)
	}
	if list, ok := strings.CutPrefix(s, "["); ok {
		return List(strings.Fields(strings.TrimSuffix(list, "]")))
	}
	if s == "true" || s == "false" {
		return Boolean(s == "true")
	}
	return Text(s)
}

// renderOf takes a message through the room, and holds the event to what every event is.
func renderOf(t *testing.T, c Config, m *mqtt.Message, by Publisher) []byte {
	t.Helper()
	table, err := Compile("plantns", c)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Render(table.AppendRecord(nil, m, by), goldenID)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Errorf("not a valid event: %v", err)
	}
	return e.AppendJSON(nil)
}
