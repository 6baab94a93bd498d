package filter

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"gridmq/event"
	"pgregory.net/rapid"
)

// slowly is section 8 read aloud: no compiling, no sharing, values as encoding/json
// makes them. The outcomes are written per operator, not taken from operations.
func slowly(c Config, e event.Event) bool {
	if len(c.IncludedEventTypes) > 0 {
		included := false
		for _, t := range c.IncludedEventTypes {
			included = included || strings.EqualFold(t, e.Type)
		}
		if !included {
			return false
		}
	}
	for _, one := range c.Filters {
		if !slowMatch(one, slowValue(one.Key, e)) {
			return false
		}
	}
	return true
}

// extension is an attribute that is compared in its string form too (8.4).
type extension struct{ own, text any }

func slowValue(key string, e event.Event) any {
	steps := strings.Split(key, ".")
	first := strings.ToLower(steps[0])
	switch {
	case first == "eventid":
		first = "id"
	case first == "eventtype":
		first = "type"
	}
	if first != "data" {
		v, ok := e.Attribute(first)
		if !ok {
			return nil
		}
		x := extension{text: string(v.AppendText(nil))}
		x.own = x.text
		if n, ok := v.Integer(); ok {
			x.own = float64(n)
		}
		if b, ok := v.Boolean(); ok {
			x.own = b
		}
		return x
	}
	var at any
	switch e.DataKind {
	case event.JSON:
		d := json.NewDecoder(strings.NewReader(string(e.Data)))
		d.UseNumber()
		if d.Decode(&at) != nil {
			return nil
		}
	case event.Text:
		at = string(e.Data)
	}
	for _, name := range steps[1:] {
		object, is := at.(map[string]any)
		if !is {
			return nil
		}
		at = object[name]
	}
	return at
}

func slowMatch(c Condition, v any) bool {
	if v == nil { // the table of 8.3
		switch c.Operator {
		case NumberNotIn, StringNotIn, IsNullOrUndefined, NumberNotInRange:
			return true
		}
		return false
	}
	switch c.Operator {
	case IsNullOrUndefined:
		return false
	case IsNotNull:
		return true
	}
	hit := false
	if list, is := v.([]any); is {
		for _, element := range list {
			hit = hit || slowHit(c, element)
		}
	} else {
		hit = slowHit(c, v)
	}
	if strings.Contains(c.Operator.String(), "Not") {
		return !hit
	}
	return hit
}

func slowHit(c Condition, v any) bool {
	name := c.Operator.String()
	if x, is := v.(extension); is {
		if v = x.own; strings.HasPrefix(name, "String") {
			v = x.text
		}
	}
	switch v := v.(type) {
	case json.Number:
		n, err := strconv.ParseFloat(string(v), 64)
		if err != nil && !math.IsInf(n, 0) {
			return false
		}
		return slowHit(c, n)
	case float64:
		return slowNumber(c, name, v)
	case bool:
		return c.Operator == BoolEquals && c.Bool == v
	case string:
		return strings.HasPrefix(name, "String") && slowText(c.Strings, strings.Replace(name, "Not", "", 1), v)
	}
	return false
}

func slowNumber(c Condition, name string, n float64) bool {
	switch name {
	case "NumberIn", "NumberNotIn":
		for _, x := range c.Numbers {
			if x == n {
				return true
			}
		}
	case "NumberInRange", "NumberNotInRange":
		for _, r := range c.Ranges {
			if n >= r[0] && n <= r[1] {
				return true
			}
		}
	case "NumberLessThan":
		return n < c.Numbers[0]
	case "NumberLessThanOrEquals":
		return n <= c.Numbers[0]
	case "NumberGreaterThan":
		return n > c.Numbers[0]
	case "NumberGreaterThanOrEquals":
		return n >= c.Numbers[0]
	}
	return false
}

// slowText cuts every part of text that has the length of the operand, in
// characters, and compares it ignoring case.
func slowText(operands []string, name, text string) bool {
	runes := []rune(text)
	for _, operand := range operands {
		n := utf8.RuneCountInString(operand)
		for i := 0; i+n <= len(runes); i++ {
			if !strings.EqualFold(string(runes[i:i+n]), operand) {
				continue
			}
			switch begins, ends := i == 0, i+n == len(runes); {
			case name == "StringContains", name == "StringBeginsWith" && begins, name == "StringEndsWith" && ends, begins && ends:
				return true
			}
		}
	}
	return false
}

// Few letters, so that things meet; some that fold oddly.
var (
	word      = rapid.StringOfN(rapid.RuneFrom([]rune("aAbkK\u212asSſßÄä5")), 0, 4, -1)
	small     = rapid.Float64Range(-3, 3)
	someFloat = rapid.OneOf(small, rapid.Map(rapid.IntRange(-2, 6), func(n int) float64 { return float64(n) }))
	step      = rapid.SampledFrom([]string{"a", "b", "A", "k"})
	anyKey    = rapid.Custom(func(t *rapid.T) string {
		if rapid.Bool().Draw(t, "attribute") {
			return rapid.SampledFrom([]string{"subject", "Type", "id", "eventtype", "EventId", "ext", "EXT", "hall", "on", "none", "specversion", "data"}).Draw(t, "name")
		}
		return "data." + strings.Join(rapid.SliceOfN(step, 1, 3).Draw(t, "steps"), ".")
	})
	anyCondition = rapid.Custom(func(t *rapid.T) Condition {
		c := Condition{Operator: rapid.SampledFrom(all()).Draw(t, "operator"), Key: anyKey.Draw(t, "key")}
		switch operations[c.Operator].operand {
		case number:
			c.Numbers = []float64{someFloat.Draw(t, "value")}
		case boolean:
			c.Bool = rapid.Bool().Draw(t, "value")
		case numbers:
			c.Numbers = rapid.SliceOfN(someFloat, 1, 3).Draw(t, "values")
		case texts:
			c.Strings = rapid.SliceOfN(word, 1, 3).Draw(t, "values")
		case ranges:
			for _, low := range rapid.SliceOfN(small, 1, 3).Draw(t, "values") {
				c.Ranges = append(c.Ranges, [2]float64{low, low + rapid.Float64Range(0, 2).Draw(t, "width")})
			}
		}
		return c
	})
	anyConfig = rapid.Custom(func(t *rapid.T) (c Config) {
		if rapid.IntRange(0, 3).Draw(t, "types") == 0 {
			c.IncludedEventTypes = rapid.SliceOfN(rapid.SampledFrom([]string{"T", "t", "Kind", "other"}), 1, 3).Draw(t, "included")
		}
		if n := rapid.IntRange(0, 3).Draw(t, "filters"); n > 0 {
			c.Filters = rapid.SliceOfN(anyCondition, n, n).Draw(t, "filters")
		}
		return c
	})
)

// anyJSON writes a value, with names that may occur twice.
func anyJSON(t *rapid.T, depth int) string {
	most := 7
	if depth == 0 {
		most = 5
	}
	switch rapid.IntRange(0, most).Draw(t, "sort") {
	case 0:
		return "null"
	case 1:
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "bool")
	case 2:
		return strconv.FormatFloat(someFloat.Draw(t, "number"), 'g', -1, 64)
	case 3:
		return rapid.SampledFrom([]string{"1e999", "-0", "5E0", "0.50e1", "12345678901234567890"}).Draw(t, "number")
	case 4, 5:
		quoted, _ := json.Marshal(word.Draw(t, "text"))
		return strings.Replace(string(quoted), "a", `\u0061`, rapid.IntRange(0, 1).Draw(t, "escape"))
	case 6:
		var list []string
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			list = append(list, anyJSON(t, depth-1))
		}
		return "[" + strings.Join(list, " , ") + "]"
	}
	var list []string
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		name := rapid.SampledFrom([]string{"a", "b", "A", "k", `\u0061`, "a.b", ""}).Draw(t, "name")
		list = append(list, `"`+name+`" : `+anyJSON(t, depth-1))
	}
	return "{" + strings.Join(list, ",") + "}"
}

var anyEvent = rapid.Custom(func(t *rapid.T) event.Event {
	e := event.Event{ID: word.Draw(t, "id") + "1", Source: "/s", Type: rapid.SampledFrom([]string{"t", "\u212aind", "x"}).Draw(t, "type"), Subject: word.Draw(t, "subject")}
	if rapid.Bool().Draw(t, "extensions") {
		e.SetExtension("ext", event.String(word.Draw(t, "ext")))
		e.SetExtension("hall", event.Integer(rapid.Int64Range(-2, 6).Draw(t, "hall")))
		e.SetExtension("on", event.Boolean(rapid.Bool().Draw(t, "on")))
	}
	switch e.DataKind = event.DataKind(rapid.SampledFrom([]int{0, 1, 1, 1, 1, 1, 2, 3}).Draw(t, "kind")); e.DataKind {
	case event.JSON:
		e.Data = []byte(anyJSON(t, 4))
		if rapid.IntRange(0, 5).Draw(t, "object") > 0 {
			e.Data = []byte(`{"a":` + anyJSON(t, 3) + `,"b":` + anyJSON(t, 3) + `,"k":{"a":` + anyJSON(t, 2) + `}}`)
		}
	case event.Text, event.Bytes:
		e.Data = []byte(word.Draw(t, "data"))
	}
	return e
})

// A Set, with events one after the other, agrees with the slow reading.
func TestAgrees(t *testing.T) {
	outcomes := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		configs := rapid.SliceOfN(anyConfig, 1, 6).Draw(t, "configs")
		s, err := NewSet(configs...)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range rapid.SliceOfN(anyEvent, 1, 4).Draw(t, "events") {
			if err := e.Validate(); err != nil {
				t.Fatal(err)
			}
			got := map[int]bool{}
			for _, i := range s.Match(&e, nil) {
				got[i] = true
			}
			for i, c := range configs {
				want := slowly(c, e)
				outcomes[want]++
				if got[i] != want {
					t.Fatalf("%s\non %s\nmatches %v, want %v", c.AppendJSON(nil), e.AppendJSON(nil), got[i], want)
				}
			}
		}
	})
	if outcomes[true] < 20 || outcomes[false] < 20 {
		t.Errorf("outcomes %v: the random events and filters do not meet", outcomes)
	}
}

func TestFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.OneOf(word, rapid.String()).Draw(t, "a")
		b := rapid.OneOf(word, rapid.Just(strings.ToUpper(a)), rapid.Just(strings.ToLower(a))).Draw(t, "b")
		same := string(appendFolded(nil, a)) == string(appendFolded(nil, []byte(b)))
		if want := strings.EqualFold(a, b); same != want {
			t.Fatalf("%q and %q fold together: %v, want %v", a, b, same, want)
		}
	})
}
