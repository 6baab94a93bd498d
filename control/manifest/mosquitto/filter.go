package mosquitto

import (
	"strings"

	"gridmq/topic"
)

// meet is the filter of all topics that two filters have in common, if there are any.
// It is one filter always: level by level the narrower of the two.
func meet(a, b string) (filter string, ok bool) {
	if (a[0] == '$') != (b[0] == '$') {
		return "", false // [MQTT-4.7.2-1]
	}
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	var both []string
	for i := 0; ; i++ {
		switch {
		case i == len(x) && i == len(y):
			return strings.Join(both, "/"), true
		case i < len(x) && x[i] == "#":
			return strings.Join(append(both, y[min(i, len(y)):]...), "/"), true
		case i < len(y) && y[i] == "#":
			return strings.Join(append(both, x[min(i, len(x)):]...), "/"), true
		case i == len(x) || i == len(y):
			return "", false
		case x[i] == "+":
			both = append(both, y[i])
		case y[i] == "+" || x[i] == y[i]:
			both = append(both, x[i])
		default:
			return "", false
		}
	}
}

// overlaps says whether a topic matches both.
func overlaps(a, b string) bool {
	_, ok := meet(a, b)
	return ok
}

// The names of variables in patterns.
const (
	userVariable   = "%u"
	clientVariable = "%c"
)

// ourVariable stands for %u in templates.
var ourVariable = topic.AuthenticationName.String()

// filled is a pattern for one user.
func filled(pattern, user string) string { return strings.ReplaceAll(pattern, userVariable, user) }

// widest is what a filter with %c may be for any client id, which may have slashes: all
// that follows it, or begins before it.
func widest(filter string) string {
	if at := strings.Index(filter, clientVariable); at >= 0 {
		return filter[:strings.LastIndex(filter[:at], "/")+1] + "#"
	}
	return filter
}

// templateOf is the topic template that matches what a filter does, in which variables
// are marked by %u if it is a pattern. why says why there is none.
func templateOf(filter string, pattern bool) (template, why string) {
	template = filter
	if strings.Contains(filter, "${") {
		return "", "a topic with ${ in it cannot be a topic template, where that is a variable"
	}
	if strings.HasPrefix(filter, "$") && !topic.IsSystem(filter) {
		return "", "no topic template opens topics that begin with $, other than those of $SYS/"
	}
	if pattern {
		template = strings.ReplaceAll(filter, userVariable, ourVariable)
	}
	if _, err := topic.ParseTemplate(template); err != nil {
		return "", "it cannot be a topic template: " + err.Error()
	}
	return template, ""
}
