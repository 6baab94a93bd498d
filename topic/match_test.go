package topic

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestValid(t *testing.T) {
	long := strings.Repeat("x", MaxLength)
	tests := map[string]struct{ name, filter error }{
		"a":              {nil, nil},
		"/":              {nil, nil},
		"//":             {nil, nil},
		"a b/ü":          {nil, nil},
		"\ufeff/\u0001":  {nil, nil}, // [MQTT-1.5.4-3], control characters
		"$SYS/x":         {nil, nil},
		"":               {ErrEmpty, ErrEmpty},
		"a\x00b":         {ErrNUL, ErrNUL},
		"\xff":           {ErrUTF8, ErrUTF8},
		"\xed\xa0\x80":   {ErrUTF8, ErrUTF8}, // a surrogate
		long:             {nil, nil},
		long + "x":       {ErrTooLong, ErrTooLong},
		"+":              {ErrWildcard, nil},
		"#":              {ErrWildcard, nil},
		"/#":             {ErrWildcard, nil},
		"/+":             {ErrWildcard, nil},
		"+/":             {ErrWildcard, nil},
		"+/+/#":          {ErrWildcard, nil},
		"a/+/b":          {ErrWildcard, nil},
		"a/#":            {ErrWildcard, nil},
		"a#":             {ErrWildcard, ErrHash},
		"a/b#":           {ErrWildcard, ErrHash},
		"#/":             {ErrWildcard, ErrHash},
		"a/#/b":          {ErrWildcard, ErrHash},
		"##":             {ErrWildcard, ErrHash},
		"#/#":            {ErrWildcard, ErrHash},
		"a+":             {ErrWildcard, ErrPlus},
		"+a":             {ErrWildcard, ErrPlus},
		"a/+b/c":         {ErrWildcard, ErrPlus},
		"++":             {ErrWildcard, ErrPlus},
		"+/++":           {ErrWildcard, ErrPlus},
		"+#":             {ErrWildcard, ErrHash},
		"+/a+/+":         {ErrWildcard, ErrPlus},
		"sport/tennis/+": {ErrWildcard, nil},
	}
	for s, want := range tests {
		shown := s[:min(len(s), 20)]
		if got := ValidName(s); !errors.Is(got, want.name) {
			t.Errorf("ValidName(%q) = %v, want %v", shown, got, want.name)
		}
		if got := ValidFilter(s); !errors.Is(got, want.filter) {
			t.Errorf("ValidFilter(%q) = %v, want %v", shown, got, want.filter)
		}
	}
}

func TestParseShare(t *testing.T) {
	tests := map[string]struct {
		group, filter string
		shared        bool
		err           error
	}{
		"a/b":             {"", "a/b", false, nil},
		"$share":          {"", "$share", false, nil},
		"$shared/g/f":     {"", "$shared/g/f", false, nil},
		"$SHARE/g/f":      {"", "$SHARE/g/f", false, nil},
		"$share/g/f":      {"g", "f", true, nil},
		"$share/g/#":      {"g", "#", true, nil},
		"$share/g//":      {"g", "/", true, nil},
		"$share/g/a/+/b":  {"g", "a/+/b", true, nil},
		"$share/$g/$SYS":  {"$g", "$SYS", true, nil},
		"$share/":         {"", "", true, ErrShareName},
		"$share//f":       {"", "", true, ErrShareName}, // [MQTT-4.8.2-1]
		"$share/g+/f":     {"", "", true, ErrShareName}, // [MQTT-4.8.2-2]
		"$share/#/f":      {"", "", true, ErrShareName},
		"$share/+":        {"", "", true, ErrShareName},
		"$share/g":        {"", "", true, ErrEmpty},
		"$share/g/":       {"", "", true, ErrEmpty},
		"$share/g/a/#/b":  {"g", "a/#/b", true, nil}, // for ValidFilter to refuse
		"$share/g/$share": {"g", "$share", true, nil},
	}
	for f, want := range tests {
		group, filter, shared, err := ParseShare(f)
		if group != want.group || filter != want.filter || shared != want.shared || !errors.Is(err, want.err) {
			t.Errorf("ParseShare(%q) = %q, %q, %v, %v; want %+v", f, group, filter, shared, err, want)
		}
	}
	for f, want := range map[string]error{
		"a/+": nil, "$share/g/a/+": nil, "$share/g/a/#/b": ErrHash, "$share/g": ErrEmpty, "": ErrEmpty,
		"$share/\x00/f": ErrNUL, "$share/\xff/f": ErrUTF8, "$share//f": ErrShareName, "a#": ErrHash,
		"$share/g/" + strings.Repeat("x", MaxLength-9): nil, "$share/g/" + strings.Repeat("x", MaxLength-8): ErrTooLong,
	} {
		if got := CheckFilter(f); !errors.Is(got, want) {
			t.Errorf("CheckFilter(%.20q) = %v, want %v", f, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		filter, name string
		want         bool
	}{
		// the examples of section 4.7.1
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/#", "sport", true},
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		// section 4.7.2
		{"#", "$SYS/uptime", false},
		{"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"+", "$SYS", false},
		{"+/#", "$SYS", false},
		{"$SYS/#", "$SYS/uptime", true},
		{"$SYS/#", "$SYS", true},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
		{"$SYS/+/#", "$SYS", false},
		{"a/+", "a/$b", true}, // only the first level is special
		// section 4.7.3
		{"ACCOUNTS", "Accounts", false},
		{"/finance", "finance", false},
		{"a/", "a", false},
		{"a", "a/", false},
		{"a//b", "a//b", true},
		{"a/+/b", "a//b", true},
		{"#", "/", true},
		{"+/#", "a", true},
		{"+/+/#", "a", false},
		{"a/b", "a/bc", false},
		{"a/bc", "a/b", false},
	}
	for _, tt := range tests {
		if got := Match(tt.filter, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) = %v, want %v", tt.filter, tt.name, got, tt.want)
		}
	}
}

// slowMatch is Match by the book: split both, then compare level by level.
func slowMatch(filter, name string) bool {
	want, have := strings.Split(filter, "/"), strings.Split(name, "/")
	if strings.HasPrefix(name, "$") && (want[0] == "#" && len(want) == 1 || want[0] == "+") {
		return false
	}
	if last := len(want) - 1; want[last] == "#" {
		want = want[:last]
		if len(have) < len(want) {
			return false
		}
		have = have[:len(want)]
	}
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != "+" && want[i] != have[i] {
			return false
		}
	}
	return true
}

// everyString returns all strings of 1 to depth levels from the alphabet.
func everyString(depth int, alphabet ...string) []string {
	all, last := []string(nil), []string{""}
	for d := range depth {
		var now []string
		for _, s := range last {
			for _, level := range alphabet {
				if d > 0 {
					level = s + "/" + level
				}
				now = append(now, level)
			}
		}
		all, last = append(all, now...), now
	}
	return all
}

func validOnly(all []string, valid func(string) error) (kept []string) {
	for _, s := range all {
		if valid(s) == nil {
			kept = append(kept, s)
		}
	}
	return kept
}

func TestMatchAgreesWithSplitting(t *testing.T) {
	names := validOnly(everyString(4, "", "a", "$"), ValidName)
	for _, f := range validOnly(everyString(4, "", "a", "$", "+", "#"), ValidFilter) {
		for _, n := range names {
			if got, want := Match(f, n), slowMatch(f, n); got != want {
				t.Fatalf("Match(%q, %q) = %v, want %v", f, n, got, want)
			}
		}
	}
}

// Names one level deeper than the filters, with a level that is in no filter, are
// enough to tell any two of these filters apart.
func TestCoversAgreesWithBruteForce(t *testing.T) {
	filters := validOnly(everyString(3, "", "a", "$", "+", "#"), ValidFilter)
	names := validOnly(everyString(4, "", "a", "$", "z", "$z"), ValidName)
	matched := make([]map[int]bool, len(filters))
	for i, f := range filters {
		matched[i] = map[int]bool{}
		for j, n := range names {
			if slowMatch(f, n) {
				matched[i][j] = true
			}
		}
	}
	covered := 0
	for i, a := range filters {
		for j, b := range filters {
			want := true
			for n := range matched[j] {
				want = want && matched[i][n]
			}
			if got := Covers(a, b); got != want {
				t.Errorf("Covers(%q, %q) = %v, want %v", a, b, got, want)
			}
			if want {
				covered++
			}
		}
	}
	if covered <= len(filters) {
		t.Errorf("%d pairs of %d filters are covered; the test is idle", covered, len(filters))
	}
}

func TestHasWildcard(t *testing.T) {
	for f, want := range map[string]bool{"a/b": false, "a/+/b": true, "#": true, "a/#": true, "+": true, "a+/#b": false, "": false, "$share/+": true} {
		if got := HasWildcard(f); got != want {
			t.Errorf("HasWildcard(%q) = %v, want %v", f, got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a/+/#", "a/b/c")
	f.Add("#", "$SYS")
	f.Add("+/#", "/")
	f.Add("a#/+b/#/c", "a#/+b/#/c")
	f.Fuzz(func(t *testing.T, filter, name string) {
		want := slowMatch(filter, name)
		if got := Match(filter, name); got != want {
			t.Errorf("Match(%q, %q) = %v, splitting says %v", filter, name, got, want)
		}
		var ix Index[int]
		ix.Add(filter, 1)
		if got := len(ix.AppendMatches(nil, name)) == 1; got != want {
			t.Errorf("Index with %q finds %q: %v, splitting says %v", filter, name, got, want)
		}
		if ix.Remove(filter, 1); ix.table.dir.Load() != nil || !ix.root.empty() {
			t.Errorf("Index kept places after %q was removed", filter)
		}
		if !Covers(filter, filter) || want && !HasWildcard(filter) && filter != name {
			t.Errorf("Covers or HasWildcard is wrong about %q, which matches %q: %v", filter, name, want)
		}
	})
}

func FuzzValid(f *testing.F) {
	for _, s := range []string{"", "a/+/#", "$share/g/f", "a\x00", "+a", "\xff", "$share//#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		wild, bad := false, s == "" || len(s) > 65535 || strings.Contains(s, "\x00") || strings.ToValidUTF8(s, "") != s
		badFilter := bad
		levels := strings.Split(s, "/")
		for i, level := range levels {
			wild = wild || strings.ContainsAny(level, "+#")
			if strings.Contains(level, "#") && (level != "#" || i < len(levels)-1) || strings.Contains(level, "+") && level != "+" {
				badFilter = true
			}
		}
		if got := ValidName(s); (got != nil) != (bad || wild) {
			t.Errorf("ValidName(%q) = %v", s, got)
		}
		if got := ValidFilter(s); (got != nil) != badFilter {
			t.Errorf("ValidFilter(%q) = %v", s, got)
		}
		if got := Levels(s); got != len(levels) {
			t.Errorf("Levels(%q) = %d, want %d", s, got, len(levels))
		}
		group, filter, shared, err := ParseShare(s)
		switch {
		case !shared && (err != nil || filter != s || strings.HasPrefix(s, "$share/")):
			t.Errorf("ParseShare(%q) = %q, %q, not shared, %v", s, group, filter, err)
		case shared && err == nil && ("$share/"+group+"/"+filter != s || group == "" || filter == "" || strings.ContainsAny(group, "/+#")):
			t.Errorf("ParseShare(%q) = %q, %q, shared", s, group, filter)
		case shared && err != nil && len(levels) > 2 && levels[1] != "" && !strings.ContainsAny(levels[1], "+#") && strings.Join(levels[2:], "/") != "":
			t.Errorf("ParseShare(%q) = %v", s, err)
		}
	})
}

// levelsOf draws names or filters of few levels from a small alphabet, so that
// they meet.
func levelsOf(alphabet ...string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 1, 5).Draw(t, "levels"), "/")
	})
}

var (
	someNames   = levelsOf("", "a", "b", "c", "a!", "$a").Filter(func(s string) bool { return s != "" })
	someFilters = levelsOf("", "a", "b", "c", "a!", "$a", "+", "+", "#").Filter(func(s string) bool { return ValidFilter(s) == nil })
)
