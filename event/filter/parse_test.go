package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"gridmq/event"
	"pgregory.net/rapid"
)

// filters is a configuration of n null tests, or of one StringIn with n values.
func filters(n int) string {
	return `{"filters":[` + strings.Repeat(one(IsNotNull, "id")+",", n-1) + one(IsNotNull, "id") + `]}`
}

func values(n int, value string) string {
	return `{"filters":[{"operatorType":"StringIn","key":"id","values":[` + strings.Repeat(value+",", n-1) + value + `]}]}`
}

func operator(op, rest string) string {
	return `{"filters":[{"operatorType":"` + op + `","key":"data.x"` + rest + `}]}`
}

func keyed(key string) string {
	return `{"filters":[{"operatorType":"IsNotNull","key":"` + key + `"}]}`
}

func TestParse(t *testing.T) {
	tests := map[string]struct{ doc, want string }{ // want: the beginning of the error, with the field
		"sample of 8":              {`{"includedEventTypes":["shop.order.placed","shop.order.paid"],"filters":[{"operatorType":"StringBeginsWith","key":"subject","values":["orders/"]},{"operatorType":"NumberInRange","key":"data.total","values":[[10,100],[500,1000]]},{"operatorType":"IsNotNull","key":"data.customer.id"}]}`, ""},
		"sdk-compatibility":        {`{"filters":[{"key":"subject","operatorType":"StringBeginsWith","values":["x"]},{"key":"data.n","operatorType":"NumberInRange","values":[[1.5,2]]},{"key":"data.k","operatorType":"IsNotNull"}],"includedEventTypes":["a.b"]}`, ""},
		"not JSON":                 {`{"filters":`, "the filters are not JSON"},
		"not an object":            {`[]`, "must be an object"},
		"a string":                 {`"x"`, "must be an object"},
		"too deep":                 {`{"x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "the filters are not JSON: nested"},
		"too long":                 {`{"x":"` + strings.Repeat("x", 1<<20) + `"}`, "the filters have more than 1048576 bytes"},
		"unknown members":          {`{"later":1,"filters":[{"operatorType":"IsNotNull","key":"id","later":1}]}`, ""},
		"member names ignore case": {`{"Filters":[{"OperatorType":"isnotnull","KEY":"id"}]}`, ""},
		"member twice":             {`{"filters":[],"filters":[]}`, "has a member twice"},
		"member twice by case":     {`{"filters":[{"operatorType":"IsNotNull","key":"id","Key":"id"}]}`, "filters[0] has a member twice"},
		"filters no array":         {`{"filters":{}}`, "filters must be an array"},
		"filter no object":         {`{"filters":[` + one(IsNotNull, "id") + `,5]}`, "filters[1] must be an object"},
		"filter null":              {`{"filters":[null]}`, "filters[0] must be an object"},
		"types no array":           {`{"includedEventTypes":"x"}`, "includedEventTypes must be an array"},
		"type no string":           {`{"includedEventTypes":["x",5]}`, "includedEventTypes[1] must be a string"},
		"type empty":               {`{"includedEventTypes":[""]}`, "includedEventTypes[0] must not be empty"},
		"type long":                {`{"includedEventTypes":["` + strings.Repeat("x", 513) + `"]}`, "includedEventTypes[0] has 513 characters"},
		"types many":               {`{"includedEventTypes":[` + strings.Repeat(`"x",`, 256) + `"x"]}`, "includedEventTypes has more than 256 entries"},
		"no operator":              {`{"filters":[{"key":"id"}]}`, "filters[0].operatorType must be a string"},
		"unknown operator":         {operator("StringMatches", ""), "filters[0].operatorType must be one of NumberIn, "},
		"no key":                   {`{"filters":[{"operatorType":"IsNotNull"}]}`, "filters[0].key must be a string"},
		"empty key":                {keyed(""), "filters[0].key must name an attribute"},
		"key with a dot":           {keyed("subject.x"), "filters[0].key must be an attribute"},
		"key with an underscore":   {keyed("my_ext"), "filters[0].key must be an attribute"},
		"key data_base64":          {keyed("data_base64"), "filters[0].key must be an attribute"},
		"key long":                 {keyed("data." + strings.Repeat("x", 508)), "filters[0].key has more than 512"},
		"key of 512":               {keyed("data." + strings.Repeat("ä", 507)), ""},
		"key ends with a dot":      {keyed("data."), "filters[0].key has an empty name"},
		"key with two dots":        {keyed("data.a..b"), "filters[0].key has an empty name"},
		"alias with a dot":         {keyed("eventid.x"), "filters[0].key must be an attribute"},
		"8.5 25 filters":           {filters(25), ""},
		"8.5 26 filters":           {filters(26), "filters has more than 25 entries"},
		"8.5 25 values":            {values(25, `"x"`), ""},
		"8.5 26 values":            {values(26, `"x"`), "filters[0].values has more than 25 entries"},
		"8.5 26 values in all":     {`{"filters":[` + strings.Repeat(one(StringIn, "id")+","+one(NumberInRange, "data.x")+","+one(NumberLessThan, "data.x")+","+one(BoolEquals, "data.x")+",", 4) + one(StringIn, "id") + `]}`, "filters have 26 values in all"},
		"8.5 24 values in all":     {`{"filters":[` + strings.Repeat(one(StringIn, "id")+","+one(NumberInRange, "data.x")+","+one(NumberLessThan, "data.x")+","+one(BoolEquals, "data.x")+",", 4) + one(IsNotNull, "id") + `]}`, ""},
		"8.5 512 characters":       {values(1, `"`+strings.Repeat("ä", 512)+`"`), ""},
		"8.5 513 characters":       {values(1, `"`+strings.Repeat("ä", 513)+`"`), "filters[0].values[0] has 513 characters"},
		"single for several":       {operator("StringIn", `,"value":"x"`), "filters[0].value does not belong to StringIn, which takes an array of strings, as values"},
		"several for single":       {operator("NumberLessThan", `,"values":[1]`), "filters[0].values does not belong to NumberLessThan, which takes one number, as value"},
		"both":                     {operator("BoolEquals", `,"value":true,"values":[true]`), "filters[0].values does not belong to BoolEquals"},
		"null beside":              {operator("BoolEquals", `,"value":true,"values":null`), ""},
		"operand of a null test":   {operator("IsNotNull", `,"values":[1]`), "filters[0].values does not belong to IsNotNull, which takes no operand"},
		"value of a null test":     {operator("IsNullOrUndefined", `,"value":1`), "filters[0].value does not belong to IsNullOrUndefined"},
		"no value":                 {operator("NumberLessThan", ``), "filters[0].value must be a number"},
		"no bool":                  {operator("BoolEquals", ``), "filters[0].value must be true or false"},
		"bool as a string":         {operator("BoolEquals", `,"value":"true"`), "filters[0].value must be true or false"},
		"no values":                {operator("StringIn", ``), "filters[0].values must have at least one value"},
		"empty values":             {operator("NumberIn", `,"values":[]`), "filters[0].values must have at least one value"},
		"values no array":          {operator("NumberIn", `,"values":1`), "filters[0].values must be an array"},
		"string for a number":      {operator("NumberIn", `,"values":[1,"2"]`), "filters[0].values[1] must be a number"},
		"null for a number":        {operator("NumberIn", `,"values":[null]`), "filters[0].values[0] must be a number"},
		"number for a string":      {operator("StringIn", `,"values":["a",2]`), "filters[0].values[1] must be a string"},
		"beyond a double":          {operator("NumberIn", `,"values":[1e999]`), "filters[0].values[0] is beyond"},
		"range no array":           {operator("NumberInRange", `,"values":[1,2]`), "filters[0].values[0] must be an array of two numbers"},
		"range of one":             {operator("NumberInRange", `,"values":[[1]]`), "filters[0].values[0] must be an array of two numbers"},
		"range of three":           {operator("NumberNotInRange", `,"values":[[1,2],[1,2,3]]`), "filters[0].values[1] must be an array of two numbers"},
		"range of strings":         {operator("NumberInRange", `,"values":[["a","b"]]`), "filters[0].values[0][0] must be a number"},
		"range upside down":        {operator("NumberInRange", `,"values":[[2,1]]`), "filters[0].values[0] must be a range of finite numbers, the lower one first"},
		"range of one number":      {operator("NumberInRange", `,"values":[[2,2]]`), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := Parse([]byte(tt.doc), Limits{})
			if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("%.300s: %v, want %q", tt.doc, err, tt.want)
			}
			if _, typed := errors.AsType[*FieldError](err); err != nil && !typed {
				t.Errorf("%T, want *FieldError", err)
			}
			if err != nil && !reflect.DeepEqual(c, Config{}) {
				t.Errorf("%+v beside an error", c)
			}
		})
	}
}

// All faults are told at once.
func TestParseTellsAll(t *testing.T) {
	_, err := Parse([]byte(`{"includedEventTypes":[1],"filters":[{"operatorType":"X","key":"id"},{"operatorType":"NumberIn","key":"a_b","values":[true]}]}`), Limits{})
	for _, want := range []string{"includedEventTypes[0]", "filters[0].operatorType", "filters[1].values[0]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

func TestLimits(t *testing.T) { // all limits are settings (section 14)
	if _, err := Parse([]byte(filters(30)), Limits{Filters: 30}); err != nil {
		t.Error(err)
	}
	c, err := Parse([]byte(values(30, `"abc"`)), Limits{Values: 30, Characters: 3})
	if err != nil {
		t.Error(err)
	}
	if _, err := NewSet(c); err != nil {
		t.Errorf("compiling what higher limits allowed: %v", err)
	}
	if c.Validate(Limits{Values: 30, Characters: 2}) == nil || c.Validate(Limits{}) == nil {
		t.Error("beyond the limits, and valid")
	}
}

func TestNewSetRefuses(t *testing.T) {
	for _, c := range []Condition{{}, {Operator: 99, Key: "id"}, {Operator: IsNotNull}, {Operator: NumberLessThan, Key: "id"}, {Operator: StringIn, Key: "id"}} {
		if _, err := NewSet(Config{}, Config{Filters: []Condition{c}}); err == nil || !strings.Contains(err.Error(), "subscription 1: filters[0]") {
			t.Errorf("%+v: %v, want an error", c, err)
		}
	}
}

// Operators come back in the spelling of 8.1, numbers as they can be read.
func TestAppendJSON(t *testing.T) {
	in := `{"includedEventTypes":["a\"b"],"filters":[{"operatorType":"NUMBERIN","key":"Hall","values":[1,1.50,1e3,100000000000000000000,1e21,-0.0000001]},{"operatorType":"numberlessthan","key":"a","value":5},{"operatorType":"boolequals","key":"a","value":false},{"operatorType":"numberinrange","key":"a","values":[[1,2]]},{"operatorType":"stringin","key":"a","values":["x"]},{"operatorType":"isnotnull","key":"a"}]}`
	want := `{"includedEventTypes":["a\"b"],"filters":[{"operatorType":"NumberIn","key":"Hall","values":[1,1.5,1000,100000000000000000000,1e+21,-1e-07]},{"operatorType":"NumberLessThan","key":"a","value":5},{"operatorType":"BoolEquals","key":"a","value":false},{"operatorType":"NumberInRange","key":"a","values":[[1,2]]},{"operatorType":"StringIn","key":"a","values":["x"]},{"operatorType":"IsNotNull","key":"a"}]}`
	c, err := Parse([]byte(in), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.AppendJSON(nil)); got != want || !json.Valid([]byte(got)) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(Config{}.AppendJSON(nil)); got != "{}" {
		t.Errorf("empty: %s", got)
	}
}

func TestConfigRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyConfig.Draw(t, "config")
		got, err := Parse(c.AppendJSON(nil), Limits{Values: 100})
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("%s\nreads %+v, %v\nwant  %+v", c.AppendJSON(nil), got, err, c)
		}
	})
}

// Whatever passes Parse compiles, and comes back the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"includedEventTypes":["a"],"filters":[{"operatorType":"StringIn","key":"id","values":["x"]},{"operatorType":"NumberInRange","key":"data.x","values":[[1,2]]},{"operatorType":"BoolEquals","key":"a","value":true}]}`))
	f.Add([]byte(keyed("data.a.b")))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := Parse(doc, Limits{})
		if err != nil {
			return
		}
		if _, err := NewSet(c); err != nil {
			t.Errorf("%q passed and does not compile: %v", doc, err)
		}
		again, err := Parse(c.AppendJSON(nil), Limits{})
		if err != nil || fmt.Sprint(again) != fmt.Sprint(c) {
			t.Errorf("%q is %+v\nwritten %s\nread %+v, %v", doc, c, c.AppendJSON(nil), again, err)
		}
	})
}

// No event makes matching panic, and it agrees with the slow reading.
func FuzzMatch(f *testing.F) {
	f.Add([]byte(filters(2)), []byte(`{"a":{"b":[1,"x",null]}}`), "text")
	f.Add([]byte(operator("StringContains", `,"values":["ſ"]`)), []byte(`{"x":"\u017f\ud83d\ude00"}`), "K")
	f.Add([]byte(operator("NumberIn", `,"values":[1e308]`)), []byte(`{"x":1e999,"x":[1e308]}`), "")
	f.Fuzz(func(t *testing.T, doc, data []byte, ext string) {
		c, err := Parse(doc, Limits{})
		if err != nil || !event.ValidJSON(data) {
			return
		}
		s, err := NewSet(c, c)
		if err != nil {
			t.Fatal(err)
		}
		e := event.Event{ID: "1", Source: ext, Type: "t", Subject: ext, DataKind: event.JSON, Data: data}
		e.SetExtension("ext", event.String(ext))
		got := s.Match(&e, nil)
		want := 0
		if slowly(c, e) {
			want = 2
		}
		if len(got) != want {
			t.Errorf("%s on %s and %q: matched %v, the slow reading %d", doc, data, ext, got, want)
		}
	})
}
