package event

import (
	"strings"
	"testing"
)

var gridHeader = map[string][]string{"Content-Type": {"application/json; charset=utf-8"}}

const gridEvent = `{"id":"1","subject":"lyon/7","eventType":"order.placed","eventTime":"2026-03-02T08:41:09.5+01:00"`

// Source: spec/namespace-topics.md, section 16.
func TestReadEventGrid(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"the least": {gridEvent + `}`,
			`{"specversion":"1.0","id":"1","source":"/t","type":"order.placed","subject":"lyon/7","time":"2026-03-02T08:41:09.5+01:00"}`},
		"all": {gridEvent + `,"topic":"/shop","dataVersion":"2.0","metadataVersion":"1","data":{"a": [1]},"more":{}}`,
			`{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","subject":"lyon/7","time":"2026-03-02T08:41:09.5+01:00","datacontenttype":"application/json","dataversion":"2.0","data":{"a": [1]}}`},
		"nothing, said so": {gridEvent + `,"topic":null,"dataVersion":null,"data":null}`,
			`{"specversion":"1.0","id":"1","source":"/t","type":"order.placed","subject":"lyon/7","time":"2026-03-02T08:41:09.5+01:00"}`},
	}
	for name, tt := range tests {
		events, err := ReadEventGrid(gridHeader, []byte("["+tt.body+"]"), "/t", Limits{})
		if err != nil || len(events) != 1 {
			t.Errorf("%s: %d events, %v", name, len(events), err)
			continue
		}
		want, err := Read([]byte(tt.want), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if !equal(events[0], want) {
			t.Errorf("%s: %s, want %s", name, events[0].AppendJSON(nil), tt.want)
		}
	}
}

func TestEventGridRefused(t *testing.T) {
	tests := map[string]struct {
		body, says string
		kind       ErrorKind
	}{
		"no event":       {`[]`, "empty", Invalid},
		"an object":      {gridEvent + `}`, "array", Invalid},
		"a number":       {`[1]`, "JSON object", Invalid},
		"not JSON":       {`[` + gridEvent + `]`, "not JSON", Invalid},
		"no id":          {`[{"subject":"s","eventType":"t","eventTime":"2026-03-02T07:41:09Z"}]`, "`id`", Invalid},
		"no subject":     {`[{"id":"s","eventType":"t","eventTime":"2026-03-02T07:41:09Z"}]`, "`subject`", Invalid},
		"no time":        {`[{"id":"s","subject":"s","eventType":"t"}]`, "`eventTime`", Invalid},
		"a wrong time":   {`[{"id":"s","subject":"s","eventType":"t","eventTime":"today"}]`, "`eventTime`", Invalid},
		"an id of 1":     {`[{"id":1}]`, "`id`", Invalid},
		"twice":          {`[` + gridEvent + `,"ID":"2"}]`, "twice", Invalid},
		"wrong metadata": {`[` + gridEvent + `,"metadataVersion":"2"}]`, "metadataVersion", Invalid},
		"the second":     {`[` + gridEvent + `},{"id":"2"}]`, "event 1 of", Invalid},
		"too many":       {`[` + gridEvent + `},` + gridEvent + `},` + gridEvent + `}]`, "more than 2", TooLarge},
		"too large":      {`[` + gridEvent + `,"data":"` + strings.Repeat("x", 1000) + `"}]`, "bytes", TooLarge},
		"many members":   {`[` + gridEvent + `,"a":1,"b":1,"c":1,"d":1,"e":1}]`, "more than 8", Invalid},
	}
	for name, tt := range tests {
		_, err := ReadEventGrid(gridHeader, []byte(tt.body), "/t", Limits{Events: 2, EventBytes: 500, Extensions: 8})
		if e, ok := err.(*Error); !ok || e.Kind != tt.kind || !strings.Contains(e.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
	_, err := ReadEventGrid(map[string][]string{"Content-Type": {BatchContentType}}, []byte("[]"), "/t", Limits{})
	if e, ok := err.(*Error); !ok || e.Kind != UnsupportedMedia {
		t.Errorf("CloudEvents: %v", err)
	}
}

// What is read is valid, and can be written and read as a CloudEvent.
func FuzzReadEventGrid(f *testing.F) {
	f.Add([]byte(`[` + gridEvent + `,"dataVersion":"1","data":{"a":1}}]`))
	f.Add([]byte(`[` + gridEvent + `,"topic":"/x y","data":null},` + gridEvent + `}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := ReadEventGrid(gridHeader, body, "/t", Limits{})
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Errorf("%q: %T, want *Error", body, err)
			}
			return
		}
		for i := range events {
			if err := events[i].Validate(); err != nil {
				t.Errorf("%q was read and is not valid: %v", body, err)
			}
			if again, err := Read(events[i].AppendJSON(nil), Limits{RequestBytes: 1 << 30, EventBytes: 1 << 30}); err != nil || !equal(again, events[i]) {
				t.Errorf("%q is read as %s, and that as %+v %v", body, events[i].AppendJSON(nil), again, err)
			}
		}
	})
}
