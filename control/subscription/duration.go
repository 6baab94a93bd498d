package subscription

import (
	"errors"
	"strings"
	"time"
)

// errDuration says what a duration looks like.
var errDuration = errors.New("want an ISO 8601 duration such as P1D or PT12H30M")

// errYears: how long they are depends on when they begin.
var errYears = errors.New("cannot have years or months, which are not all of one length; want days, as in P30D")

const maxDuration = 64 // characters

// A part is one place of a duration: how long one of it is.
type part struct {
	letter byte
	length time.Duration // 0: only none of it
}

const day = 24 * time.Hour

var (
	dateParts = []part{{'Y', 0}, {'M', 0}, {'W', 7 * day}, {'D', day}}
	timeParts = []part{{'H', time.Hour}, {'M', time.Minute}, {'S', time.Second}}
)

// parseDuration reads an ISO 8601 duration. Weeks may stand beside days, and only
// seconds have a fraction.
func parseDuration(s string) (time.Duration, error) {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" || len(s) > maxDuration {
		return 0, errDuration
	}
	date, clock, timed := strings.Cut(rest, "T")
	if timed && clock == "" {
		return 0, errDuration
	}
	total, err := sum(date, dateParts)
	if err != nil {
		return 0, err
	}
	more, err := sum(clock, timeParts)
	return total + more, err
}

// sum adds numbers with the letters of parts, in their order.
func sum(s string, parts []part) (total time.Duration, err error) {
	for s != "" {
		n := 0
		for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.') {
			n++
		}
		if n == 0 || n == len(s) {
			return 0, errDuration
		}
		number, letter := s[:n], s[n]
		s = s[n+1:]
		for len(parts) > 0 && parts[0].letter != letter {
			parts = parts[1:]
		}
		if len(parts) == 0 {
			return 0, errDuration
		}
		d, err := times(number, parts[0])
		if err != nil {
			return 0, err
		}
		total += d
		parts = parts[1:]
	}
	return total, nil
}

// longest bounds each part, so that their sum cannot run over.
const longest = 40 * 365 * day

// times is how long number of a part are.
func times(number string, p part) (time.Duration, error) {
	whole, fraction, broken := strings.Cut(number, ".")
	if whole == "" || broken && (p.letter != 'S' || fraction == "" || len(fraction) > 9 || strings.Contains(fraction, ".")) {
		return 0, errDuration
	}
	var n int64
	for _, c := range []byte(whole) {
		if n = n*10 + int64(c-'0'); n > 10_000_000 {
			return 0, errDuration
		}
	}
	if p.length == 0 {
		if n != 0 {
			return 0, errYears
		}
		return 0, nil
	}
	if n > int64(longest/p.length) {
		return 0, errDuration
	}
	d := time.Duration(n) * p.length
	unit := time.Second
	for _, c := range []byte(fraction) {
		unit /= 10
		d += time.Duration(c-'0') * unit
	}
	return d, nil
}
