package topic

import "strings"

const sharePrefix = "$share/"

// ParseShare takes a shared filter "$share/group/filter" apart. A filter that
// does not start with "$share/" comes back whole, with shared false.
//
// The error is [ErrShareName] for a share name that is empty or contains a
// wildcard, and [ErrEmpty] when no filter follows it. Whether the filter itself
// is valid is for [ValidFilter] to say; [CheckFilter] does both.
func ParseShare(f string) (group, filter string, shared bool, err error) {
	rest, shared := strings.CutPrefix(f, sharePrefix)
	if !shared {
		return "", f, false, nil
	}
	group, filter, _ = cut(rest)
	switch {
	case group == "" || strings.ContainsAny(group, "+#"): // [MQTT-4.8.2-1], [MQTT-4.8.2-2]
		return "", "", true, ErrShareName
	case filter == "": // [MQTT-4.8.2-2]: the share name is followed by '/' and a filter
		return "", "", true, ErrEmpty
	}
	return group, filter, true, nil
}

// CheckFilter says whether f, shared or not, may stand in a SUBSCRIBE.
func CheckFilter(f string) error {
	if len(f) > MaxLength {
		return ErrTooLong
	}
	group, filter, shared, err := ParseShare(f)
	if err != nil {
		return err
	}
	if shared {
		if err := validText(group); err != nil {
			return err
		}
	}
	return ValidFilter(filter)
}
