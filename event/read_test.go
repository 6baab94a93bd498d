package event

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const minimal = `{"specversion":"1.0","id":"1","source":"/s","type":"t"`

// refuse checks that err is an *Error of that kind which says want; want "" is none.
func refuse(t *testing.T, what string, err error, kind ErrorKind, want string) {
	t.Helper()
	e, _ := errors.AsType[*Error](err)
	switch {
	case want == "" && err != nil:
		t.Errorf("%.200s: %v, want no error", what, err)
	case want != "" && (e == nil || e.Kind != kind || !strings.Contains(err.Error(), want)):
		t.Errorf("%.200s: %v, want kind %d with %q", what, err, kind, want)
	}
}

// Sections of spec/namespace-topics.md, unless another document is named.
func TestRead(t *testing.T) {
	tests := map[string]struct {
		members string // behind the required ones
		want    string // part of the error
	}{
		"only what is required":             {``, ""},
		"all attributes":                    {`,"subject":"s","time":"2024-01-02T03:04:05.000006Z","datacontenttype":"text/plain","dataschema":"http://s","data":"x"`, ""},
		"5.1 extensions":                    {`,"ext1":"v","ext2":5,"ext3":true,"ext4":"","n":-2147483648,"zero":-0`, ""},
		"5.1 name of 20":                    {`,"` + strings.Repeat("a", 20) + `":"v"`, ""},
		"5.1 name of 21":                    {`,"` + strings.Repeat("a", 21) + `":"v"`, "at most 20"},
		"5.1 subject empty":                 {`,"subject":""`, "`subject` must be a non-empty string"},
		"CloudEvents datacontenttype empty": {`,"datacontenttype":""`, "`datacontenttype` must be a non-empty"},
		"CloudEvents dataschema empty":      {`,"dataschema":""`, "`dataschema` must be a non-empty"},
		"5.2 time is not RFC 3339":          {`,"time":"02.03.2026"`, "`time` must be a time as RFC 3339"},
		"5.2 time empty":                    {`,"time":""`, "`time`"},
		"5.2 time number":                   {`,"time":1700000000`, "`time`"},
		"5.2 time null is dropped":          {`,"time":null`, ""},
		"5.2 second 60":                     {`,"time":"2016-12-31T23:59:60Z"`, "`time`"},
		"5.2 datacontenttype not a string":  {`,"datacontenttype":5`, "`datacontenttype` must"},
		"5.2 optional null":                 {`,"subject":null,"datacontenttype":null,"dataschema":null,"data":null,"data_base64":null,"ext":null`, ""},
		"5.2 extension object":              {`,"ext":{}`, "`ext` must be a string, boolean or integer"},
		"5.2 extension array":               {`,"ext":[1]`, "`ext` must be a string, boolean or integer"},
		"5.2 extension fraction":            {`,"ext":1.5`, "`ext` must be an integer"},
		"5.2 extension exponent":            {`,"ext":1e3`, "`ext` must be an integer"},
		"CloudEvents integer of 33 bits":    {`,"ext":2147483648`, "send other numbers as a string"},
		"integer of 100 digits":             {`,"ext":` + strings.Repeat("9", 100), "send other numbers as a string"},
		"5.2 capital in a name":             {`,"Ext":"v"`, "`Ext` is not an attribute name"},
		"5.2 underscore in a name":          {`,"my_ext":"v"`, "lower-case letters"},
		"5.2 name of null still looked at":  {`,"my_ext":null`, "lower-case letters"},
		"empty name":                        {`,"":"v"`, "lower-case letters"},
		"long name is not repeated":         {`,"` + strings.Repeat("Z", 5000) + `":"v"`, "ZZZ..."},
		"Event Grid schema":                 {`,"eventType":"t"`, "send CloudEvents 1.0"},
		"5.2 data_base64 unparsable":        {`,"data_base64":"AA="`, "`data_base64` must be"},
		"data_base64 without padding":       {`,"data_base64":"AA"`, "`data_base64` must be"},
		"data_base64 with a line break":     {`,"data_base64":"AA\n=="`, "`data_base64` must be"},
		"data_base64 with stray bits":       {`,"data_base64":"AB=="`, "`data_base64` must be"},
		"data_base64 for URLs":              {`,"data_base64":"-_-_"`, "`data_base64` must be"},
		"data_base64 number":                {`,"data_base64":5`, "`data_base64` must be"},
		"data_base64 empty":                 {`,"data_base64":""`, ""},
		"data_base64 with escapes":          {`,"data_base64":"\/\/8="`, ""},
		"5.2 data and data_base64":          {`,"data":1,"data_base64":"AA=="`, "send one of them"},
		"5.2 data_base64 and data":          {`,"data_base64":"AA==","data":1`, "send one of them"},
		"5.2 data null and data_base64":     {`,"data":null,"data_base64":"AA=="`, ""},
		"attribute twice":                   {`,"id":"2"`, "`id` is there twice"},
		"null attribute twice":              {`,"subject":null,"subject":"x"`, "`subject` is there twice"},
		"data twice":                        {`,"data":1,"data":2`, "`data` is there twice"},
		"extension twice":                   {`,"ext":"a","ext":"b"`, "`ext` is there twice"},
		"null extension twice":              {`,"ext":null,"ext":"b"`, "`ext` is there twice"},
		"twice by escape":                   {`,"ext":"a","\u0065xt":"b"`, "`ext` is there twice"},
		"known by escape":                   {`,"\u0069d":"2"`, "`id` is there twice"},
		"twice inside data is kept":         {`,"data":{"a":1,"a":2}`, ""},
		"control character in an attribute": {`,"subject":"a\u0000b"`, "`subject` must not contain the character U+0000"},
		"noncharacter in an attribute":      {`,"subject":"a\uffffb"`, "U+FFFF"},
		"control character in an extension": {`,"ext":"a\u009fb"`, "`ext` must not contain"},
		"any character in data":             {`,"data":"a\u0000b"`, ""},
		"half a surrogate pair":             {`,"data":"\ud800"`, "surrogate"},
		"unknown escape":                    {`,"data":"\x00"`, "`data` is not valid JSON: unknown escape"},
		"invalid UTF-8":                     {",\"data\":\"\xff\"", "not valid UTF-8"},
		"dataschema relative":               {`,"dataschema":"schema"`, "absolute URI"},
		"dataschema with a space":           {`,"dataschema":"http://a b"`, "%20"},
		"data deep":                         {`,"data":` + strings.Repeat("[", 60) + strings.Repeat("]", 60), ""},
		"data too deep":                     {`,"data":` + strings.Repeat("[", 61) + strings.Repeat("]", 61), "`data` is not valid JSON: nested too deeply"},
		"129 extensions":                    {extensions(129), "more than 128 extensions"},
		"128 extensions":                    {extensions(128), ""},
		"JavaScript's content type":         {`,"datacontenttype":"application/cloudevents+json; charset=utf-8","data":1`, ""}, // section 5.2
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := minimal + tt.members + "}"
			e, err := Read([]byte(body), Limits{})
			refuse(t, body, err, Invalid, tt.want)
			if err == nil {
				if err := e.Validate(); err != nil {
					t.Errorf("%.200s was read and is not valid: %v", body, err)
				}
			}
		})
	}
}

func extensions(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"x%d":null`, i)
	}
	return b.String()
}

func TestReadRequired(t *testing.T) { // sections 5.1 and 5.2
	all := map[string]string{"specversion": `"1.0"`, "id": `"1"`, "source": `"/s"`, "type": `"t"`}
	with := func(name, value string) string {
		var members []string
		for n, v := range all {
			if n == name {
				v = value
			}
			if v != "" {
				members = append(members, `"`+n+`":`+v)
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	for name := range all {
		for _, value := range []string{"", `""`, "null", "1", "{}", "true"} {
			_, err := Read([]byte(with(name, value)), Limits{})
			refuse(t, with(name, value), err, Invalid, "`"+name+"` must be")
		}
	}
	for _, value := range []string{`"0.3"`, `"1"`, `"1.0.2"`, `1.0`} {
		_, err := Read([]byte(with("specversion", value)), Limits{})
		refuse(t, value, err, Invalid, "`specversion` must be the string \"1.0\"")
	}
	for value, want := range map[string]string{
		`"/a b"`: "%20", `"a%"`: "%25", `"a%4"`: "%25", `"a%zz"`: "%25", `"{x}"`: "percent-encode",
		`"plantns"`: "", `"urn:uuid:6e8bc430"`: "", `"https://a/b?c=%20#d"`: "", `"/grün"`: "", `"mailto:a@b"`: "",
	} {
		_, err := Read([]byte(with("source", value)), Limits{})
		refuse(t, value, err, Invalid, want)
	}
}

func TestReadBody(t *testing.T) {
	for body, want := range map[string]string{
		"":                       "early",
		" ":                      "early",
		"null":                   "must be a JSON object",
		`"x"`:                    "must be a JSON object",
		"[" + minimal + "}]":     "application/cloudevents-batch+json",
		minimal:                  "early",
		minimal + "}x":           "follows",
		minimal + ",}":           "comma",
		"\ufeff" + minimal + "}": "must be a JSON object",
	} {
		_, err := Read([]byte(body), Limits{})
		refuse(t, body, err, Invalid, want)
	}
}

// Data keeps its spelling (section 5.2), and so do strings their meaning.
func TestReadKeeps(t *testing.T) {
	body := minimal + `,"subject":"a\u00e9\/\ud83d\ude00" , "data" : { "b":1.0, "a":12345678901234567890,"b" : "\u0041" } ,"time":"2026-03-02t07:41:09.1234567899z","x":"y"}`
	e, err := Read([]byte(body), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{ "b":1.0, "a":12345678901234567890,"b" : "\u0041" }`; string(e.Data) != want {
		t.Errorf("data %s, want %s", e.Data, want)
	}
	if e.Subject != "aé/😀" || e.Time != "2026-03-02T07:41:09.123456789Z" {
		t.Errorf("subject %q, time %q", e.Subject, e.Time)
	}
}

func TestReadLimits(t *testing.T) { // section 6
	body := func(size int) []byte {
		head := minimal + `,"data":"`
		return []byte(head + strings.Repeat("x", size-len(head)-2) + `"}`)
	}
	_, err := Read(body(1<<20), Limits{})
	refuse(t, "1 MB", err, TooLarge, "")
	_, err = Read(body(1<<20+1), Limits{})
	refuse(t, "1 MB and a byte", err, TooLarge, "at most 1048576 are allowed")
	_, err = Read(body(101), Limits{EventBytes: 100})
	refuse(t, "101 bytes", err, TooLarge, "has 101 bytes, at most 100")
	_, err = Read(append(body(100), " \n"...), Limits{EventBytes: 100})
	refuse(t, "100 bytes and white space", err, TooLarge, "")
}

func TestReadBatch(t *testing.T) { // section 6
	one := minimal + "}"
	tests := map[string]struct {
		body   string
		limits Limits
		n      int
		kind   ErrorKind
		want   string
	}{
		"one":             {"[" + one + "]", Limits{}, 1, 0, ""},
		"three":           {" [ " + one + " , " + one + "," + one + " ] ", Limits{}, 3, 0, ""},
		"1,000":           {"[" + strings.Repeat(one+",", 999) + one + "]", Limits{}, 1000, 0, ""},
		"1,001":           {"[" + strings.Repeat(one+",", 1000) + one + "]", Limits{}, 0, TooLarge, "more than 1000 events"},
		"empty":           {"[]", Limits{}, 0, Invalid, "batch is empty"},
		"an object":       {one, Limits{}, 0, Invalid, "send a single event as application/cloudevents+json"},
		"second is wrong": {"[" + one + `,{"specversion":"1.0","id":"","source":"/s","type":"t"}]`, Limits{}, 0, Invalid, "event 1 of the batch, counted from 0: `id` must be"},
		"third no object": {"[" + one + "," + one + ",5]", Limits{}, 0, Invalid, "event 2 of the batch"},
		"null":            {"[null]", Limits{}, 0, Invalid, "event 0 of the batch"},
		"one too large":   {"[" + one + "," + minimal + `,"data":1}]`, Limits{EventBytes: len(one)}, 0, TooLarge, "event 1 of the batch"},
		"bytes":           {"[" + one + "]", Limits{RequestBytes: 20}, 0, TooLarge, "fewer events"},
		"trailing":        {"[" + one + "]]", Limits{}, 0, Invalid, "follows"},
		"comma":           {"[" + one + ",]", Limits{}, 0, Invalid, "comma"},
		"cut off":         {"[" + one, Limits{}, 0, Invalid, "early"},
		"cut off in one":  {"[" + one + "," + minimal, Limits{}, 0, Invalid, "event 1 of the batch"},
		"nested":          {"[[" + one + "]]", Limits{}, 0, Invalid, "event 0"},
		"deep":            {strings.Repeat("[", 1<<19), Limits{}, 0, Invalid, "event 0"},
		"not UTF-8":       {"[\"\xff\"]", Limits{}, 0, Invalid, "UTF-8"},
		"nothing":         {"", Limits{}, 0, Invalid, "early"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			events, err := ReadBatch([]byte(tt.body), tt.limits)
			refuse(t, tt.body, err, tt.kind, tt.want)
			if len(events) != tt.n {
				t.Errorf("%d events, want %d", len(events), tt.n)
			}
		})
	}
}
