package lifecycle

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gridmq/event"
)

var update = flag.Bool("update", false, "write the results in testdata again")

var (
	plant = Namespace{"plantns", "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/plant/providers/Microsoft.EventGrid/namespaces/plantns"}
	press = Client{Name: "press-07", AuthenticationName: "press-07", Created: at("06:10:00.9002211"), Updated: at("06:10:00.9002211"), Enabled: true, Attributes: json.RawMessage(`{"kind":"press","hall":4}`)}
	main  = Session{"press-07", "press-07-main", 12}
)

func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, "2026-03-02T"+clock+"Z")
	if err != nil {
		panic(err)
	}
	return t
}

// TestGolden holds the events to those in testdata, both schemas, exactly. Each file
// names the section of the spec.
func TestGolden(t *testing.T) {
	disabled := press
	disabled.Updated, disabled.Enabled, disabled.Attributes = at("06:12:00"), false, nil
	odd := Session{"Pressé \"7\"/\u0007", "a/b", 1<<63 + 1}
	tests := map[string]struct {
		section string
		event   Event
	}{
		"connected":              {"sections 2 and 3", Connected(plant, Notice{"b7c2e8a4-0b0e-4c1a-9a43-6f0d7a6e2d11", at("07:40:00.8120457")}, main)},
		"disconnected":           {"sections 2 to 4", Disconnected(plant, Notice{"e1d7a0c9-1f3a-4d55-8f25-9d2c6b1a7733", at("07:58:31.0031188")}, main, ConnectionLost)},
		"created":                {"sections 2 and 3", CreatedOrUpdated(plant, Notice{"3f5a0b77-5d7b-4f0c-b8f2-2f7f1a9d4e02", at("06:10:02.4410090")}, press)},
		"updated-disabled":       {"section 3: state, no attributes", CreatedOrUpdated(plant, Notice{"u", at("06:12:05")}, disabled)},
		"deleted":                {"sections 2 and 3", Deleted(plant, Notice{"90a2c6b1-77a5-4a7e-8d1b-5d2b3c4e5f60", at("09:00:12.7710023")}, press)},
		"odd-names":              {"section 3: names are UTF-8; the subject has what CloudEvents allows", Connected(plant, Notice{"o", at("07:40:00")}, odd)},
		"disconnected-forbidden": {"section 4: the spelling IpForbidden", Disconnected(plant, Notice{"f", at("07:40:00")}, main, IPForbidden)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := tt.event.CloudEvent()
			if err := e.Validate(); err != nil {
				t.Errorf("not valid: %v", err)
			}
			grid := tt.event.AppendEventGrid(nil)
			if !json.Valid(grid) {
				t.Errorf("not JSON: %s", grid)
			}
			got := "# spec/lifecycle-events.md, " + tt.section + "\n----\n" + string(e.AppendJSON(nil)) + "\n----\n" + string(grid) + "\n"
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || got != string(want) {
				t.Errorf("%v\ngot\n%swant\n%s", err, got, want)
			}
		})
	}
}

// Whatever people call a resource group, the source is a URI reference.
func TestSource(t *testing.T) {
	for id, want := range map[string]string{
		plant.ResourceID: plant.ResourceID, "/a b/(ä)_.-": "/a%20b/(ä)_.-", "/50%\\^": "/50%25%5C%5E", "/\u0007": "/\ufffd",
	} {
		e := Connected(Namespace{"n", id}, Notice{"1", at("07:40:00")}, main)
		c := e.CloudEvent()
		if err := c.Validate(); err != nil || c.Source != want {
			t.Errorf("source of %q is %q, %v; want %q", id, c.Source, err, want)
		}
	}
}

// Names come from clients: whatever they are, both schemas are JSON and say the same.
func FuzzNames(f *testing.F) {
	f.Add("press-07", "main", `{"a":1}`)
	f.Add("\xff", "a/\"\u0007", `{`)
	f.Fuzz(func(t *testing.T, name, session, attributes string) {
		client := Client{Name: name, AuthenticationName: session, Attributes: json.RawMessage(attributes)}
		n := Notice{"1", at("07:40:00")}
		for _, e := range []Event{Connected(plant, n, Session{name, session, 1}), Disconnected(plant, n, Session{name, session, 1}, ServerError), CreatedOrUpdated(plant, n, client), Deleted(plant, n, client)} {
			c := e.CloudEvent()
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			var grid struct{ Data json.RawMessage }
			if err := json.Unmarshal(e.AppendEventGrid(nil), &grid); err != nil {
				t.Fatal(err)
			}
			if string(grid.Data) != string(c.Data) {
				t.Errorf("data %s and %s", c.Data, grid.Data)
			}
			if _, err := event.Read(c.AppendJSON(nil), event.Limits{}); err != nil && len(name)+len(session)+len(attributes) < 1<<10 {
				t.Error(err)
			}
		}
	})
}
