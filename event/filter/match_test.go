package filter

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"gridmq/event"
)

// sample has an attribute or a member of each sort.
func sample(members string) event.Event {
	e, err := event.Read([]byte(`{"specversion":"1.0","id":"o-4711","source":"/Shop/7","type":"shop.Order.Placed"`+members+`}`), event.Limits{})
	if err != nil {
		panic(err)
	}
	return e
}

// match parses one filter and says whether e passes it.
func match(t *testing.T, filter string, e event.Event) bool {
	t.Helper()
	c, err := Parse([]byte(`{"filters":[`+filter+`]}`), Limits{})
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	s, err := NewSet(c)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	return len(s.Match(&e, nil)) == 1
}

// one is a condition of op on key with an operand that fits: the sample values 5,
// "abc" and true hit it.
func one(op Operator, key string) string {
	operands := [...]string{none: ``, number: `,"value":5`, boolean: `,"value":true`, numbers: `,"values":[7,5]`, ranges: `,"values":[[1,2],[5,9]]`, texts: `,"values":["zzz","ABC"]`}
	return fmt.Sprintf(`{"operatorType":%q,"key":%q%s}`, op, key, operands[operations[op].operand])
}

func all() (ops []Operator) {
	for o := NumberIn; o.known(); o++ {
		ops = append(ops, o)
	}
	return ops
}

// TestOutcomes has the tables of 8.3 and 8.4: for each sort of value, the operators
// that match. It is written out, so that a slip in the table of operations shows.
func TestOutcomes(t *testing.T) {
	missing := []Operator{NumberNotIn, StringNotIn, IsNullOrUndefined, NumberNotInRange}
	negative := []Operator{NumberNotIn, NumberNotInRange, StringNotContains, StringNotBeginsWith, StringNotEndsWith, StringNotIn}
	stringHit := []Operator{StringContains, StringBeginsWith, StringEndsWith, StringIn}
	stringMiss := []Operator{StringNotContains, StringNotBeginsWith, StringNotEndsWith, StringNotIn}
	numberHit := []Operator{NumberIn, NumberInRange, NumberLessThanOrEquals, NumberGreaterThanOrEquals}
	numberMiss := []Operator{NumberNotIn, NumberNotInRange}
	join := func(lists ...[]Operator) []Operator { return slices.Concat(append(lists, []Operator{IsNotNull})...) }
	tests := map[string]struct {
		members, key string
		want         []Operator
	}{
		"8.3 missing attribute":               {``, "ext", missing},
		"8.3 missing subject":                 {``, "subject", missing},
		"8.3 missing member":                  {`,"data":{"a":1}`, "data.x", missing},
		"8.3 missing member of a member":      {`,"data":{"a":1}`, "data.a.x", missing},
		"8.3 null member":                     {`,"data":{"x":null}`, "data.x", missing},
		"8.3 null attribute":                  {`,"ext":null`, "ext", missing},
		"8.2 no data":                         {``, "data.x", missing},
		"8.2 data in base64":                  {`,"data_base64":"eyJ4Ijo1fQ=="`, "data.x", missing},
		"8.2 data in base64, whole":           {`,"data_base64":"eyJ4Ijo1fQ=="`, "data", missing},
		"8.2 data string":                     {`,"data":"{\"x\":5}"`, "data.x", missing},
		"8.2 data array":                      {`,"data":[{"x":5}]`, "data.x", missing},
		"8.2 data number":                     {`,"data":5`, "data.x", missing},
		"8.2 data null":                       {`,"data":null`, "data", missing},
		"8.2 member of an array":              {`,"data":{"a":[{"x":5}]}`, "data.a.x", missing},
		"8.2 member in another case":          {`,"data":{"X":5}`, "data.x", missing},
		"8.4 other scalars: string":           {`,"data":{"x":"abc"}`, "data.x", join(stringHit, numberMiss)},
		"8.4 other scalars: number":           {`,"data":{"x":5}`, "data.x", join(numberHit, stringMiss)},
		"8.4 other scalars: true":             {`,"data":{"x":true}`, "data.x", join([]Operator{BoolEquals}, negative)},
		"8.4 other scalars: false":            {`,"data":{"x":false}`, "data.x", join(negative)},
		"8.4 object":                          {`,"data":{"x":{"y":5}}`, "data.x", join(negative)},
		"8.4 empty array":                     {`,"data":{"x":[]}`, "data.x", join(negative)},
		"8.4 array of objects":                {`,"data":{"x":[{"y":5},{}]}`, "data.x", join(negative)},
		"8.4 array of arrays":                 {`,"data":{"x":[[5],["abc"]]}`, "data.x", join(negative)},
		"8.4 array of nulls":                  {`,"data":{"x":[null]}`, "data.x", join(negative)},
		"8.4 array, second hits":              {`,"data":{"x":["q","abc"]}`, "data.x", join(stringHit, numberMiss)},
		"8.4 array, numbers":                  {`,"data":{"x":[100,5]}`, "data.x", join(numberHit, []Operator{NumberGreaterThan}, stringMiss)},
		"8.4 array, mixed":                    {`,"data":{"x":[null,{},[],"abc",5,true]}`, "data.x", join(stringHit, numberHit, []Operator{BoolEquals})},
		"8.4 array, none hits":                {`,"data":{"x":["q",false,{"z":5}]}`, "data.x", join(negative)},
		"8.4 extension string":                {`,"ext":"abc"`, "ext", join(stringHit, numberMiss)},
		"8.4 extension string of a number":    {`,"ext":"5"`, "ext", join(numberMiss, stringMiss)},
		"8.4 extension integer":               {`,"ext":5`, "ext", join(numberHit, stringMiss)},
		"8.4 extension true":                  {`,"ext":true`, "ext", join([]Operator{BoolEquals}, negative)},
		"8.4 extension empty string":          {`,"ext":""`, "ext", join(negative)},
		"attribute":                           {`,"subject":"aBc"`, "subject", join(stringHit, numberMiss)},
		"routing.md 6, data that is a string": {`,"data":"abc"`, "data", join(stringHit, numberMiss)},
		"data that is a number":               {`,"data":5`, "data", join(numberHit, stringMiss)},
		"data that is an object":              {`,"data":{"x":5}`, "data", join(negative)},
		"data that is an array":               {`,"data":["abc"]`, "data", join(stringHit, numberMiss)},
		"last of two members counts":          {`,"data":{"x":5,"x":"abc"}`, "data.x", join(stringHit, numberMiss)},
		"last of two members, on the way":     {`,"data":{"a":{"x":5},"a":{"y":5}}`, "data.a.x", missing},
		"last of two members, no object":      {`,"data":{"a":{"x":5},"a":5}`, "data.a.x", missing},
		"name by an escape":                   {`,"data":{"\u0078":5}`, "data.x", join(numberHit, stringMiss)},
		"string by an escape":                 {`,"data":{"x":"\u0061bc"}`, "data.x", join(stringHit, numberMiss)},
		"deep member":                         {`,"data":{"a":{"b":{"x":5},"c":1}}`, "data.a.b.x", join(numberHit, stringMiss)},
		"8.2 dot is no escape":                {`,"data":{"a.x":5}`, "data.a.x", missing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := sample(tt.members)
			for _, op := range all() {
				if got, want := match(t, one(op, tt.key), e), slices.Contains(tt.want, op); got != want {
					t.Errorf("%s with %s: %v, want %v", one(op, tt.key), tt.members, got, want)
				}
			}
		})
	}
}

func TestMatch(t *testing.T) {
	e := sample(`,"subject":"Orders/4711","hall":4,"on":true,"time":"2026-03-02T07:41:09Z","dataschema":"http://s","datacontenttype":"application/json","data":{"total":99.5,"n":[1,20],"tags":["fault","","xy"],"big":12345678901234567890,"huge":1e999,"City":"Kärnten","k":"\u212aelvin","long":"ſtraße"}`)
	tests := map[string]struct {
		filter string
		want   bool
	}{
		"8.2 attribute names ignore case":    {`{"operatorType":"StringBeginsWith","key":"Subject","values":["orders/"]}`, true},
		"8.2 eventid":                        {`{"operatorType":"StringIn","key":"eventId","values":["O-4711"]}`, true},
		"8.2 eventtype":                      {`{"operatorType":"StringIn","key":"EventType","values":["shop.order.placed"]}`, true},
		"8.2 eventtypeversion is not there":  {`{"operatorType":"IsNullOrUndefined","key":"eventTypeVersion"}`, true},
		"8.2 id":                             {`{"operatorType":"StringEndsWith","key":"id","values":["11"]}`, true},
		"8.2 source":                         {`{"operatorType":"StringContains","key":"source","values":["shop"]}`, true},
		"8.2 type":                           {`{"operatorType":"StringNotContains","key":"type","values":["paid"]}`, true},
		"8.2 time":                           {`{"operatorType":"StringBeginsWith","key":"time","values":["2026-03-02t"]}`, true},
		"8.2 specversion":                    {`{"operatorType":"StringIn","key":"specversion","values":["1.0"]}`, true},
		"8.2 dataschema":                     {`{"operatorType":"StringIn","key":"dataschema","values":["http://S"]}`, true},
		"8.2 datacontenttype":                {`{"operatorType":"StringEndsWith","key":"datacontenttype","values":["JSON"]}`, true},
		"8.2 extension ignores case":         {`{"operatorType":"NumberIn","key":"HALL","values":[4]}`, true},
		"8.2 Data ignores case, members not": {`{"operatorType":"NumberGreaterThan","key":"Data.total","value":99}`, true},
		"8.2 member case":                    {`{"operatorType":"IsNullOrUndefined","key":"data.Total"}`, true},
		"8.4 integer as a string":            {`{"operatorType":"StringBeginsWith","key":"hall","values":["4"]}`, true},
		"8.4 boolean as a string":            {`{"operatorType":"StringIn","key":"on","values":["TRUE"]}`, true},
		"8.4 member number is no string":     {`{"operatorType":"StringBeginsWith","key":"data.total","values":["9"]}`, false},
		"8.1 operator ignores case":          {`{"operatorType":"numberlessthan","key":"data.total","value":99.6}`, true},
		"8.1 less than itself":               {`{"operatorType":"NumberLessThan","key":"data.total","value":99.5}`, false},
		"8.1 greater than itself":            {`{"operatorType":"NumberGreaterThan","key":"data.total","value":99.5}`, false},
		"8.1 less or equal":                  {`{"operatorType":"NumberLessThanOrEquals","key":"data.total","value":99.5}`, true},
		"8.1 greater or equal":               {`{"operatorType":"NumberGreaterThanOrEquals","key":"data.total","value":99.5}`, true},
		"8.1 lower end included":             {`{"operatorType":"NumberInRange","key":"data.total","values":[[99.5,100]]}`, true},
		"8.1 upper end included":             {`{"operatorType":"NumberInRange","key":"data.total","values":[[1,2],[10,99.5]]}`, true},
		"8.1 outside":                        {`{"operatorType":"NumberInRange","key":"data.total","values":[[1,2],[100,200]]}`, false},
		"8.1 not in range, end":              {`{"operatorType":"NumberNotInRange","key":"data.total","values":[[10,99.5]]}`, false},
		"8.1 not in range":                   {`{"operatorType":"NumberNotInRange","key":"data.total","values":[[10,99]]}`, true},
		"8.4 one element in range":           {`{"operatorType":"NumberInRange","key":"data.n","values":[[15,25]]}`, true},
		"8.4 one element hits a negative":    {`{"operatorType":"NumberNotIn","key":"data.n","values":[20]}`, false},
		"8.4 element begins":                 {`{"operatorType":"StringBeginsWith","key":"data.tags","values":["FA"]}`, true},
		"8.4 element does not begin":         {`{"operatorType":"StringBeginsWith","key":"data.tags","values":["ult"]}`, false},
		"8.4 element ends":                   {`{"operatorType":"StringEndsWith","key":"data.tags","values":["ULT"]}`, true},
		"8.4 element does not end":           {`{"operatorType":"StringEndsWith","key":"data.tags","values":["fau"]}`, false},
		"8.4 element contains":               {`{"operatorType":"StringContains","key":"data.tags","values":["au"]}`, true},
		"8.4 no value over two elements":     {`{"operatorType":"StringContains","key":"data.tags","values":["ltx"]}`, false},
		"8.4 element is not a part":          {`{"operatorType":"StringIn","key":"data.tags","values":["faul","ault","x"]}`, false},
		"8.4 empty element":                  {`{"operatorType":"StringIn","key":"data.tags","values":[""]}`, true},
		"8.4 last element":                   {`{"operatorType":"StringNotIn","key":"data.tags","values":["XY"]}`, false},
		"8.4 no empty element":               {`{"operatorType":"StringIn","key":"data.n","values":[""]}`, false},
		"8.1 numbers are doubles":            {`{"operatorType":"NumberIn","key":"data.big","values":[12345678901234567000]}`, true},
		"8.1 beyond a double is above all":   {`{"operatorType":"NumberGreaterThan","key":"data.huge","value":1e308}`, true},
		"8.1 BoolEquals false":               {`{"operatorType":"BoolEquals","key":"on","value":false}`, false},
		"8.1 folding beyond ASCII":           {`{"operatorType":"StringIn","key":"data.City","values":["KÄRNTEN"]}`, true},
		"8.1 Kelvin sign":                    {`{"operatorType":"StringBeginsWith","key":"data.k","values":["KEL"]}`, true},
		"8.1 long s, but not ss for ß":       {`{"operatorType":"StringIn","key":"data.long","values":["STRASSE"]}`, false},
		"8.1 long s":                         {`{"operatorType":"StringIn","key":"data.long","values":["STRAßE"]}`, true},
		"8 values are alternatives":          {`{"operatorType":"StringIn","key":"id","values":["a","b","o-4711"]}`, true},
		"8 filters must all match":           {one(IsNotNull, "id") + "," + one(IsNotNull, "nothing"), false},
		"8 same key twice":                   {`{"operatorType":"NumberGreaterThan","key":"hall","value":3},{"operatorType":"NumberLessThan","key":"hall","value":5}`, true},
		"empty value begins everything":      {`{"operatorType":"StringBeginsWith","key":"id","values":[""]}`, true},
		"empty value is not everything":      {`{"operatorType":"StringIn","key":"id","values":[""]}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := match(t, tt.filter, e); got != tt.want {
				t.Errorf("%s: %v, want %v", tt.filter, got, tt.want)
			}
		})
	}
}

func TestIncludedEventTypes(t *testing.T) { // section 8, first rule
	e := sample("")
	for doc, want := range map[string]bool{
		``: true, `null`: true, `{}`: true, `{"includedEventTypes":null}`: true, `{"includedEventTypes":[]}`: true, `{"filters":null}`: true, `{"filters":[]}`: true,
		`{"includedEventTypes":["SHOP.order.placed"]}`:                                                          true,
		`{"includedEventTypes":["a","shop.order.placed"]}`:                                                      true,
		`{"includedEventTypes":["shop.order"]}`:                                                                 false,
		`{"includedEventTypes":["shop.order.placed"],"filters":[{"operatorType":"IsNotNull","key":"subject"}]}`: false,
	} {
		c, err := Parse([]byte(doc), Limits{})
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		s, err := NewSet(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(s.Match(&e, nil)) == 1; got != want {
			t.Errorf("%s: %v, want %v", doc, got, want)
		}
	}
}

// A text that the broker kept as such is a string; its members are missing (8.2).
func TestTextData(t *testing.T) {
	e := sample("")
	e.DataKind, e.Data = event.Text, []byte(`{"x": FAULT`)
	if !match(t, `{"operatorType":"StringContains","key":"data","values":["fault"]}`, e) || match(t, one(IsNotNull, "data.x"), e) {
		t.Error("text is not looked at as a string")
	}
}

// What a Set matched before leaves no trace in the next event.
func TestSetIsFresh(t *testing.T) {
	c, _ := Parse([]byte(`{"filters":[{"operatorType":"IsNotNull","key":"data.a.b"}]}`), Limits{})
	s, err := NewSet(Config{}, c, Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for members, want := range map[string][]int{`,"data":{"a":{"b":1}}`: {0, 1, 2}, `,"data":{"a":{}}`: {0, 2}, `,"data":{}`: {0, 2}, `,"data":5`: {0, 2}, ``: {0, 2}} {
			e := sample(members)
			if got := s.Match(&e, nil); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", members, got, want)
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	attributes, _ := Parse([]byte(`{"includedEventTypes":["shop.order.placed"],"filters":[{"operatorType":"StringBeginsWith","key":"subject","values":["orders/","`+strings.Repeat("x", 100)+`"]},{"operatorType":"NumberIn","key":"hall","values":[4]},{"operatorType":"StringContains","key":"hall","values":["4"]}]}`), Limits{})
	data, _ := Parse([]byte(`{"filters":[{"operatorType":"NumberInRange","key":"data.total","values":[[10,100]]},{"operatorType":"StringIn","key":"data.city","values":["a\u00e9"]},{"operatorType":"StringIn","key":"data.tags","values":["B"]}]}`), Limits{})
	s, err := NewSet(attributes, data)
	if err != nil {
		t.Fatal(err)
	}
	e := sample(`,"subject":"Orders/4711","hall":4,"data":{"total":19.9,"city":"a\u00e9","tags":["a","b"]}`)
	dst := make([]int, 0, 4)
	if n := testing.AllocsPerRun(200, func() { dst = s.Match(&e, dst[:0]) }); n != 0 && !raceEnabled {
		t.Errorf("%v allocations, want none", n)
	}
	if len(dst) != 2 {
		t.Errorf("matched %v, want both", dst)
	}
}

// Conditions on attributes come first, and data is not read when they decide.
func TestDataIsReadLazily(t *testing.T) {
	c, _ := Parse([]byte(`{"filters":[{"operatorType":"IsNotNull","key":"data.x"},{"operatorType":"StringIn","key":"subject","values":["a"]}]}`), Limits{})
	s, _ := NewSet(c)
	for members, want := range map[string]bool{`,"subject":"b","data":{"x":1}`: false, `,"subject":"a","data":{"x":1}`: true} {
		e := sample(members)
		v := s.views.New().(*view)
		v.event = &e
		v.passes(&s.filters[0])
		if v.read != want {
			t.Errorf("%s: data read %v, want %v", members, v.read, want)
		}
	}
}

// A Set is used by many goroutines; the race detector looks on.
func TestSetIsShared(t *testing.T) {
	c, _ := Parse([]byte(`{"filters":[{"operatorType":"NumberIn","key":"data.n","values":[7]},{"operatorType":"StringContains","key":"subject","values":["X"]}]}`), Limits{})
	s, err := NewSet(c, Config{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			e, want := sample(fmt.Sprintf(`,"subject":"%dx","data":{"n":[%d]}`, g, g)), []int{1}
			if g == 7 {
				want = []int{0, 1}
			}
			for range 200 {
				if got := s.Match(&e, nil); !slices.Equal(got, want) {
					t.Errorf("goroutine %d: %v, want %v", g, got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A view keeps neither the event nor large buffers.
func TestViewForgets(t *testing.T) {
	c, _ := Parse([]byte(`{"filters":[{"operatorType":"NumberIn","key":"data.n","values":[7]},{"operatorType":"IsNotNull","key":"data.s"}]}`), Limits{})
	s, _ := NewSet(c)
	for members, keeps := range map[string]bool{
		`,"data":{"n":[7],"s":"x"}`:                                    true,
		`,"data":{"n":[` + strings.Repeat("1,", 10000) + `7],"s":"x"}`: false,
		`,"data":{"n":7,"s":"` + strings.Repeat("x", 100000) + `"}`:    false,
	} {
		e := sample(members)
		v := s.views.New().(*view)
		v.event = &e
		if !v.passes(&s.filters[0]) {
			t.Errorf("%.40s does not pass", members)
		}
		v.forget()
		if v.event != nil || slices.ContainsFunc(v.members, func(m []byte) bool { return m != nil }) {
			t.Errorf("%.40s: the event is kept", members)
		}
		if kept := cap(v.texts) + 8*cap(v.numbers) + cap(v.scratch); kept > keepBytes || (kept > 0) != keeps {
			t.Errorf("%.40s: %d bytes are kept", members, kept)
		}
	}
}

func benchmark(b *testing.B, filters int, config string, e event.Event) {
	c, err := Parse([]byte(config), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	s, err := NewSet(slices.Repeat([]Config{c}, filters)...)
	if err != nil {
		b.Fatal(err)
	}
	var dst []int
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Match(&e, dst[:0])
	}
}

func BenchmarkMatch(b *testing.B) {
	e := sample(`,"subject":"halls/4/presses/press-07/state","hall":4,"data":{"rpm":1480,"bearing":61,"axes":[0.12,0.4,3.5],"note":"` + strings.Repeat("ok ", 30) + `"}`)
	attribute := `{"filters":[{"operatorType":"StringBeginsWith","key":"subject","values":["halls/4/"]},{"operatorType":"NumberIn","key":"hall","values":[4]}]}`
	data := `{"filters":[{"operatorType":"NumberGreaterThan","key":"data.rpm","value":1000},{"operatorType":"NumberGreaterThan","key":"data.axes","value":3}]}`
	b.Run("attributes/1", func(b *testing.B) { benchmark(b, 1, attribute, e) })
	b.Run("attributes/500", func(b *testing.B) { benchmark(b, 500, attribute, e) })
	b.Run("data/1", func(b *testing.B) { benchmark(b, 1, data, e) })
	b.Run("data/500", func(b *testing.B) { benchmark(b, 500, data, e) })
	large := sample(`,"data":{"note":"` + strings.Repeat("x", 1<<20-200) + `"}`)
	b.Run("megabyte/500", func(b *testing.B) {
		benchmark(b, 500, `{"filters":[{"operatorType":"StringContains","key":"data.note","values":["xxy"]}]}`, large)
	})
	array := sample(`,"data":{"n":[` + strings.Repeat("1,", 1<<19-200) + `1]}`)
	b.Run("array/500", func(b *testing.B) {
		benchmark(b, 500, `{"filters":[{"operatorType":"NumberIn","key":"data.n","values":[5]}]}`, array)
	})
}
