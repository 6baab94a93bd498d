package delivery

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"gridmq/delivery/internal/copies"
	"gridmq/event"
)

var update = flag.Bool("update", false, "write the files in testdata again")

// TestGoldenLetters holds the records of dead letters to the files in testdata/letters:
// the section of the spec that the case comes from, a line of dashes, the record.
func TestGoldenLetters(t *testing.T) {
	const published, last = 1772437269452, 1772438522918
	order := event.Event{ID: "o-4711", Source: "/shop/7", Type: "shop.order.placed", DataContentType: "application/json", DataKind: event.JSON, Data: []byte(`{"total":19.9}`)}
	binary := event.Event{ID: "o-4712", Source: "/shop/7", Type: "shop.receipt", DataKind: event.Bytes, Data: []byte{0, 1, 255}}
	hook := &Destination{WebHook: &WebHook{}, Headers: []Header{{Name: "tenant", Value: "t-17"}, {Name: "X-Key", Value: "hush", Secret: true},
		{Name: "X-Order", SourceField: "id"}}}
	tried := func(reason copies.Reason, count int, o Outcome) copies.Copy {
		return copies.Copy{Published: published, Count: count, First: last, Reason: reason, Outcome: uint8(o)}
	}
	for name, tt := range map[string]struct {
		section string
		copy    copies.Copy
		event   event.Event
		to      *Destination
	}{
		"pull-used-up":      {"13.4, pull, count used up", tried(copies.UsedUp, 10, 0), order, nil},
		"pull-rejected":     {"13.4, pull, rejected", tried(copies.Rejected, 1, 0), order, nil},
		"pull-expired":      {"13.4, time to live", tried(copies.Expired, 2, 0), order, nil},
		"pull-never-taken":  {"13.4, time to live, without a delivery", copies.Copy{Published: published, Reason: copies.Expired}, binary, nil},
		"push-client-error": {"13.4, push, client error; custom headers, secret ones left out", tried(copies.ClientError, 1, Unauthorized), order, hook},
		"push-used-up":      {"13.4, push, attempts used up", tried(copies.UsedUp, 3, TimedOut), binary, &Destination{WebHook: &WebHook{}}},
		"push-expired":      {"13.4, time to live, last outcome", tried(copies.Expired, 4, Busy), order, hook},
		"push-after-crash":  {"13.4, push, attempts used up; a crash has hidden the last outcome", tried(copies.UsedUp, 3, 0), order, hook},
	} {
		d := DeadLetter{Letters: []Letter{letterOf(tt.copy, tt.event, tt.to)}}
		got := append([]byte("# spec/namespace-topics.md, section "+tt.section+"\n----\n"), append(d.AppendJSON(nil), '\n')...)
		file := filepath.Join("testdata", "letters", name+".txt")
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\ngot  %swant %s", name, err, got, want)
		}
	}
}
