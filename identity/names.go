package identity

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the number of characters that a client name and an authentication
// name may have.
const MaxName = 128

// CheckName says whether name may be that of a group, a topic space, a binding or
// a CA certificate: 3 to 50 letters, digits and hyphens. The error is a
// *FieldError. Source: spec/control-plane.md, section 4.11.
func CheckName(name string) error {
	return checkName(name, 3, 50, "-")
}

// CheckClientName says whether name may be that of a client: 1 to 128 letters,
// digits, '-', ':', '.' and '_'. The error is a *FieldError.
func CheckClientName(name string) error {
	return checkName(name, 1, MaxName, "-:._")
}

func checkName(name string, low, high int, also string) error {
	ok := low <= len(name) && len(name) <= high
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = isWord(c) && c != '_' || strings.IndexByte(also, c) >= 0
	}
	if !ok {
		return &FieldError{"name", fmt.Sprintf("want %d to %d letters, digits and %s", low, high, spell(also))}
	}
	return nil
}

// spell lists characters for an error.
func spell(chars string) string {
	var b strings.Builder
	for i := range len(chars) {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "'%c'", chars[i])
	}
	return b.String()
}

// CheckAuthenticationName says what is wrong with an authentication name; nothing
// gives "". Any characters are allowed, so that rooms which build topics or logs
// from a name have to look at it themselves.
func CheckAuthenticationName(name string) (reason string) {
	if n := utf8.RuneCountInString(name); n < 1 || n > MaxName || !utf8.ValidString(name) {
		return fmt.Sprintf("want 1 to %d characters of UTF-8", MaxName)
	}
	return ""
}

// Fold gives the spelling under which two authentication names are the same that
// differ in case only, as strings.EqualFold has it (Unicode simple folding, one
// character for one). Names that merely look alike stay different. What is not
// UTF-8 is equal only to itself.
func Fold(name string) string {
	if !needsFold(name) {
		return name
	}
	return string(appendFold(nil, name))
}

// needsFold says whether Fold may change name.
func needsFold(name string) bool {
	for i := range len(name) {
		if c := name[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return utf8.ValidString(name)
		}
	}
	return false
}

// appendFold appends Fold(name), for a name of valid UTF-8.
func appendFold(b []byte, name string) []byte {
	for _, r := range name {
		b = utf8.AppendRune(b, foldRune(r))
	}
	return b
}

// foldRune picks one of the runes that simple folding makes equal to r: the lower
// case letter in ASCII, the smallest elsewhere.
func foldRune(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + ('a' - 'A')
	case r < utf8.RuneSelf:
		return r
	}
	least := r
	for s := unicode.SimpleFold(r); s != r; s = unicode.SimpleFold(s) {
		least = min(least, s)
	}
	if 'A' <= least && least <= 'Z' { // as of the Kelvin sign
		least += 'a' - 'A'
	}
	return least
}
