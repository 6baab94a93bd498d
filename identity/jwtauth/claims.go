package jwtauth

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// claims are members of a token's header or claims, undecoded. Names are exact:
// "Sub" is not "sub".
type claims map[string]json.RawMessage

// text returns a string that must be there and not be empty.
func (c claims) text(name string) (string, error) {
	s, err := c.optional(name)
	if err == nil && s == "" {
		return "", fmt.Errorf("claim %q is missing", name)
	}
	return s, err
}

// optional returns a string, or "" when there is none.
func (c claims) optional(name string) (string, error) {
	raw, given := c[name]
	if !given {
		return "", nil
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", fmt.Errorf("claim %q: want a string", name)
	}
	return *s, nil
}

// texts returns a string or an array of strings as a list.
func (c claims) texts(name string) ([]string, error) {
	raw, given := c.lookup(name)
	if !given {
		return nil, nil
	}
	if s := ""; raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return []string{s}, nil
	}
	var read []*string
	if raw[0] != '[' || json.Unmarshal(raw, &read) != nil {
		return nil, fmt.Errorf("claim %q: want a string or an array of strings", name)
	}
	list := make([]string, len(read))
	for i, s := range read {
		if s == nil {
			return nil, fmt.Errorf("claim %q: want a string or an array of strings", name)
		}
		list[i] = *s
	}
	return list, nil
}

// lookup finds a claim, or what a path such as /realm_access/roles leads to.
func (c claims) lookup(name string) (json.RawMessage, bool) {
	if raw, given := c[name]; given {
		return raw, true
	}
	first, rest, deeper := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	if !strings.HasPrefix(name, "/") {
		return nil, false
	}
	raw, given := c[first]
	if !given || !deeper {
		return raw, given
	}
	var inner claims
	if json.Unmarshal(raw, &inner) != nil {
		return nil, false
	}
	return inner.lookup("/" + rest)
}

// endOfTime is the last second of the year 9999: beyond it, dates are a mistake.
const endOfTime = 253402300799

// instant returns a NumericDate: seconds since 1970, which may have a fraction
// (RFC 7519, section 2).
func (c claims) instant(name string) (t time.Time, given bool, err error) {
	raw, given := c[name]
	if !given {
		return t, false, nil
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil && n >= 0 && n <= endOfTime {
		return time.Unix(n, 0), true, nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > endOfTime {
		return t, true, fmt.Errorf("claim %q: want seconds since 1970", name)
	}
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(part*1e9)), true, nil
}
