package event

import "time"

// A Timestamp is an instant as RFC 3339 text in the form that is stored: capital T
// and Z, at most nine digits of fraction, no second 60 (section 5.2). The text is
// kept, since filters compare it and consumers may show it. "" is absent.
type Timestamp string

// TimestampOf is t in UTC. Years beyond 9999 cannot be written and are absent.
func TimestampOf(t time.Time) Timestamp {
	t = t.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return ""
	}
	return Timestamp(t.Format(time.RFC3339Nano))
}

// Time is the instant; the zero time if t is absent.
func (t Timestamp) Time() time.Time {
	at, err := time.Parse(time.RFC3339Nano, string(t))
	if err != nil {
		return time.Time{}
	}
	return at
}

const badTime = "must be a time as RFC 3339 has it, with a zone, such as 2026-03-02T07:41:09.5Z"

// ParseTimestamp reads s and brings it into the form that is stored.
func ParseTimestamp(s string) (Timestamp, error) {
	end, normal := scanTime(s)
	switch {
	case end < 0:
		return "", invalid("time", badTime)
	case normal:
		return Timestamp(s), nil
	}
	b := append(make([]byte, 0, len("2006-01-02T15:04:05.999999999+00:00")), s[:min(end, 29)]...)
	b[10] = 'T'
	if zone := s[end:]; zone == "z" {
		b = append(b, 'Z')
	} else {
		b = append(b, zone...)
	}
	return Timestamp(b), nil
}

// scanTime returns where the zone of s begins, and whether s is in the form that is
// stored; below 0 if it is not a time. time.Parse takes more than RFC 3339 does (a
// comma, for one) and allocates for zones.
func scanTime(s string) (zone int, normal bool) {
	if len(s) < 20 || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return -1, false
	}
	year, month, day := digits(s[0:4]), digits(s[5:7]), digits(s[8:10])
	if year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return -1, false
	}
	if !within(s[11:13], 23) || !within(s[14:16], 59) || !within(s[17:19], 59) {
		return -1, false
	}
	zone = 19
	if s[zone] == '.' {
		for zone++; zone < len(s) && '0' <= s[zone] && s[zone] <= '9'; zone++ {
		}
		if zone == 20 {
			return -1, false
		}
	}
	normal = s[10] == 'T' && zone <= 29
	switch rest := s[zone:]; {
	case rest == "Z":
		return zone, normal
	case rest == "z":
		return zone, false
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':' && within(rest[1:3], 23) && within(rest[4:], 59):
		return zone, normal
	}
	return -1, false
}

func within(s string, most int) bool {
	n := digits(s)
	return 0 <= n && n <= most
}

// digits is the number s, -1 if it has anything but digits.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
