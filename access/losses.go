package access

import (
	"strings"

	"gridmq/identity"
	"gridmq/topic"
)

// A Loss is a right to publish that a client would not have any more: the filters of
// one template, with the client's values, that other grants do not make up for.
type Loss struct {
	Rule
	Filters []string
}

// Losses are the rights to publish that a client has under p and would not have with
// next, in the order of their sources. A right that another template gives as well
// is none: publishing goes by names, and grants add up.
//
// It is for people and not for the hot path.
func (p *Policy) Losses(who *identity.Principal, groups []string, next *Grants) (all []Loss) {
	if who == nil {
		return nil
	}
	seen := map[string]bool{} // templates: what two sources give is lost once
	for _, i := range p.sourcesOf(who, groups) {
		p.grants(p.sources[i], func(r Rule, space *TopicSpace) {
			if r.Permission != Publisher {
				return
			}
			for _, t := range space.Templates {
				if seen[t.Canonical()] {
					continue
				}
				seen[t.Canonical()] = true
				l := Loss{Rule: r}
				l.Template = t.String()
				filters, _ := expand(t, who)
				for _, f := range filters {
					if !next.publishesAll(f) {
						l.Filters = append(l.Filters, f)
					}
				}
				if len(l.Filters) > 0 {
					all = append(all, l)
				}
			}
		})
	}
	return all
}

// unheard is a level that no template spells out, and no client's value is.
const unheard = "\uf8ffgridmq"

// publishesAll says whether all names that a filter matches may be published to. A
// name with unheard levels is allowed only by wildcards in their places, and those
// allow all other names of its depth, too.
func (g *Grants) publishesAll(filter string) bool {
	if g == nil {
		return false
	}
	levels := strings.Split(filter, "/")
	open := levels[len(levels)-1] == "#"
	if open {
		levels = levels[:len(levels)-1]
	}
	for i, level := range levels {
		if level == "+" {
			levels[i] = unheard
		}
	}
	deepest := len(levels) // one level more than any template has is allowed by a '#' only
	for _, r := range g.class.rules[Publisher].rules {
		deepest = max(deepest, topic.Levels(r.Template))
	}
	for {
		if name := strings.Join(levels, "/"); name != "" && !g.Publish(name).Allowed {
			return false
		}
		if !open || len(levels) > deepest {
			return true
		}
		levels = append(levels, unheard)
	}
}
