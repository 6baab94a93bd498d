package event

import (
	"net/http"
	"strings"
	"testing"

	"gridmq/event/rawjson"
	"pgregory.net/rapid"
)

func headers(lines ...string) http.Header {
	h := http.Header{"Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}, "Ce-Specversion": {"1.0"}}
	for _, line := range lines {
		name, value, given := strings.Cut(line, ": ")
		switch name = http.CanonicalHeaderKey(name); {
		case given:
			h[name] = append(h[name], value)
		default:
			delete(h, name)
		}
	}
	return h
}

func TestReadBinary(t *testing.T) { // section 5.4
	tests := map[string]struct {
		header http.Header
		body   string
		want   string // part of the error, or:
		event  string // the event in JSON, behind the required attributes
	}{
		"no data":                    {headers(), "", "", ``},
		"content type only":          {headers("Content-Type: text/plain"), "", "", `,"datacontenttype":"text/plain"`},
		"JSON":                       {headers("Content-Type: application/json"), ` {"a": 1} `, "", `,"datacontenttype":"application/json","data":{"a": 1}`},
		"JSON with charset":          {headers("Content-Type: application/json; charset=utf-8"), `1`, "", `,"datacontenttype":"application/json; charset=utf-8","data":1`},
		"suffix +json, capitals":     {headers("Content-Type: Application/Vnd.X+JSON"), `[]`, "", `,"datacontenttype":"Application/Vnd.X+JSON","data":[]`},
		"JSON null is no data":       {headers("Content-Type: text/json"), ` null `, "", `,"datacontenttype":"text/json"`},
		"unparsable JSON":            {headers("Content-Type: application/json"), `{`, "the body is not JSON", ""},
		"JSON not UTF-8":             {headers("Content-Type: application/json"), "\"\xff\"", "the body is not JSON", ""},
		"text":                       {headers("Content-Type: text/plain"), `a"b`, "", `,"datacontenttype":"text/plain","data":"a\"b"`},
		"XML":                        {headers("Content-Type: application/xml"), `<a/>`, "", `,"datacontenttype":"application/xml","data":"<a/>"`},
		"suffix +xml":                {headers("Content-Type: image/svg+xml"), `<a/>`, "", `,"datacontenttype":"image/svg+xml","data":"<a/>"`},
		"text not UTF-8":             {headers("Content-Type: text/plain"), "\xff", "", `,"datacontenttype":"text/plain","data_base64":"/w=="`},
		"text in another charset":    {headers("Content-Type: text/plain; charset=utf-16"), "\x00a", "", `,"datacontenttype":"text/plain; charset=utf-16","data_base64":"AGE="`},
		"octets":                     {headers("Content-Type: application/octet-stream"), "{}", "", `,"datacontenttype":"application/octet-stream","data_base64":"e30="`},
		"no content type":            {headers(), "{}", "", `,"data_base64":"e30="`},
		"extensions are strings":     {headers("ce-b: 5", "ce-a: true", "ce-c: "), "", "", `,"a":"true","b":"5","c":""`},
		"names ignore case":          {headers("CE-SUBJECT: x", "cE-eXt: y"), "", "", `,"subject":"x","ext":"y"`},
		"other headers are not ours": {headers("Cex: y", "X-Ce-A: b", "Authorization: secret"), "", "", ``},
		"time":                       {headers("ce-time: 2026-03-02t07:41:09z"), "", "", `,"time":"2026-03-02T07:41:09Z"`},
		"bad time":                   {headers("ce-time: yesterday"), "", "`time` must be", ""},
		"no id":                      {headers("ce-id"), "", "`ce-id` is a header that the binary mode requires; if the body is a whole event, send it as application/cloudevents+json", ""},
		"no specversion":             {headers("ce-specversion"), "", "`ce-specversion` is a header", ""},
		"structured as JSON":         {headers("ce-id", "ce-source", "ce-type", "ce-specversion", "Content-Type: application/json"), minimal + "}", "send it as application/cloudevents+json", ""},
		"empty id":                   {headers("ce-id", "ce-id: "), "", "`ce-id` must not be empty", ""},
		"empty subject":              {headers("ce-subject: "), "", "`ce-subject` must not be empty", ""},
		"version 0.3":                {headers("ce-specversion", "ce-specversion: 0.3"), "", "`ce-specversion` must be 1.0", ""},
		"datacontenttype":            {headers("ce-datacontenttype: a/b"), "", "`ce-datacontenttype` must not be sent", ""},
		"data":                       {headers("ce-data: x"), "", "`ce-data` must not be sent", ""},
		"data_base64":                {headers("ce-data_base64: x"), "", "must not be sent", ""},
		"bad name":                   {headers("ce-my-ext: x"), "", "`my-ext` is not an attribute name", ""},
		"long name":                  {headers("ce-" + strings.Repeat("a", 21) + ": x"), "", "at most 20", ""},
		"twice":                      {headers("ce-subject: x", "ce-subject: y"), "", "`ce-subject` is there twice", ""},
		"content type twice":         {headers("Content-Type: a/b", "Content-Type: c/d"), "", "`Content-Type` is there twice", ""},
		"source with a space":        {headers("ce-source", "ce-source: a%20b"), "", "`source` must be a URI reference", ""},
		"control character":          {headers("ce-subject: a%00b"), "", "U+0000", ""},
		"content type no UTF-8":      {headers("Content-Type: a\xff"), "", "`datacontenttype` must be valid UTF-8", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := ReadBinary(tt.header, []byte(tt.body), Limits{})
			refuse(t, name, err, Invalid, tt.want)
			if err != nil {
				return
			}
			want, err := Read([]byte(minimal+tt.event+"}"), Limits{})
			if err != nil || !equal(asRead(e), want) {
				t.Errorf("got  %s\nwant %s, %v", e.AppendJSON(nil), tt.event, err)
			}
		})
	}
}

func TestUnescapeHeader(t *testing.T) { // HTTP binding, section 3.1.3.2
	tests := map[string]struct{ in, want, bad string }{
		"plain":               {"abc", "abc", ""},
		"sample of binding":   {"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀", ""},
		"unnecessary":         {"%61%62c", "abc", ""},
		"lower-case digits":   {"%e2%82%ac", "€", ""},
		"once only":           {"%2541", "%41", ""},
		"raw UTF-8":           {"€", "€", ""},
		"overlong":            {"%C0%A0", "", "UTF-8"}, // the binding's own example
		"half a character":    {"%E2%82", "", "UTF-8"},
		"raw bytes":           {"\xff", "", "UTF-8"},
		"percent alone":       {"100%", "", "%25"},
		"percent, one digit":  {"100%4", "", "%25"},
		"percent, no digits":  {"%zz", "", "%25"},
		"quoted":              {`"a b"`, "a b", ""},
		"quoted escape":       {`"a \"b\" \\ \c"`, `a "b" \ c`, ""},
		"quoted and percent":  {`"a%20b"`, "a b", ""},
		"encoded quotes stay": {"%22a%22", `"a"`, ""},
		"one pair only":       {`""a""`, `""a""`, ""},
		"empty pair":          {`""`, "", ""},
		"quote alone":         {`"`, `"`, ""},
		"not closed":          {`"abc`, `"abc`, ""},
		"closed by an escape": {`"abc\"`, `"abc\"`, ""},
		"two strings":         {`"a" "b"`, `"a" "b"`, ""},
		"white space around":  {" \tx ", "x", ""},
		"comment is text":     {"a (b)", "a (b)", ""},
	}
	for name, tt := range tests {
		got, bad := unescapeHeader(tt.in)
		if got != tt.want || !strings.Contains(bad, tt.bad) || (bad == "") != (tt.bad == "") {
			t.Errorf("%s: %q reads %q, %q, want %q, %q", name, tt.in, got, bad, tt.want, tt.bad)
		}
	}
	if got := string(appendHeader(nil, "Euro € 😀 \"%\"\r\n\x7f~!")); got != "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22%25%22%0D%0A%7F~!" {
		t.Errorf("wrote %s", got)
	}
}

func TestReadBinaryLimits(t *testing.T) { // section 6: body plus attribute headers
	h := headers()
	size := 0
	for name, values := range h {
		size += len(name) + len(values[0])
	}
	_, err := ReadBinary(h, make([]byte, 1000-size), Limits{EventBytes: 1000})
	refuse(t, "1000 bytes", err, TooLarge, "")
	_, err = ReadBinary(h, make([]byte, 1001-size), Limits{EventBytes: 1000})
	refuse(t, "1001 bytes", err, TooLarge, "has 1001 bytes")
	_, err = ReadBinary(h, make([]byte, 11), Limits{RequestBytes: 10})
	refuse(t, "body", err, TooLarge, "at most 10")
	_, err = ReadBinary(headers("ce-a: 1", "ce-b: 2", "ce-c: 3"), nil, Limits{Extensions: 2})
	refuse(t, "3 extensions", err, Invalid, "more than 2 extensions")
}

func TestModeOf(t *testing.T) { // section 5.3
	tests := map[string]struct {
		mode Mode
		want string
	}{
		"": {BinaryMode, ""}, "application/json": {BinaryMode, ""}, "text/plain; charset=latin1": {BinaryMode, ""},
		"application/cloudevents+json":                                 {StructuredMode, ""},
		"Application/CloudEvents+JSON ; Charset=\"UTF-8\"":             {StructuredMode, ""},
		"application/cloudevents-batch+json; charset=utf-8":            {BatchMode, ""},
		"APPLICATION/CLOUDEVENTS-BATCH+JSON":                           {BatchMode, ""},
		"application/cloudevents+avro":                                 {StructuredMode, "+json"},
		"application/cloudevents":                                      {StructuredMode, "+json"},
		"application/cloudevents-batch":                                {BatchMode, "+json"},
		"application/cloudevents-batch+protobuf":                       {BatchMode, "+json"},
		"application/cloudevents+json; charset=iso-8859-1":             {StructuredMode, "UTF-8"},
		"application/cloudevents-batch+json; a=b; charset=utf-16; c=d": {BatchMode, "UTF-8"},
	}
	for in, tt := range tests {
		mode, err := ModeOf(in)
		refuse(t, in, err, UnsupportedMedia, tt.want)
		if mode != tt.mode {
			t.Errorf("ModeOf(%q) = %d, want %d", in, mode, tt.mode)
		}
	}
}

func TestReadHTTP(t *testing.T) {
	one := minimal + "}"
	tests := map[string]struct {
		header http.Header
		body   string
		n      int
		kind   ErrorKind
		want   string
	}{
		"structured":      {http.Header{"Content-Type": {StructuredContentType}}, one, 1, 0, ""},
		"batch":           {http.Header{"Content-Type": {BatchContentType}}, "[" + one + "," + one + "]", 2, 0, ""},
		"binary":          {headers("Content-Type: application/json"), one, 1, 0, ""},
		"lower-case name": {http.Header{"content-type": {StructuredContentType}}, one, 1, 0, ""},
		"avro":            {http.Header{"Content-Type": {"application/cloudevents+avro"}}, one, 0, UnsupportedMedia, "+json"},
		"bad batch":       {http.Header{"Content-Type": {BatchContentType}}, "[{}]", 0, Invalid, "event 0 of the batch"},
		"bad structured":  {http.Header{"Content-Type": {StructuredContentType}}, "{}", 0, Invalid, "`specversion`"},
		"bad binary":      {http.Header{}, one, 0, Invalid, "application/cloudevents+json"},
		"two types":       {http.Header{"Content-Type": {"a/b", StructuredContentType}}, one, 0, Invalid, "twice"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			events, err := ReadHTTP(tt.header, []byte(tt.body), Limits{})
			refuse(t, name, err, tt.kind, tt.want)
			if len(events) != tt.n {
				t.Errorf("%d events, want %d", len(events), tt.n)
			}
		})
	}
}

// meaning is what a consumer makes of the data, whatever form it has.
func meaning(e Event) string {
	if e.DataKind == JSON && len(e.Data) > 0 && e.Data[0] == '"' {
		return "text " + string(rawjson.AppendUnquoted(nil, e.Data))
	}
	return [...]string{"none ", "json ", "text ", "text "}[e.DataKind] + string(e.Data)
}

func TestBinaryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent.Draw(t, "event")
		e.DataContentType = rapid.SampledFrom([]string{"application/json", "text/plain"}).Draw(t, "content type")
		switch e.DataKind { // forms that the content type allows
		case Bytes:
			e.DataContentType = "application/octet-stream"
		case JSON:
			e.DataContentType = "application/json"
		}
		h := http.Header{}
		e.Headers(func(name, value string) {
			for _, c := range []byte(value) {
				if c < ' ' || c >= 0x7f {
					t.Fatalf("%s: %q is not fit for a header", name, value)
				}
			}
			h.Add(name, value)
		})
		got, err := ReadBinary(h, e.AppendBody(nil), Limits{})
		if err != nil {
			t.Fatalf("%v: %v", h, err)
		}
		if a, b := meaning(got), meaning(e); a != b && !(len(e.Data) == 0) {
			t.Fatalf("data %q, want %q", a, b)
		}
		for _, name := range []string{"id", "source", "type", "subject", "time", "dataschema", "datacontenttype"} {
			if *got.standard(name) != *e.standard(name) {
				t.Fatalf("%s %q, want %q", name, *got.standard(name), *e.standard(name))
			}
		}
		if len(got.Extensions) != len(e.Extensions) {
			t.Fatalf("extensions %v, want %v", got.Extensions, e.Extensions)
		}
		for _, x := range e.Extensions {
			if v, _ := got.Extension(x.Name); v != String(string(x.Value.AppendText(nil))) {
				t.Fatalf("extension %s is %v, want %v", x.Name, v, x.Value)
			}
		}
	})
}

func TestBinaryContentType(t *testing.T) {
	tests := map[string]struct {
		e          Event
		want, body string
	}{
		"JSON, absent":              {Event{DataKind: JSON, Data: []byte(`"x"`)}, "application/json", `"x"`},
		"text, absent":              {Event{DataKind: Text, Data: []byte(`x`)}, "text/plain; charset=utf-8", `x`},
		"bytes, absent":             {Event{DataKind: Bytes, Data: []byte(`x`)}, "", `x`},
		"string under text/plain":   {Event{DataKind: JSON, Data: []byte(` "a\n" `), DataContentType: "text/plain"}, "text/plain", "a\n"},
		"object under text/plain":   {Event{DataKind: JSON, Data: []byte(`{"a":1}`), DataContentType: "text/plain"}, "text/plain", `{"a":1}`},
		"text under JSON":           {Event{DataKind: Text, Data: []byte(`{`), DataContentType: "application/json"}, "application/json", `"{"`},
		"would select another mode": {Event{DataKind: JSON, Data: []byte(`1`), DataContentType: "application/cloudevents+json; charset=utf-8"}, "application/json", `1`},
		"not a media type":          {Event{DataKind: Bytes, Data: []byte(`x`), DataContentType: "json, please"}, "application/octet-stream", `x`},
	}
	for name, tt := range tests {
		got := ""
		tt.e.Headers(func(name, value string) {
			if name == "Content-Type" {
				got = value
			}
		})
		if body := string(tt.e.AppendBody(nil)); got != tt.want || body != tt.body {
			t.Errorf("%s: %q %q, want %q %q", name, got, body, tt.want, tt.body)
		}
	}
}

// No header makes us panic, and what is read is valid.
func FuzzReadBinary(f *testing.F) {
	f.Add("subject", `"a%20b"`, "application/json", []byte(`{"a":1}`))
	f.Add("time", "2026-03-02T07:41:09Z", "text/plain; charset=x", []byte("\xff"))
	f.Fuzz(func(t *testing.T, name, value, contentType string, body []byte) {
		h := headers()
		h["ce-"+name] = []string{value}
		h["Content-Type"] = []string{contentType}
		events, err := ReadHTTP(h, body, Limits{})
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Errorf("%T, want *Error", err)
			}
			return
		}
		for _, e := range events {
			if err := e.Validate(); err != nil {
				t.Errorf("%q %q %q %q was read and is not valid: %v", name, value, contentType, body, err)
			}
		}
	})
}
