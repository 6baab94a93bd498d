package control

import (
	"net/http"
	"net/url"
	"strings"
)

const (
	maxPath     = 8 << 10 // bytes
	maxSegments = 32
)

// segments splits a path as it was sent: empty segments go, each is decoded once,
// so that a name may have a slash in it (%2F).
func segments(escaped string) ([]string, *Error) {
	if len(escaped) > maxPath {
		return nil, refuse(http.StatusBadRequest, codeInvalid, "The path is longer than %d bytes.", maxPath)
	}
	var list []string
	for part := range strings.SplitSeq(escaped, "/") {
		if part == "" {
			continue
		}
		text, err := url.PathUnescape(part)
		if err != nil || strings.ContainsFunc(text, isControl) || strings.ToValidUTF8(text, "") != text {
			return nil, refuse(http.StatusBadRequest, codeInvalid, "The path has a segment that is not text.")
		}
		if list = append(list, text); len(list) > maxSegments {
			return nil, refuse(http.StatusBadRequest, codeInvalid, "The path has more than %d segments.", maxSegments)
		}
	}
	return list, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// A path is walked from its beginning.
type path []string

// is says whether the next segments are these words, in any case.
func (p path) is(words ...string) bool {
	if len(p) < len(words) {
		return false
	}
	for i, w := range words {
		if !strings.EqualFold(p[i], w) {
			return false
		}
	}
	return true
}

// plain says whether no segment has a slash: only client identifiers may.
func (p path) plain() bool {
	for _, s := range p {
		if strings.Contains(s, "/") {
			return false
		}
	}
	return true
}

// query reads parameters: names ignore case, the first value counts.
func query(raw string) (map[string]string, *Error) {
	values, err := url.ParseQuery(raw)
	if err != nil || len(raw) > maxPath {
		return nil, refuse(http.StatusBadRequest, codeInvalid, "The query cannot be read.")
	}
	q := map[string]string{}
	for name, list := range values {
		low := strings.ToLower(name)
		if _, twice := q[low]; twice {
			return nil, refuse(http.StatusBadRequest, codeInvalid, "Parameter %q is given twice.", low).at(low)
		}
		q[low] = list[0]
	}
	return q, nil
}
