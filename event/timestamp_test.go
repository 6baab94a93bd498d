package event

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseTimestamp(t *testing.T) { // section 5.2; RFC 3339, section 5.6
	tests := map[string]Timestamp{
		"2026-03-02T07:41:09Z":                  "2026-03-02T07:41:09Z",
		"2026-03-02t07:41:09z":                  "2026-03-02T07:41:09Z",
		"2026-03-02T07:41:09.5531207Z":          "2026-03-02T07:41:09.5531207Z",
		"2026-03-02T07:41:09.500Z":              "2026-03-02T07:41:09.500Z",
		"2026-03-02T07:41:09.1234567890Z":       "2026-03-02T07:41:09.123456789Z",
		"2026-03-02t07:41:09.12345678901+02:00": "2026-03-02T07:41:09.123456789+02:00",
		"2026-03-02T07:41:09-00:00":             "2026-03-02T07:41:09-00:00",
		"2024-02-29T00:00:00+23:59":             "2024-02-29T00:00:00+23:59",
		"2000-02-29T23:59:59Z":                  "2000-02-29T23:59:59Z",
		"0001-01-01T00:00:00Z":                  "0001-01-01T00:00:00Z",
		"1900-02-29T00:00:00Z":                  "",
		"2023-02-29T00:00:00Z":                  "",
		"2026-04-31T00:00:00Z":                  "",
		"2026-13-01T00:00:00Z":                  "",
		"2026-00-01T00:00:00Z":                  "",
		"2026-01-00T00:00:00Z":                  "",
		"2026-01-01T24:00:00Z":                  "",
		"2026-01-01T00:60:00Z":                  "",
		"2016-12-31T23:59:60Z":                  "",
		"2026-01-01 00:00:00Z":                  "",
		"2026-01-01T00:00:00":                   "",
		"2026-01-01T00:00:00.Z":                 "",
		"2026-01-01T00:00:00,5Z":                "",
		"2026-01-01T00:00:00+0200":              "",
		"2026-01-01T00:00:00+02":                "",
		"2026-01-01T00:00:00+24:00":             "",
		"2026-01-01T00:00:00+00:60":             "",
		"2026-01-01T00:00:00ZZ":                 "",
		"2026-1-1T00:00:00Z":                    "",
		"20260101T000000Z":                      "",
		"":                                      "",
		"2026-01-01T00:00:0٣Z":                  "",
		"+026-01-01T00:00:00Z":                  "",
	}
	for in, want := range tests {
		got, err := ParseTimestamp(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseTimestamp(%q) = %q, %v, want %q", in, got, err, want)
		}
		if again, err := ParseTimestamp(string(got)); err == nil && again != got {
			t.Errorf("%q changes to %q when it is read again", got, again)
		}
	}
}

// What we pass, Go's clients can read, at the same instant.
func TestTimestampOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns"))
		at = at.In(time.FixedZone("", 60*rapid.IntRange(-1439, 1439).Draw(t, "zone")))
		ours := TimestampOf(at)
		if again, err := ParseTimestamp(string(ours)); err != nil || again != ours || !ours.Time().Equal(at) {
			t.Fatalf("%v is %q, read %q %v", at, ours, again, err)
		}
		text := at.Format("2006-01-02T15:04:05.000000000Z07:00")
		if at.Year() < 0 || at.Year() > 9999 {
			return
		}
		theirs, err := ParseTimestamp(text)
		if err != nil || !theirs.Time().Equal(at) {
			t.Fatalf("%q reads as %q, %v", text, theirs, err)
		}
	})
}
