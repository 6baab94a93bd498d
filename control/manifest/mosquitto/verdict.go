package mosquitto

import (
	"fmt"
	"strings"

	"gridmq/control/manifest"
)

// verdicts are what is so for some of the users, each told once for all of them.
type verdicts struct {
	list []*verdict
	at   map[verdictKey]*verdict
}

type verdictKey struct {
	at        manifest.Source
	rule, why string
	lost      bool
}

type verdict struct {
	verdictKey
	users []string // the first of them
	more  int
	last  *subject
}

// about notes something about a rule for one subject.
func (v *verdicts) about(s *subject, at manifest.Source, rule string, lost bool, why string) {
	if v.at == nil {
		v.at = map[verdictKey]*verdict{}
	}
	key := verdictKey{at, rule, why, lost}
	one := v.at[key]
	if one == nil {
		one = &verdict{verdictKey: key}
		v.at[key] = one
		v.list = append(v.list, one)
	}
	if one.last == s { // who has a role in two ways
		return
	}
	one.last = s
	const most = 3
	if len(one.users) == most {
		one.more++
		return
	}
	who := quoted(s.name)
	if s.other {
		who = "everybody else"
	}
	one.users = append(one.users, who)
}

// tell says it all.
func (v *verdicts) tell(said *remarks) {
	for _, one := range v.list {
		who := strings.Join(one.users, ", ")
		if one.more > 0 {
			who += fmt.Sprintf(" and %d more", one.more)
		}
		said.say(one.lost, one.verdictKey.at, printable(one.rule), "for %s: %s", who, one.why)
	}
}
