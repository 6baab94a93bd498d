package gateway

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxQuery bounds a query string.
const maxQuery = 16 << 10

// A query is a query string that was taken apart, not yet decoded: whoever wants a
// value says how.
type query []parameter

type parameter struct{ name, value string } // name in lower case

func parseQuery(raw string) (query, *Error) {
	if len(raw) > maxQuery {
		return nil, badRequest("The query string is longer than %d bytes.", maxQuery)
	}
	var q query
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(name); err == nil && name != "" {
			q = append(q, parameter{strings.ToLower(decoded), value})
		}
	}
	return q, nil
}

// raw is the value of a parameter as it was sent.
func (q query) raw(name string) (value string, given bool) {
	i := slices.IndexFunc(q, func(p parameter) bool { return p.name == strings.ToLower(name) })
	if i < 0 {
		return "", false
	}
	return q[i].value, true
}

// text is the value of a parameter, of which there may be one.
func (q query) text(name string) (value string, given bool, bad *Error) {
	for _, p := range q {
		if p.name != strings.ToLower(name) {
			continue
		}
		if given {
			return "", false, badRequest("The query parameter `%s` is there more than once.", name)
		}
		given = true
		var err error
		if value, err = url.QueryUnescape(p.value); err != nil {
			return "", false, badRequest("The query parameter `%s` is not percent-encoded.", name)
		}
	}
	return value, given, nil
}

// number is a whole number within bounds, or the default.
func (q query) number(name string, least, most, usual int) (int, *Error) {
	text, given, bad := q.text(name)
	if bad != nil || !given {
		return usual, bad
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, badRequest("The query parameter `%s` must be a whole number from %d to %d.", name, least, most)
	}
	return n, nil
}
