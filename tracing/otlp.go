package tracing

import (
	"encoding/hex"
	"strconv"
)

// The request of OTLP in JSON: the JSON mapping of protobuf, but with ids in hexadecimal
// and enumerations as numbers. 64-bit numbers are strings there.

type request struct {
	ResourceSpans []resourceSpans `json:"resourceSpans"`
}

type resourceSpans struct {
	Resource   resource     `json:"resource"`
	ScopeSpans []scopeSpans `json:"scopeSpans"`
}

type resource struct {
	Attributes []keyValue `json:"attributes"`
}

type scopeSpans struct {
	Scope scope      `json:"scope"`
	Spans []otlpSpan `json:"spans"`
}

type scope struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type otlpSpan struct {
	TraceID    string     `json:"traceId"`
	SpanID     string     `json:"spanId"`
	TraceState string     `json:"traceState,omitempty"`
	ParentID   string     `json:"parentSpanId,omitempty"`
	Flags      uint32     `json:"flags,omitempty"`
	Name       string     `json:"name"`
	Kind       Kind       `json:"kind"`
	Start      string     `json:"startTimeUnixNano"`
	End        string     `json:"endTimeUnixNano"`
	Attributes []keyValue `json:"attributes,omitempty"`
	Links      []link     `json:"links,omitempty"`
	Status     status     `json:"status"`
}

type link struct {
	TraceID    string `json:"traceId"`
	SpanID     string `json:"spanId"`
	TraceState string `json:"traceState,omitempty"`
	Flags      uint32 `json:"flags,omitempty"`
}

type status struct {
	Message string `json:"message,omitempty"`
	Code    int    `json:"code,omitempty"` // 2: error
}

const statusError = 2

type keyValue struct {
	Key   string   `json:"key"`
	Value anyValue `json:"value"`
}

type anyValue struct {
	Text  *string `json:"stringValue,omitempty"`
	Truth *bool   `json:"boolValue,omitempty"`
	Int   string  `json:"intValue,omitempty"`
}

func text(key, value string) keyValue { return keyValue{key, anyValue{Text: &value}} }

// request is what a batch is sent as.
func (t *Tracer) request(batch []*Span) request {
	spans := make([]otlpSpan, len(batch))
	for i, s := range batch {
		spans[i] = s.otlp()
	}
	return request{[]resourceSpans{{resource{t.resource}, []scopeSpans{{scope{"gridmq", t.o.Version}, spans}}}}}
}

func (s *Span) otlp() otlpSpan {
	o := otlpSpan{
		TraceID: hex.EncodeToString(s.own.Trace[:]), SpanID: hex.EncodeToString(s.own.Span[:]), TraceState: s.own.State,
		Flags: uint32(s.own.Flags), Name: s.name, Kind: s.kind, Start: strconv.FormatInt(s.start, 10), End: strconv.FormatInt(s.end, 10),
	}
	if s.parent != [8]byte{} {
		o.ParentID = hex.EncodeToString(s.parent[:])
	}
	for _, a := range s.attributes {
		o.Attributes = append(o.Attributes, a.keyValue())
	}
	for _, c := range s.links {
		o.Links = append(o.Links, link{hex.EncodeToString(c.Trace[:]), hex.EncodeToString(c.Span[:]), c.State, uint32(c.Flags)})
	}
	if s.failed {
		o.Status = status{s.failure, statusError}
	}
	return o
}

func (a *attribute) keyValue() keyValue {
	switch a.kind {
	case 'n':
		return keyValue{a.key, anyValue{Int: strconv.FormatInt(a.n, 10)}}
	case 'b':
		yes := a.n != 0
		return keyValue{a.key, anyValue{Truth: &yes}}
	}
	return text(a.key, a.text)
}
