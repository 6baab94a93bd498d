package sas

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// layouts are what producers write: the .NET samples and the JavaScript library
// (US English), Python's isoformat and str, others. Without a zone it is UTC. A
// fraction of a second is taken everywhere.
var layouts = []string{
	"1/2/2006 3:04:05 PM",
	time.RFC3339,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
	"2006-01-02 15:04:05Z07:00",
}

// spaces are what US English has before AM and PM in newer libraries, and the comma
// that browsers put after the date.
var spaces = strings.NewReplacer("\u202f", " ", "\u00a0", " ", ", ", " ")

func readExpiry(text string) (time.Time, error) {
	text = spaces.Replace(text)
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t.UTC(), nil
		}
	}
	const farthest = 1 << 36 // in the year 4147: before, no arithmetic goes wrong
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds >= 0 && seconds < farthest {
		return time.Unix(seconds, 0).UTC(), nil
	}
	return time.Time{}, errors.New("e of the shared access signature must be a time in UTC, as 2030-01-02T03:04:05Z or 1/2/2030 3:04:05 AM")
}
