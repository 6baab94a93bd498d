package delivery

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gridmq/event"
)

// Section 10.5.
func TestProperties(t *testing.T) {
	e := newEvent("o-1")
	e.Subject = "orders/4711"
	e.Data = []byte(`{"customer":{"id":"c\"1","vip":true},"total":19.90,"n":null,"list":[1],"id":1,"id":2,"bad":"a\r\nX: 1","space":" x"}`)
	e.SetExtension("floor", event.Integer(3))
	for field, want := range map[string]string{
		"id": "o-1", "SOURCE": "/shop", "subject": "orders/4711", "type": "shop.order", "floor": "3", "specversion": "1.0",
		"data.customer.id": `c"1`, "data.customer.vip": "true", "data.total": "19.90", "data.id": "2",
		"time": "-", "none": "-", "id.x": "-", "data": "-", "data.customer": "-", "data.n": "-", "data.list": "-", "data.list.0": "-",
		"data.customer.none": "-", "data.total.x": "-", "data.bad": "-", "data.space": "-",
	} {
		d := Destination{Headers: []Header{{Name: "h", SourceField: field}}}
		got := "-"
		if list := d.AppendProperties(nil, &e, true); len(list) == 1 {
			got = list[0].Value
		}
		if got != want || !d.Dynamic() {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	d := Destination{Headers: []Header{{Name: "a", Value: "1"}, {Name: "b", Value: "2", Secret: true}, {Name: "c", Value: "x\ny"}}}
	if got := fmt.Sprint(d.AppendProperties(nil, &e, true), d.AppendProperties(nil, &e, false), d.Dynamic()); got != "[{a 1} {b 2}] [{a 1}] false" {
		t.Errorf("static: %s", got)
	}
	text := event.Event{DataKind: event.Text, Data: []byte("hello")}
	d = Destination{Headers: []Header{{Name: "h", SourceField: "data"}, {Name: "i", SourceField: "data.x"}}}
	if got := fmt.Sprint(d.AppendProperties(nil, &text, true)); got != "[{h hello}]" {
		t.Errorf("text: %s", got)
	}
	long := event.Event{DataKind: event.Text, Data: []byte(strings.Repeat("x", MaxHeaderValue+1))}
	if got := d.AppendProperties(nil, &long, true); len(got) != 0 {
		t.Errorf("a value of %d bytes is sent", len(got[0].Value))
	}
}

// Whatever an event has: what comes out can be one header.
func FuzzProperties(f *testing.F) {
	f.Add("data.a.b", []byte(`{"a":{"b":"c"}}`), true)
	f.Add("data", []byte("x\r\ny"), false)
	f.Add("data..", []byte(`{"":{"":1}}`), true)
	f.Fuzz(func(t *testing.T, field string, data []byte, json bool) {
		e := event.Event{ID: "1", Source: "/", Type: "t", Data: data, DataKind: event.Text}
		if json {
			e.DataKind = event.JSON
		}
		d := Destination{Headers: []Header{{Name: "X-H", SourceField: field}}}
		for _, p := range d.AppendProperties(nil, &e, true) {
			h := http.Header{p.Name: {p.Value}}
			var b strings.Builder
			if err := h.Write(&b); err != nil || b.String() != "X-H: "+p.Value+"\r\n" {
				t.Errorf("%q is written %q", p.Value, b.String())
			}
		}
	})
}
