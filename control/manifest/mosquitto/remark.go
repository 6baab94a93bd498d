package mosquitto

import (
	"fmt"
	"strconv"
	"strings"

	"gridmq/control/manifest"
)

// remarks are what is said about what was read, in the order of the files.
type remarks []manifest.Remark

// lost says that something is not imported.
func (r *remarks) lost(at manifest.Source, what, format string, args ...any) {
	r.say(true, at, what, format, args...)
}

// note says what is imported, and is worth knowing about.
func (r *remarks) note(at manifest.Source, what, format string, args ...any) {
	r.say(false, at, what, format, args...)
}

func (r *remarks) say(lost bool, at manifest.Source, what, format string, args ...any) {
	*r = append(*r, manifest.Remark{Fault: &manifest.Fault{Source: at, Resource: what, Message: fmt.Sprintf(format, args...)}, Lost: lost})
}

// quoted spells a name from a file as it is, if it is harmless.
func quoted(s string) string {
	if s != "" && strings.IndexFunc(s, func(c rune) bool { return !strconv.IsPrint(c) || c == ' ' || c == '"' }) < 0 {
		return s
	}
	return strconv.Quote(s)
}
