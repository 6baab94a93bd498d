package event

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gridmq/event/rawjson"
	"pgregory.net/rapid"
)

// The samples of routing.md, sections 3.1 and 4, byte for byte but for white space.
func TestAppendJSON(t *testing.T) {
	tests := map[string]struct {
		e    Event
		want string
	}{
		"routing.md 3.1, bytes": {
			Event{ID: "0d9cbd5e", Source: "plantns", Type: "MQTT.EventPublished", Subject: "halls/4/presses/press-07/state", Time: "2026-03-02T07:41:09.5531207Z",
				DataContentType: "application/octet-stream", DataKind: Bytes, Data: []byte(`{"rpm":1480,"bearing":61}`)},
			`{"specversion":"1.0","id":"0d9cbd5e","time":"2026-03-02T07:41:09.5531207Z","type":"MQTT.EventPublished","source":"plantns","subject":"halls/4/presses/press-07/state","datacontenttype":"application/octet-stream","data_base64":"eyJycG0iOjE0ODAsImJlYXJpbmciOjYxfQ=="}`,
		},
		"routing.md 3.1, JSON": {
			Event{ID: "1", Source: "plantns", Type: "t", DataKind: JSON, Data: []byte(`{ "rpm": 1480 }`)},
			`{"specversion":"1.0","id":"1","type":"t","source":"plantns","data":{ "rpm": 1480 }}`,
		},
		"routing.md 3.1, text": {
			Event{ID: "1", Source: "s", Type: "t", DataKind: Text, Data: []byte("a \"fault\"\n\x00")},
			`{"specversion":"1.0","id":"1","type":"t","source":"s","data":"a \"fault\"\n\u0000"}`,
		},
		"routing.md 4, enrichments": {
			Event{ID: "1", Source: "s", Type: "t", Extensions: []Extension{{"site", String("lyon-2")}, {"hall", Integer(4)}, {"corr", Binary([]byte("job-5541"))}, {"none", Value{}}, {"big", Integer(1 << 40)}, {"on", Boolean(true)}}},
			`{"specversion":"1.0","id":"1","type":"t","source":"s","site":"lyon-2","hall":4,"corr":"am9iLTU1NDE=","none":"","big":"1099511627776","on":true}`,
		},
		"empty bytes are data": {
			Event{ID: "1", Source: "s", Type: "t", DataKind: Bytes, DataSchema: "http://s"},
			`{"specversion":"1.0","id":"1","type":"t","source":"s","dataschema":"http://s","data_base64":""}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := string(tt.e.AppendJSON(nil)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if err := tt.e.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

var (
	clean = rapid.Custom(func(t *rapid.T) string { return CleanText(rapid.String().Draw(t, "text")) })
	some  = rapid.Custom(func(t *rapid.T) string { return clean.Draw(t, "text") + "x" })
	names = rapid.StringMatching(`[a-z0-9]{1,20}`).Filter(ValidExtensionName)
	value = rapid.OneOf(
		rapid.Map(clean, String), rapid.Map(rapid.Bool(), Boolean), rapid.Map(rapid.Int64(), Integer),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 500), Binary))
	jsonValue = rapid.Custom(func(t *rapid.T) []byte {
		return []byte(rapid.SampledFrom([]string{`1.50`, `"aé\u0000"`, `{"a":[1,{"b":null}], "c" : 1e400}`, `[]`, `true`, `12345678901234567890`}).Draw(t, "json"))
	})
	anyEvent = rapid.Custom(func(t *rapid.T) Event {
		e := Event{ID: some.Draw(t, "id"), Type: some.Draw(t, "type"), Source: rapid.SampledFrom([]string{"/s", "plantns", "urn:a:b", "https://x/%20?y"}).Draw(t, "source")}
		if rapid.Bool().Draw(t, "more") {
			e.Subject, e.DataContentType = clean.Draw(t, "subject"), clean.Draw(t, "content type")
			e.Time = rapid.SampledFrom([]Timestamp{"", "2026-03-02T07:41:09.5Z", "2026-03-02T07:41:09.500+01:00"}).Draw(t, "time")
			e.DataSchema = rapid.SampledFrom([]string{"", "http://s", "urn:x"}).Draw(t, "schema")
		}
		for _, n := range rapid.SliceOfNDistinct(names, 0, 5, rapid.ID).Draw(t, "names") {
			e.SetExtension(n, value.Draw(t, n))
		}
		switch e.DataKind = DataKind(rapid.IntRange(0, 3).Draw(t, "kind")); e.DataKind {
		case JSON:
			e.Data = jsonValue.Draw(t, "data")
		case Text:
			e.Data = []byte(rapid.String().Draw(t, "data"))
		case Bytes:
			e.Data = rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		}
		return e
	})
)

// asRead is e as a reader of its JSON knows it: text is a JSON string, a binary
// extension a string.
func asRead(e Event) Event {
	e.Extensions = slices.Clone(e.Extensions)
	for i, x := range e.Extensions {
		if x.Value.Kind() == BinaryValue {
			e.Extensions[i].Value = String(string(x.Value.AppendText(nil)))
		}
	}
	if e.DataKind == Text {
		e.DataKind, e.Data = JSON, rawjson.AppendQuoted(nil, e.Data)
	}
	return e
}

func equal(a, b Event) bool {
	same := slices.Equal(a.Extensions, b.Extensions) && string(a.Data) == string(b.Data)
	a.Extensions, b.Extensions, a.Data, b.Data = nil, nil, nil, nil
	return same && a.ID == b.ID && a.Source == b.Source && a.Type == b.Type && a.Subject == b.Subject && a.Time == b.Time &&
		a.DataContentType == b.DataContentType && a.DataSchema == b.DataSchema && a.DataKind == b.DataKind
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(anyEvent, 1, 5).Draw(t, "events")
		for i := range events {
			if err := events[i].Validate(); err != nil {
				t.Fatalf("%+v: %v", events[i], err)
			}
			written := events[i].AppendJSON(nil)
			if !json.Valid(written) {
				t.Fatalf("not JSON: %s", written)
			}
			got, err := Read(written, Limits{})
			if err != nil || !equal(got, asRead(events[i])) {
				t.Fatalf("wrote %s\nread %+v, %v", written, got, err)
			}
			if again := got.AppendJSON(nil); string(again) != string(written) {
				t.Fatalf("wrote %s\nthen  %s", written, again)
			}
		}
		batch, err := ReadBatch(AppendBatch(nil, events), Limits{})
		if err != nil || len(batch) != len(events) {
			t.Fatalf("batch: %d events, %v, want %d", len(batch), err, len(events))
		}
		for i := range batch {
			if !equal(batch[i], asRead(events[i])) {
				t.Fatalf("event %d of the batch is %+v, want %+v", i, batch[i], events[i])
			}
		}
	})
}

func TestValidate(t *testing.T) {
	valid := func() Event { return Event{ID: "1", Source: "/s", Type: "t"} }
	tests := map[string]struct {
		change func(*Event)
		want   string
	}{
		"valid":                {func(e *Event) {}, ""},
		"no id":                {func(e *Event) { e.ID = "" }, "`id` must be a non-empty string"},
		"no source":            {func(e *Event) { e.Source = "" }, "`source` must"},
		"no type":              {func(e *Event) { e.Type = "" }, "`type` must"},
		"not UTF-8":            {func(e *Event) { e.Subject = "\xff" }, "`subject` must be valid UTF-8"},
		"control character":    {func(e *Event) { e.Type = "a\nb" }, "U+000A"},
		"time not normal":      {func(e *Event) { e.Time = "2026-03-02t07:41:09Z" }, "`time` must"},
		"time not a time":      {func(e *Event) { e.Time = "now" }, "`time` must"},
		"reserved extension":   {func(e *Event) { e.SetExtension("data", String("x")) }, "`data` is an attribute of CloudEvents"},
		"extension name":       {func(e *Event) { e.SetExtension("A", String("x")) }, "`A` is not"},
		"extension twice":      {func(e *Event) { e.Extensions = []Extension{{"a", Value{}}, {"a", Value{}}} }, "twice"},
		"extension text":       {func(e *Event) { e.SetExtension("a", String("\x00")) }, "`a` must not"},
		"extension bytes":      {func(e *Event) { e.SetExtension("a", Binary([]byte{0xff})) }, ""},
		"data without kind":    {func(e *Event) { e.Data = []byte("x") }, "DataKind"},
		"data not JSON":        {func(e *Event) { e.DataKind, e.Data = JSON, []byte("{") }, "`data` must be a JSON value: the JSON ends early"},
		"data no JSON":         {func(e *Event) { e.DataKind = JSON }, "`data` must"},
		"text not UTF-8":       {func(e *Event) { e.DataKind, e.Data = Text, []byte("\xff") }, "`data` must be valid UTF-8"},
		"unknown kind":         {func(e *Event) { e.DataKind = 9 }, "unknown"},
		"content type is free": {func(e *Event) { e.DataContentType = "json, please" }, ""}, // routing.md, section 3
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := valid()
			tt.change(&e)
			refuse(t, name, e.Validate(), Invalid, tt.want)
		})
	}
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{"halls/4": "halls/4", "a\x01b\x7f": "a\ufffdb\ufffd", "\xff": "\ufffd", "\ufdd0\U0001ffff": "\ufffd\ufffd", "grün 😀": "grün 😀"} {
		if got := CleanText(in); got != want || badText(got) != "" {
			t.Errorf("CleanText(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAttribute(t *testing.T) {
	e := Event{ID: "1", Source: "/s", Type: "t", Extensions: []Extension{{"hall", Integer(4)}}}
	for name, want := range map[string]Value{"specversion": String("1.0"), "id": String("1"), "source": String("/s"), "type": String("t"), "hall": Integer(4)} {
		if got, ok := e.Attribute(name); !ok || got != want {
			t.Errorf("Attribute(%s) = %v, %v, want %v", name, got, ok, want)
		}
	}
	for _, name := range []string{"subject", "time", "dataschema", "datacontenttype", "data", "other"} {
		if got, ok := e.Attribute(name); ok {
			t.Errorf("Attribute(%s) = %v, want none", name, got)
		}
	}
}

func telemetry() Event {
	return Event{ID: "5d1c0a2b-6c1c-4f43-9d0e-0f2b7a9e6d20", Source: "plantns", Type: "MQTT.EventPublished", Subject: "halls/4/presses/press-07/state", Time: "2026-03-02T07:41:10.0021934Z",
		Extensions: []Extension{{"site", String("lyon-2")}, {"hall", Integer(4)}, {"corr", Binary([]byte("job-5541"))}},
		DataKind:   JSON, Data: []byte(`{"rpm":1480,"bearing":61,"axes":[0.12,0.4,3.5],"note":"` + strings.Repeat("ok ", 30) + `"}`)}
}

func TestAppendJSONAllocates(t *testing.T) {
	for _, kind := range []DataKind{JSON, Text, Bytes} {
		e := telemetry()
		e.DataKind = kind
		buf := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() { buf = e.AppendJSON(buf[:0]) }); n != 0 {
			t.Errorf("kind %d: %v allocations, want none", kind, n)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	for name, kind := range map[string]DataKind{"json": JSON, "text": Text, "bytes": Bytes} {
		b.Run(name, func(b *testing.B) {
			e := telemetry()
			e.DataKind = kind
			buf := e.AppendJSON(nil)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf = e.AppendJSON(buf[:0])
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	e := telemetry()
	body := e.AppendJSON(nil)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(body, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadBatch(b *testing.B) {
	events := slices.Repeat([]Event{telemetry()}, 100)
	body := AppendBatch(nil, events)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadBatch(body, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// What is read is valid, and reads the same once it is written.
func FuzzRead(f *testing.F) {
	e := telemetry()
	for _, s := range []string{string(e.AppendJSON(nil)), minimal + `,"data_base64":"AA==","x":1}`, minimal + `,"time":"2026-03-02t07:41:09z","data":{"a":[1]}}`, `[` + minimal + `}]`, `{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := Read(body, Limits{Extensions: 8})
		events, batchErr := ReadBatch(append(append([]byte{'['}, body...), ']'), Limits{Extensions: 8})
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Errorf("%q: %T, want *Error", body, err)
			}
			return
		}
		if err := e.Validate(); err != nil {
			t.Errorf("%q was read and is not valid: %v", body, err)
		}
		written := e.AppendJSON(nil)
		again, err := Read(written, Limits{Extensions: 8})
		if err != nil || !equal(e, again) {
			t.Errorf("%q\nwas written %q\nread %+v %v", body, written, again, err)
		}
		if batchErr != nil || len(events) != 1 || !equal(events[0], e) {
			t.Errorf("%q alone is %+v, in a batch %+v, %v", body, e, events, batchErr)
		}
	})
}
