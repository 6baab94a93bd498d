package identity

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQueryMatches(t *testing.T) {
	press := Attributes{"kind": Text("press"), "hall": Integer(4), "probes": List("thermal", "acoustic"), "none": List(), "spare": Boolean(true), "no": Text("4"), "empty": Text("")}
	tests := map[string]bool{
		`authenticationName = "Press-07"`:                                      true,
		`authenticationName = "press-07"`:                                      false, // the stored spelling
		`AUTHENTICATIONNAME IN ['x', 'Press-07']`:                              true,
		`authenticationName <> "x"`:                                            true,
		`authenticationName != "Press-07"`:                                     false,
		`authenticationName < 5`:                                               false,
		`authenticationName <> 5`:                                              false,
		`attributes.kind = "press"`:                                            true,
		`attributes.kind = 'press'`:                                            true,
		`attributes.kind = "Press"`:                                            false,
		`attributes.Kind = "press"`:                                            false, // keys are case-sensitive
		`Attributes.kind = "press"`:                                            true,
		`attributes.kind <> "oven"`:                                            true,
		`attributes.kind = 4`:                                                  false,
		`attributes.kind <> 4`:                                                 false, // no coercion, also here
		`attributes.no = 4`:                                                    false,
		`attributes.no = "4"`:                                                  true,
		`attributes.no > 3`:                                                    false,
		`attributes.empty = ""`:                                                true,
		`attributes.hall = 4`:                                                  true,
		`attributes.hall = "4"`:                                                false,
		`attributes.hall <> "4"`:                                               false,
		`attributes.hall != 5`:                                                 true,
		`attributes.hall<5 and attributes.hall>3`:                              true,
		`attributes.hall<=4 and attributes.hall>=4`:                            true,
		`attributes.hall < 4 or attributes.hall > 4`:                           false,
		`attributes.hall > -9223372036854775808`:                               true,
		`attributes.hall IN ["4", 5, 4]`:                                       true,
		`attributes.hall in ["4"]`:                                             false,
		`attributes.probes = "thermal"`:                                        true,
		`attributes.probes = "other"`:                                          false,
		`attributes.probes <> "thermal"`:                                       false,
		`attributes.probes <> "other"`:                                         true,
		`attributes.probes <> 4`:                                               false,
		`attributes.probes > 4`:                                                false,
		`attributes.probes in ["x","acoustic"]`:                                true,
		`attributes.none = ""`:                                                 false,
		`attributes.none <> ""`:                                                true,
		`attributes.spare = "true"`:                                            false,
		`attributes.spare <> "true"`:                                           false,
		`attributes.spare <> 1`:                                                false,
		`attributes.spare = 1`:                                                 false,
		`attributes.missing = ""`:                                              false,
		`attributes.missing <> ""`:                                             false,
		`attributes.missing <> 1 or attributes.hall = 4`:                       true,
		`attributes.a="1" or attributes.kind='press' and attributes.hall=5`:    false,
		`attributes.kind='press' or attributes.kind='x' and attributes.hall=5`: true, // and binds tighter
		`(attributes.kind='press' or attributes.kind='x') and attributes.hall=5`: false,
		` ( ( attributes.kind = "press" ) ) `:                                    true,
		"attributes.kind\t=\n\"press\"\r\nAND attributes.hall=4":                 true,
		`attributes.hall=4and attributes.kind="press"`:                           true,
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			q, err := ParseQuery(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := q.Matches("Press-07", press); got != want || q.String() != text {
				t.Errorf("%q matches %v, want %v", q, got, want)
			}
			if n := testing.AllocsPerRun(10, func() { q.Matches("Press-07", press) }); n > 0 {
				t.Errorf("%q allocates %v times", q, n)
			}
		})
	}
	var unread *Query
	if unread.Matches("a", nil) || new(Query).Matches("a", nil) {
		t.Error("a query that was never parsed matches")
	}
}

func TestQueryErrors(t *testing.T) {
	chain := func(n int) string { return strings.TrimSuffix(strings.Repeat("attributes.a=1 or ", n), " or ") }
	tests := map[string]struct{ text, want string }{
		"value missing":       {`attributes.floor =`, `want a value after "=" at column 19`},
		"value missing, too":  {`attributes.floor =  `, `want a value after "=" at column 19`},
		"in characters":       {`attributes.a = "äöü" und`, `want "and", "or" or the end at column 22`},
		"empty":               {``, `want "authenticationName", "attributes.<key>" or "(" at column 1`},
		"blank":               {`   `, `want "authenticationName", "attributes.<key>" or "(" at column 4`},
		"unknown operand":     {`kind = "x"`, `want "authenticationName", "attributes.<key>" or "(" at column 1`},
		"not":                 {`not attributes.a = 1`, `at column 1`},
		"no dot":              {`attributes = 1`, `want "." and a key after "attributes" at column 12`},
		"no key":              {`attributes. = 1`, `want a key of letters, digits and "_" after "attributes." at column 13`},
		"like":                {`attributes.a LIKE "x%"`, `want "=", "<>", "!=", "<", ">", "<=", ">=" or "IN" at column 14`},
		"double equal":        {`attributes.a == 1`, `want a string in quotes or an integer after "=" at column 15`},
		"bare word":           {`attributes.a = press`, `want a string in quotes or an integer after "=" at column 16`},
		"ordered string":      {`attributes.a < "x"`, `want an integer after "<" at column 16`},
		"open string":         {`attributes.a = "x`, `want " to end the string of column 16 at column 18`},
		"other quote":         {`attributes.a = "x'`, `want " to end the string of column 16 at column 19`},
		"too large":           {`attributes.a = 9223372036854775808`, `want an integer of 64 bits at column 16`},
		"float":               {`attributes.a = 1.5`, `want "and", "or" or the end at column 17`},
		"minus alone":         {`attributes.a = -`, `want a string in quotes or an integer after "=" at column 16`},
		"no list":             {`attributes.a in "x"`, `want "[" after "IN" at column 17`},
		"empty list":          {`attributes.a in []`, `want a string in quotes or an integer after "[" at column 18`},
		"comma at the end":    {`attributes.a in [1,]`, `after "," at column 20`},
		"open list":           {`attributes.a in [1`, `want "," or "]" at column 19`},
		"open parenthesis":    {`(attributes.a = 1`, `want "and", "or" or ")" at column 18`},
		"closed too often":    {`attributes.a = 1)`, `want "and", "or" or the end at column 17`},
		"and at the end":      {`attributes.a = 1 and`, `at column 21`},
		"two and":             {`attributes.a = 1 and and attributes.b = 2`, `at column 22`},
		"NUL":                 {"attributes.a\x00 = 1", `at column 13`},
		"not UTF-8":           {"attributes.a = \"\xff\"", `want UTF-8 at column 1`},
		"65 comparisons":      {chain(65), `want 64 comparisons at most`},
		"65 values":           {`attributes.a in [` + strings.Repeat("1,", 64) + `1]`, `want 64 comparisons at most`},
		"4,097 bytes":         {`attributes.a = "` + strings.Repeat("x", 4081), `want 4096 bytes at most at column 1`},
		"33 parentheses":      {strings.Repeat("(", 33) + "attributes.a=1" + strings.Repeat(")", 33), `want 32 nested parentheses at most at column 33`},
		"only parentheses":    {strings.Repeat("(", 4096), `want 32 nested parentheses at most at column 33`},
		"bomb of parentheses": {strings.Repeat("(attributes.a=1 or ", 200), `want 32 nested`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseQuery(test.text)
			q, ok := errors.AsType[*QueryError](err)
			if !ok || !strings.HasSuffix(err.Error(), test.want) && !strings.Contains(err.Error(), test.want) {
				t.Errorf("ParseQuery(%.80q) = %v, want %q", test.text, err, test.want)
			}
			if ok && (q.Column < 1 || q.Column > len(test.text)+1) {
				t.Errorf("column %d", q.Column)
			}
		})
	}
	for _, text := range []string{chain(64), strings.Repeat("(", 32) + "attributes.a=1" + strings.Repeat(")", 32)} {
		if _, err := ParseQuery(text); err != nil {
			t.Errorf("ParseQuery(%q) = %v", text, err)
		}
	}
}

// The worst query that fits, on the worst attributes that fit.
func BenchmarkQueryWorstCase(b *testing.B) {
	a := Attributes{"a": List(slices.Repeat([]string{""}, 1300)...)}
	q, err := ParseQuery(`attributes.a in ["b"` + strings.Repeat(`,"b"`, 63) + "]")
	if err != nil || a.Size() >= MaxAttributes {
		b.Fatal(err, a.Size())
	}
	for b.Loop() {
		q.Matches("x", a)
	}
}

// The model: an expression as a tree of its own, written and decided literally.
type expr struct {
	join    string // "and", "or" or empty
	kids    []expr
	key, op string // key empty: the authentication name
	texts   []string
	numbers []int64
}

var someExprs = rapid.Custom(func(t *rapid.T) expr { return drawExpr(t, 3) })

func drawExpr(t *rapid.T, depth int) expr {
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "join") == 0 {
		e := expr{join: rapid.SampledFrom([]string{"and", "or"}).Draw(t, "keyword")}
		for range rapid.IntRange(2, 3).Draw(t, "kids") {
			e.kids = append(e.kids, drawExpr(t, depth-1))
		}
		return e
	}
	e := expr{key: rapid.SampledFrom([]string{"", "a", "b", "kind", "and", "k_9"}).Draw(t, "key")}
	e.op = rapid.SampledFrom([]string{"=", "<>", "!=", "<", ">", "<=", ">=", "in"}).Draw(t, "op")
	text := rapid.SampledFrom([]string{"", "a", "press", "é", `a"b`, "name"})
	number := rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64())
	switch {
	case e.op == "in":
		e.texts, e.numbers = rapid.SliceOfN(text, 0, 2).Draw(t, "texts"), rapid.SliceOfN(number, 1, 2).Draw(t, "numbers")
	case strings.ContainsAny(e.op, "<>") && e.op != "<>" || rapid.Bool().Draw(t, "number"):
		e.numbers = []int64{number.Draw(t, "literal")}
	default:
		e.texts = []string{text.Draw(t, "literal")}
	}
	return e
}

func (e expr) write(t *rapid.T) string {
	gap := func() string { return rapid.SampledFrom([]string{" ", "  ", "\n\t"}).Draw(t, "gap") }
	maybe := func() string { return rapid.SampledFrom([]string{"", " "}).Draw(t, "maybe") }
	word := func(s string) string {
		return rapid.SampledFrom([]string{s, strings.ToUpper(s), strings.ToUpper(s[:1]) + s[1:]}).Draw(t, "word")
	}
	if e.join != "" {
		var kids []string
		for _, k := range e.kids {
			kids = append(kids, k.write(t))
		}
		return "(" + maybe() + strings.Join(kids, gap()+word(e.join)+gap()) + maybe() + ")"
	}
	s := word("authenticationName")
	if e.key != "" {
		s = word("attributes") + "." + e.key
	}
	var literals []string
	for _, v := range e.texts {
		quote := `'`
		if !strings.Contains(v, `"`) && rapid.Bool().Draw(t, "double") {
			quote = `"`
		}
		literals = append(literals, quote+v+quote)
	}
	for _, v := range e.numbers {
		literals = append(literals, strconv.FormatInt(v, 10))
	}
	if e.op == "in" {
		return s + gap() + word("in") + maybe() + "[" + maybe() + strings.Join(literals, maybe()+","+maybe()) + maybe() + "]"
	}
	return s + maybe() + e.op + maybe() + literals[0]
}

func (e expr) holds(name string, a Attributes) bool {
	if e.join != "" {
		and, or := true, false
		for _, k := range e.kids {
			h := k.holds(name, a)
			and, or = and && h, or || h
		}
		return e.join == "and" && and || e.join == "or" && or
	}
	v, given := a[e.key]
	if e.key == "" {
		v, given = Text(name), true
	}
	if !given {
		return false
	}
	if n, ok := v.Integer(); ok {
		if len(e.numbers) == 0 {
			return false
		}
		w := e.numbers[0]
		return map[string]bool{"=": n == w, "<>": n != w, "!=": n != w, "<": n < w, ">": n > w, "<=": n <= w, ">=": n >= w, "in": slices.Contains(e.numbers, n)}[e.op]
	}
	list, ok := v.List()
	if s, isText := v.Text(); isText {
		list, ok = []string{s}, true
	}
	if !ok || len(e.texts) == 0 {
		return false
	}
	found := false
	for _, s := range list {
		found = found || e.op == "in" && slices.Contains(e.texts, s) || s == e.texts[0]
	}
	return map[string]bool{"=": found, "in": found, "<>": !found, "!=": !found}[e.op]
}

func TestQueryAgreesWithTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := someExprs.Draw(t, "query")
		text := e.write(t)
		q, err := ParseQuery(text)
		if err != nil {
			t.Fatalf("ParseQuery(%q) = %v", text, err)
		}
		for range 5 {
			name, a := rapid.SampledFrom([]string{"name", "a", "é", "Name"}).Draw(t, "name"), drawAttributes(t)
			if got, want := q.Matches(name, a), e.holds(name, a); got != want {
				t.Fatalf("%q is %v for %q with %s, want %v", text, got, name, EncodeProperties(a), want)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add(`(attributes.kind = "press" or attributes.kind in ['oven', 'saw']) and attributes.hall >= -4 and authenticationName <> "x"`)
	f.Add(`attributes.a =`)
	f.Add(strings.Repeat("(", 40))
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuery(text)
		if err != nil {
			if e, ok := errors.AsType[*QueryError](err); !ok || e.Column < 1 || e.Column > len(text)+1 {
				t.Errorf("ParseQuery(%q) = %v", text, err)
			}
			return
		}
		a := Attributes{"a": Integer(1), "kind": Text("press"), "l": List("press")}
		in := q.Matches("x", a)
		again, err := ParseQuery("( " + text + " )")
		if err == nil && again.Matches("x", a) != in {
			t.Errorf("%q and the same in parentheses differ", text)
		}
		if err != nil && !strings.Contains(err.Error(), fmt.Sprint(maxQueryDepth)) && len(text)+4 <= MaxQuery {
			t.Errorf("%q can be read, in parentheses not: %v", text, err)
		}
	})
}
