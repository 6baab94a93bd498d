package mosquitto

import (
	"cmp"

	"gridmq/topic"
)

// A dynEntry is a rule where it stands in the order that counts for one client: the first
// that matches decides. Roles of the client come first, then those of its groups, then
// the defaults; within them the higher priority, and a literal subscription before
// patterns of the same role.
type dynEntry struct {
	*dynRule
	stage                    int // 0: own role, 1: of a group, 2: default
	group, role              string
	groupPriority, rolePrior int
	part                     string // of its filter, if only that is meant
}

// reach is the filter that is meant.
func (e *dynEntry) reach() string { return cmp.Or(e.part, e.filter) }

// before says whether e may be asked before o. What has the same priority is in an order
// that differs between versions, so each may be before the other.
func (e *dynEntry) before(o *dynEntry) bool {
	for _, c := range []int{cmp.Compare(e.stage, o.stage), cmp.Compare(o.groupPriority, e.groupPriority)} {
		if c != 0 {
			return c < 0
		}
	}
	if e.group != o.group {
		return true
	}
	if c := cmp.Compare(o.rolePrior, e.rolePrior); c != 0 {
		return c < 0
	}
	if e.role != o.role || e.kind == o.kind && e.filter == o.filter { // of two for one topic, either may be the one that is kept
		return true
	}
	if c := cmp.Compare(e.late(), o.late()); c != 0 {
		return c < 0
	}
	return e.priority >= o.priority
}

func (e *dynEntry) late() int {
	if e.kind == dynPattern {
		return 1
	}
	return 0
}

// order lists the rules that count for a client.
func (f *dynFile) order(c *dynClient, said *remarks) (all []*dynEntry) {
	add := func(stage int, group dynRef, refs []dynRef) {
		for _, ref := range refs {
			role := f.roles[ref.name]
			if role == nil {
				said.note(c.at, "client "+quoted(c.name), "role %s is not in the file", quoted(ref.name))
				continue
			}
			for _, r := range role.rules {
				all = append(all, &dynEntry{dynRule: r, stage: stage, group: group.name, role: ref.name, groupPriority: group.priority, rolePrior: ref.priority})
			}
		}
	}
	add(0, dynRef{}, c.roles)
	for _, g := range c.groups {
		add(1, g, f.groups[g.name].roles)
	}
	for _, d := range []struct{ of, kind string }{{dynSend, dynSend}, {dynReceive, dynReceive}, {"subscribe", dynPattern}} {
		if f.defaults[d.of] {
			for _, filter := range []string{"#", topic.System + "/#"} {
				if d.kind == dynSend && filter != "#" {
					continue // nobody publishes there
				}
				all = append(all, &dynEntry{dynRule: &dynRule{kind: d.kind, filter: filter, allow: true, at: f.at[d.of]}, stage: 2})
			}
		}
	}
	return all
}

// denial finds a rule that may be asked before e and denies a part of it; whole is
// whether it is asked before, and denies all of it.
func denial(e *dynEntry, all []*dynEntry) (deny *dynEntry, whole bool) {
	for _, d := range all {
		if d.allow || !d.before(e) || !d.meets(e) {
			continue
		}
		if !e.before(d) && !isVariable(d.filter) && d.kind != dynLiteral && topic.Covers(d.filter, e.reach()) {
			return d, true
		}
		deny = d
	}
	return deny, false
}

// meets says whether d is about something that e is about too. A literal subscription is
// one filter; to be exact about others, it counts for all that is below it.
func (d *dynEntry) meets(e *dynEntry) bool {
	switch {
	case d.kind == dynLiteral && (e.kind == dynPattern || e.kind == dynLiteral):
		return isVariable(d.filter) || topic.Covers(e.reach(), d.filter)
	case d.kind == e.kind, d.kind == dynPattern && e.kind == dynLiteral:
		return overlaps(anyName(d.filter), e.reach())
	}
	return false
}
