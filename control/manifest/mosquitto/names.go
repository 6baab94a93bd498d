package mosquitto

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"gridmq/identity"
)

// printable is a line of a file, for messages.
func printable(s string) string {
	const most = 200
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strings.Map(func(c rune) rune {
		if strconv.IsPrint(c) {
			return c
		}
		return '?'
	}, s)
}

// longestBase leaves room in the 50 characters of a name for what is put behind it.
const longestBase = 28

// slug is a name of letters, digits and hyphens. What had to be changed gets a digest, so
// that no two are the same.
func slug(name string) string {
	return fit(name, longestBase, func(c byte) bool { return c == '-' })
}

// clientName is the name of the resource for a user.
func clientName(user string) string {
	if identity.CheckClientName(user) == nil {
		return user
	}
	return fit(user, 128, func(c byte) bool { return strings.IndexByte("-:._", c) >= 0 })
}

func fit(name string, most int, also func(byte) bool) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || also(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('-')
		}
	}
	fitted := b.String()
	if fitted == name && len(name) <= most {
		return name
	}
	digest := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s-%x", fitted[:min(len(fitted), most-9)], digest[:4])
}

// A namer gives each name once, whatever the case.
type namer map[string]bool

func (n namer) name(want string) string {
	got := want
	for i := 2; n[strings.ToLower(got)]; i++ {
		got = fmt.Sprintf("%s-%d", want, i)
	}
	n[strings.ToLower(got)] = true
	return got
}
