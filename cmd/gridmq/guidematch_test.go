package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// What differs from run to run becomes the same: instants, spans of time, sizes, long
// random names, and numbers of more than one digit. The order matters.
var varying = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)`), "<instant>"},
	{regexp.MustCompile(`\b\d{8}T\d{6}(?:\.\d+)?Z?\b`), "<instant>"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d\.\d+`), "<instant>"},
	{regexp.MustCompile(`\b\d+(?:\.\d+)? (?:B|[KMG]iB)\b`), "<size>"},
	{regexp.MustCompile(`\b\d+ files\b`), "<files>"},
	{regexp.MustCompile(`\b(?:\d+(?:\.\d+)?(?:h|ms|m|µs|s))+\b`), "<span>"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b`), "<id>"},
	{regexp.MustCompile(`\b[0-9A-Fa-f]{12,}\b`), "<id>"},
	{regexp.MustCompile(`\bgridmq (?:v?\d[^ ,]*|[0-9a-f]{7,}\S*|unknown|dev)`), "gridmq <version>"},
	{regexp.MustCompile(`\d{2,}`), "<number>"},
}

func steady(line string) string {
	for _, v := range varying {
		line = v.pattern.ReplaceAllString(line, v.as)
	}
	return strings.Join(strings.Fields(line), " ")
}

// differs compares what a command printed with what the page says: "..." alone is any
// lines, at the end of a line its rest. It is "" when they agree.
func differs(got, want []string) string {
	if len(want) == 0 || strings.TrimSpace(want[0]) != "..." {
		switch {
		case len(want) == 0 && len(got) == 0:
			return ""
		case len(want) == 0:
			return fmt.Sprintf("it also prints %q", got[0])
		case len(got) == 0:
			return fmt.Sprintf("it does not print %q", want[0])
		}
		if !sameLine(got[0], want[0]) {
			return fmt.Sprintf("it prints %q, not %q", got[0], want[0])
		}
		return differs(got[1:], want[1:])
	}
	for skip := range len(got) + 1 {
		if differs(got[skip:], want[1:]) == "" {
			return ""
		}
	}
	return fmt.Sprintf("nothing that it prints is %q", want[1])
}

func sameLine(got, want string) bool {
	if begin, cut := strings.CutSuffix(want, "..."); cut {
		return strings.HasPrefix(steady(got), steady(begin))
	}
	return steady(got) == steady(want)
}

// A comparison that accepts everything would prove nothing.
func TestGuideOutput(t *testing.T) {
	tests := map[string]struct {
		got, want string
		same      bool
	}{
		"equal":                 {"a 1\nb", "a 1\nb", true},
		"a digit counts":        {"2 damaged records", "1 damaged records", false},
		"columns may be wider":  {"ID     NAME", "ID   NAME", true},
		"a time, a span":        {"2026-11-29T08:53:45Z (1h12m9s ago)", "2026-01-02T08:53:45.1Z (3s ago)", true},
		"sizes":                 {"26 files, 13.5 MiB", "9 files, 612 B", true},
		"a word":                {"away", "online", false},
		"more":                  {"a\nb", "a", false},
		"less":                  {"a", "a\nb", false},
		"left out":              {"a\nb\nc\nd", "a\n...\nd", true},
		"left out, and missing": {"a\nb\nc", "a\n...\nd", false},
		"left out at the end":   {"a\nb\nc", "a\n...", true},
		"the rest of a line":    {"refused: because", "refused...", true},
		"the rest of another":   {"granted: because", "refused...", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if why := differs(strings.Split(tt.got, "\n"), strings.Split(tt.want, "\n")); (why == "") != tt.same {
				t.Errorf("%q against %q: %q, want the same: %t", tt.got, tt.want, why, tt.same)
			}
		})
	}
}
