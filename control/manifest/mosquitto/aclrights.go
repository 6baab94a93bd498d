package mosquitto

import (
	"fmt"
	"strings"

	"gridmq/topic"
)

// everyUser is the name of the group that patterns are for.
const everyUser = "acl-every-user"

// subjects are the users of an acl_file and of a password_file (nil: not given, so that
// there may be more users), with what is open to each of them.
func (a *aclFile) subjects(accounts []*account, o Options, said *remarks) (all []*subject) {
	j := &judge{file: a, o: o, said: said, told: map[*rule]bool{}}
	j.anonymous()
	registered := map[string]bool{}
	for _, c := range accounts {
		registered[c.name] = true
		all = append(all, j.subject(&subject{name: c.name, client: c, at: c.at}))
	}
	for _, name := range a.names {
		if registered[name] {
			continue
		}
		s := &subject{name: name}
		if rules := a.users[name]; len(rules) > 0 {
			s.at = rules[0].at
			if accounts != nil {
				said.note(s.at, "user "+quoted(name), "has no line in the password file: the rights wait for a client with this authentication name")
			}
		}
		all = append(all, j.subject(s))
	}
	if accounts == nil && len(a.patterns) > 0 {
		all = append(all, j.subject(&subject{other: true, at: a.patterns[0].at}))
	}
	j.tell(said)
	return all
}

// A judge finds out which rules can be taken over, user by user.
type judge struct {
	file     *aclFile
	o        Options
	said     *remarks
	told     map[*rule]bool // about which something was said that is so for everybody
	verdicts                // what is so for some
}

// anonymous says what becomes of rules for clients without a user name.
func (j *judge) anonymous() {
	for _, r := range j.file.users[""] {
		if j.o.NoAnonymous {
			j.said.note(r.at, printable(r.text), "is for clients without a user name, which mosquitto does not let in: left out")
		} else {
			j.said.lost(r.at, printable(r.text), "is for clients without a user name, as no user is named before it; here every client is somebody")
		}
	}
}

// subject finds the rights of one.
func (j *judge) subject(s *subject) *subject {
	own, patterns := &share{}, &share{name: everyUser}
	if !s.other {
		for _, r := range j.file.users[s.name] {
			j.open(s, own, r)
		}
	}
	if strings.ContainsAny(s.name, "+#") {
		if len(j.file.patterns) > 0 {
			j.said.note(s.at, "user "+quoted(s.name), "no pattern opens anything to a name with + or #, in mosquitto neither")
		}
	} else {
		for _, r := range j.file.patterns {
			j.open(s, patterns, r)
		}
	}
	for _, one := range []*share{own, patterns} {
		if len(one.rights) > 0 {
			s.shares = append(s.shares, one)
		}
	}
	return s
}

// open adds what a rule opens to a subject, if it can be said here.
func (j *judge) open(s *subject, to *share, r *rule) {
	if r.denies() {
		return
	}
	if why := j.unfit(r); why != "" {
		j.once(r, why)
		return
	}
	template, why := templateOf(j.spelled(r), r.pattern)
	if why != "" {
		j.once(r, why)
		return
	}
	may := r.may
	if topic.IsSystem(r.filter) {
		if may &^= write; may == 0 {
			j.once(r, "nobody but the broker publishes to $SYS/")
			return
		}
		if !j.told[r] {
			j.told[r] = true
			j.said.note(r.at, printable(r.text), "what is below $SYS/ differs from mosquitto's; see docs/observe.md")
		}
	}
	if f := j.spelled(r); r.pattern && strings.Contains(f, userVariable) && !s.other {
		if why := unfitName(f, s.name); why != "" {
			j.about(s, r.at, r.text, true, why)
			return
		}
	}
	if deny := j.denied(s, r); deny != nil {
		j.deny(s, r, deny)
		return
	}
	to.add(template, may, r.at)
}

// unfit says why a rule cannot be taken over, whoever the user is.
func (j *judge) unfit(r *rule) string {
	if r.pattern && !j.o.UserIsClientID && strings.Contains(r.filter, clientVariable) {
		return "a client chooses its id (%c) as it likes, so nothing is opened by it here: use %u, or an attribute of the client"
	}
	return ""
}

// unfitName says why a name cannot stand for the variable.
func unfitName(filter, name string) string {
	if err := topic.CheckValue(name); err != nil {
		return "the name cannot stand for %u here: " + strings.TrimPrefix(err.Error(), "topic: a variable's ")
	}
	if name[0] == '$' && strings.HasPrefix(filter, userVariable) {
		return "no topic template opens topics that begin with $"
	}
	return ""
}

// once says what is so for every user.
func (j *judge) once(r *rule, why string) {
	if !j.told[r] {
		j.told[r] = true
		j.said.lost(r.at, printable(r.text), "%s", why)
	}
}

// denied finds a rule that denies a part of what r opens to a subject. Denials come first,
// wherever they stand: those of the user before all, those of patterns before patterns.
func (j *judge) denied(s *subject, r *rule) *rule {
	opens := j.concrete(s, r)
	for _, d := range j.file.users[s.name] {
		if d.denies() && !s.other && overlaps(d.filter, opens) {
			return d
		}
	}
	if !r.pattern {
		return nil
	}
	for _, d := range j.file.patterns {
		if d.denies() && overlaps(j.concrete(s, d), opens) {
			return d
		}
	}
	return nil
}

// concrete is the filter of a rule for a subject, or one that is wider.
func (j *judge) concrete(s *subject, r *rule) string {
	if !r.pattern {
		return r.filter
	}
	f := j.spelled(r)
	if !s.other {
		f = filled(f, s.name)
	} else { // any name, which may have slashes too
		f = strings.ReplaceAll(f, userVariable, clientVariable)
	}
	return widest(f)
}

// spelled is the filter of a rule with %u for everything that is the user's name.
func (j *judge) spelled(r *rule) string {
	if r.pattern && j.o.UserIsClientID {
		return strings.ReplaceAll(r.filter, clientVariable, userVariable)
	}
	return r.filter
}

// deny says that a rule is left out because of another.
func (j *judge) deny(s *subject, r, deny *rule) {
	if !s.other && topic.Covers(j.concrete(s, deny), j.concrete(s, r)) && !strings.Contains(j.spelled(deny), clientVariable) {
		j.about(s, r.at, r.text, false, fmt.Sprintf("opens nothing, as line %d denies all of it", deny.at.Line))
		return
	}
	j.about(s, r.at, r.text, true, fmt.Sprintf("line %d (%s) denies a part of it, and nothing is denied here: name what is open instead", deny.at.Line, printable(deny.text)))
}
