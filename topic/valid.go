package topic

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxLength is the length in bytes that a name or filter may have, since its
// length travels in two bytes [MQTT-4.7.3-3].
const MaxLength = 65535

// What can be wrong with a name, a filter or a share name.
var (
	ErrEmpty     = errors.New("topic: empty")                                           // [MQTT-4.7.3-1]
	ErrTooLong   = errors.New("topic: longer than 65,535 bytes")                        // [MQTT-4.7.3-3]
	ErrNUL       = errors.New("topic: contains U+0000")                                 // [MQTT-4.7.3-2]
	ErrUTF8      = errors.New("topic: not UTF-8")                                       // [MQTT-1.5.4-1]
	ErrWildcard  = errors.New("topic: wildcard in a topic name")                        // [MQTT-4.7.0-1]
	ErrHash      = errors.New("topic: '#' is not the whole last level")                 // [MQTT-4.7.1-1]
	ErrPlus      = errors.New("topic: '+' is not a whole level")                        // [MQTT-4.7.1-2]
	ErrShareName = errors.New("topic: share name is empty or contains '/', '+' or '#'") // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
)

// ValidName says whether s can be published to: nil, or one of the errors above.
func ValidName(s string) error {
	if err := validText(s); err != nil {
		return err
	}
	if strings.IndexByte(s, '+') >= 0 || strings.IndexByte(s, '#') >= 0 {
		return ErrWildcard
	}
	return nil
}

// ValidFilter says whether s can be subscribed to: nil, or one of the errors
// above. A shared filter is taken apart by [ParseShare] first.
func ValidFilter(s string) error {
	if err := validText(s); err != nil {
		return err
	}
	if i := strings.IndexByte(s, '#'); i >= 0 && (i != len(s)-1 || i > 0 && s[i-1] != '/') {
		return ErrHash
	}
	for i := 0; i < len(s); i++ {
		next := strings.IndexByte(s[i:], '+')
		if next < 0 {
			break
		}
		i += next
		if i > 0 && s[i-1] != '/' || i+1 < len(s) && s[i+1] != '/' {
			return ErrPlus
		}
	}
	return nil
}

// validText checks what names and filters have in common.
func validText(s string) error {
	switch {
	case s == "":
		return ErrEmpty
	case len(s) > MaxLength:
		return ErrTooLong
	case strings.IndexByte(s, 0) >= 0:
		return ErrNUL
	case !utf8.ValidString(s):
		return ErrUTF8
	}
	return nil
}

// Levels is the number of levels of a name or filter: one more than it has '/'.
func Levels(s string) int { return strings.Count(s, "/") + 1 }

// cut splits s at its first '/'; more says whether there was one.
func cut(s string) (level, rest string, more bool) {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// System is the first level of what the broker tells of itself.
const System = "$SYS"

// IsSystem says whether a name or filter is of those topics.
func IsSystem(s string) bool {
	return strings.HasPrefix(s, System) && (len(s) == len(System) || s[len(System)] == '/')
}

// isDollar says whether name is one that a leading wildcard must not match
// [MQTT-4.7.2-1].
func isDollar(name string) bool { return name != "" && name[0] == '$' }
