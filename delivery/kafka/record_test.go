package kafka

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"gridmq/delivery"
	"gridmq/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// full is an event with everything.
func full() event.Event {
	e := event.Event{ID: "o-4711", Source: "/shop/7", Type: "shop.order.placed", Subject: "orders/ü 1%", DataContentType: "application/json",
		DataSchema: "https://shop.example/order", Time: "2026-03-02T07:41:09.452Z", DataKind: event.JSON, Data: []byte(`{"customer":{"id":"c 1"},"total": 19.9}`)}
	e.SetExtension("partitionkey", event.String("p-9"))
	e.SetExtension("urgent", event.Boolean(true))
	e.SetExtension("pieces", event.Integer(3))
	return e
}

func bare(kind event.DataKind, data string) event.Event {
	return event.Event{ID: "1", Source: "/s", Type: "t", DataKind: kind, Data: []byte(data)}
}

// TestRecordForms compares records with files, key, headers in their order, and value.
// -update writes them.
func TestRecordForms(t *testing.T) {
	properties := []delivery.Header{
		{Name: "X-Tenant", Value: "t-17"}, {Name: "Authorization", Value: "Basic x", Secret: true},
		{Name: "customer", SourceField: "data.customer.id"}, {Name: "missing", SourceField: "data.none"},
		{Name: "Content-Type", Value: "text/html"}, {Name: "CE_id", Value: "2"}, {Name: "aeg-event-type", Value: "x"},
	}
	tests := map[string]struct {
		event      event.Event
		properties []delivery.Header
		binary     bool
		count      int
	}{
		"structured":            {full(), properties, false, 1},
		"structured, bare":      {bare(event.NoData, ""), nil, false, 3},
		"structured, bytes":     {bare(event.Bytes, "\x00\x01"), nil, false, 1},
		"binary":                {full(), properties, true, 1},
		"binary, no data":       {bare(event.NoData, ""), nil, true, 1},
		"binary, empty bytes":   {bare(event.Bytes, ""), nil, true, 1},
		"binary, bytes":         {bare(event.Bytes, "\x00\x01"), nil, true, 1},
		"binary, text":          {bare(event.Text, "warm ☀"), nil, true, 1},
		"partition key":         {full(), []delivery.Header{{Name: "partitionKEY", SourceField: "data.customer.id"}}, false, 1},
		"partition key, absent": {full(), []delivery.Header{{Name: "PartitionKey", SourceField: "data.none"}}, true, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := Destination{Topic: "telemetry", Binary: tt.binary}
			a := &delivery.Attempt{Event: tt.event, Count: tt.count, ID: delivery.EventID{1, 2, 3, 15: 42}}
			got := text(d.newRecord(&delivery.Destination{Headers: tt.properties}, "billing", a))
			file := filepath.Join("testdata", strings.NewReplacer(", ", "-", " ", "-").Replace(name)+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || got != string(want) {
				t.Errorf("record\n%s\nwant (%s, %v)\n%s", got, file, err, want)
			}
		})
	}
}

// text is a record to read.
func text(r *kgo.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "topic %s\nkey %s\n", r.Topic, orNull(r.Key))
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Key, h.Value)
	}
	fmt.Fprintf(&b, "\n%s\n", orNull(r.Value))
	return b.String()
}

func orNull(b []byte) string {
	if b == nil {
		return "(null)"
	}
	return fmt.Sprintf("%q", b)
}

// FuzzRecord: in binary mode nothing of an event is lost, and no custom header says what
// the record is; in structured mode the value is the event.
func FuzzRecord(f *testing.F) {
	f.Add(`{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"ü\n","data":"x"}`, "ce_id", "9")
	f.Add(`{"specversion":"1.0","id":"1","source":"/s","type":"t","partitionkey":"","data_base64":"AAE="}`, "x", "data")
	f.Fuzz(func(t *testing.T, body, name, value string) {
		e, err := event.Read([]byte(body), event.Limits{})
		if err != nil || e.Validate() != nil {
			return
		}
		s := &delivery.Destination{Headers: []delivery.Header{{Name: name, Value: value}, {Name: name + "2", SourceField: value}}}
		a := &delivery.Attempt{Event: e}
		r := (&Destination{Topic: "t"}).newRecord(s, "sub", a)
		if back, err := event.Read(r.Value, event.Limits{}); err != nil || back.ID != e.ID || back.Source != e.Source || back.Subject != e.Subject {
			t.Errorf("structured: %s reads as %+v, %v", r.Value, back, err)
		}
		r = (&Destination{Topic: "t", Binary: true}).newRecord(s, "sub", a)
		seen := map[string]string{}
		for _, h := range r.Headers {
			low := strings.ToLower(h.Key)
			if _, twice := seen[low]; twice && reserved(low) {
				t.Errorf("header %s is there twice", h.Key)
			}
			seen[low] = string(h.Value)
		}
		if seen["ce_id"] != e.ID || seen["ce_source"] != e.Source || seen["ce_subject"] != e.Subject || seen["ce_type"] != e.Type {
			t.Errorf("binary: headers %v of %s", seen, body)
		}
	})
}

// TestOrder: events with one key arrive in the order in which they were published, also
// when connections break; another key may go elsewhere.
func TestOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.cluster("a")
		w.open(destination("a", c))
		w.tell(to("a"))
		for i := range 60 {
			e := newEvent(fmt.Sprintf("%03d", i))
			e.Subject = fmt.Sprint("device", i%7)
			w.publishEvents(e)
			if i%10 == 9 {
				w.net.cut()
			}
			time.Sleep(time.Duration(i%4) * time.Millisecond)
		}
		after(time.Minute)
		last, parts := map[string]string{}, map[string]int32{}
		all := w.records(c, "a")
		if len(all) != 60 {
			t.Errorf("%d records, want 60", len(all))
		}
		for _, r := range all {
			id := ids(t, []*kgo.Record{r})[0]
			if key := string(r.Key); id < last[key] {
				t.Errorf("key %s: %s comes behind %s", key, id, last[key])
			}
			if p, ok := parts[string(r.Key)]; ok && p != r.Partition {
				t.Errorf("key %s is in partitions %d and %d", r.Key, p, r.Partition)
			}
			last[string(r.Key)], parts[string(r.Key)] = id, r.Partition
		}
		if used := slices.Compact(slices.Sorted(maps.Values(parts))); len(last) != 7 || len(used) < 2 {
			t.Errorf("keys %v in partitions %v", last, used)
		}
	})
}
