package mosquitto

import (
	"fmt"
	"strings"

	"gridmq/control/manifest"
	"gridmq/topic"
)

// A right is something that bindings can open.
type right struct {
	template string
	may      access
}

// A share is rights that several subjects may have in common.
type share struct {
	name   string // of the group that holds them; "": the subject's own
	rights []right
	at     manifest.Source // of the first of them
}

// add keeps each template once.
func (s *share) add(template string, may access, at manifest.Source) {
	if len(s.rights) == 0 {
		s.at = at
	}
	for i := range s.rights {
		if s.rights[i].template == template {
			s.rights[i].may |= may
			return
		}
	}
	s.rights = append(s.rights, right{template, may})
}

// key is the same for shares that open the same.
func (s *share) key() string {
	var b strings.Builder
	b.WriteString(s.name)
	for _, r := range s.rights {
		fmt.Fprintf(&b, "\x00%d%s", r.may, r.template)
	}
	return b.String()
}

// general is a share in which the user's name, where it is a whole level, is a variable:
// the same for this user, and maybe equal to that of others.
func (s *share) general(user string) *share {
	if topic.CheckValue(user) != nil || strings.Contains(user, "${") {
		return s
	}
	g := &share{name: s.name, at: s.at}
	for _, r := range s.rights {
		levels := strings.Split(r.template, "/")
		for i := range levels {
			if levels[i] == user && !(i == 0 && user[0] == '$') {
				levels[i] = ourVariable
			}
		}
		g.add(strings.Join(levels, "/"), r.may, s.at)
	}
	return g
}

// A subject is somebody with rights.
type subject struct {
	name   string   // of the user
	client *account // nil: nobody whom we register
	// other is whoever is none of the other subjects. It has no name.
	other  bool
	shares []*share
	at     manifest.Source
}
