package access

import (
	"slices"

	"gridmq/identity"
	"gridmq/topic"
)

// An Operation is what is to be explained.
type Operation uint8

const (
	Connect   Operation = iota // with a will topic, if there is a topic
	Publish                    // to a topic name
	Subscribe                  // to a topic filter, without a share name
)

func (o Operation) String() string { return [...]string{"connect", "publish", "subscribe"}[o] }

// MarshalText is for JSON.
func (o Operation) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// permission is the one that o asks for.
func (o Operation) permission() Permission {
	if o == Subscribe {
		return Subscriber
	}
	return Publisher
}

// An Explanation tells why a client may do something or not, and what comes nearest.
type Explanation struct {
	Operation Operation `json:"operation"`
	Topic     string    `json:"topic,omitempty"`
	Allowed   bool      `json:"allowed"`

	// Name is the client's authentication name, or its object id; Method is how it
	// proved it.
	Name   string `json:"authenticationName"`
	Method string `json:"method"`
	// Groups are its client groups; with a directory token those of the directory.
	Groups []string `json:"groups"`
	// Looked are the bindings or role assignments that concern the client.
	Looked []Looked `json:"looked"`

	// Rule is what allowed it, and Filter its template with the client's values.
	Rule   *Rule  `json:"rule,omitempty"`
	Filter string `json:"filter,omitempty"`
	// Rights are all that the client has, for Connect.
	Rights []Right `json:"rights,omitempty"`
	// Misses are what comes near when it is refused, the nearest first.
	Misses []Miss `json:"misses,omitempty"`
}

// A Looked is a binding or role assignment that concerns the client. Problem says
// why it gives nothing at all; empty if it does.
type Looked struct {
	Rule
	Problem string `json:"problem,omitempty"`
}

// A Right is a template that concerns the client, and the filters that it stands for
// with the client's values; Problem says why there are none. Of many filters only
// the first are here.
type Right struct {
	Rule
	Filters []string `json:"filters,omitempty"`
	More    int      `json:"more,omitempty"`
	Problem string   `json:"problem,omitempty"`
}

// What an explanation may hold.
const (
	maxMisses       = 8
	maxShownFilters = 5
	maxShownRights  = 200
	maxLooked       = 1000 // sources and topic spaces, but for the last source
)

// Explain looks at everything in the policy; it is for people and not for the hot
// path. What it says is allowed is what Compile's grants allow.
func (p *Policy) Explain(who *identity.Principal, groups []string, op Operation, asked string) *Explanation {
	e := &Explanation{Operation: op, Topic: asked, Name: who.Name, Method: who.Method.String(), Groups: []string{}}
	if who.Method == identity.DirectoryToken {
		e.Name = who.Object
		e.Groups = append(e.Groups, who.Groups...)
	} else {
		e.Groups = append(e.Groups, AllClients)
		for _, g := range groups {
			if fold(g) != AllClients {
				e.Groups = append(e.Groups, g)
			}
		}
	}
	held := p.holdings(who, groups)
	e.Looked = p.looked(who, groups)
	if op == Connect {
		e.Rights = rightsOf(who, held)
	}
	if op == Connect && asked == "" {
		e.Allowed = true // nothing here is against it
		return e
	}
	e.decide(p, p.Compile(who, groups), who)
	if !e.Allowed {
		e.Misses = p.misses(who, held, op, asked)
	}
	return e
}

// decide asks the grants, and finds the filter that made them say yes.
func (e *Explanation) decide(p *Policy, g *Grants, who *identity.Principal) {
	d := g.Publish(e.Topic)
	if e.Operation == Subscribe {
		d = g.Subscribe(e.Topic)
	}
	if e.Allowed = d.Allowed; !d.Allowed {
		return
	}
	rule := *d.Rule
	e.Rule = &rule
	for _, t := range p.bySpace[fold(rule.Space)].Templates {
		if t.String() == rule.Template {
			e.Filter = try(t, who, e.Operation, e.Topic).hit
		}
	}
}

// A holding is a source's rule on a topic space, and whether it is the client's.
type holding struct {
	Rule
	space *TopicSpace
	mine  bool
}

// holdings are those of all sources that could concern the client: bindings, or role
// assignments.
func (p *Policy) holdings(who *identity.Principal, groups []string) (all []holding) {
	mine := p.sourcesOf(who, groups)
	for i, s := range p.sources {
		if (s.role != nil) != (who.Method == identity.DirectoryToken) {
			continue
		}
		_, is := slices.BinarySearch(mine, i)
		p.grants(s, func(r Rule, space *TopicSpace) { all = append(all, holding{r, space, is}) })
	}
	return all
}

// looked tells of the client's sources.
func (p *Policy) looked(who *identity.Principal, groups []string) []Looked {
	all := []Looked{}
	for _, i := range p.sourcesOf(who, groups) {
		if len(all) >= maxLooked {
			break
		}
		s, given := p.sources[i], len(all)
		p.grants(s, func(r Rule, _ *TopicSpace) { all = append(all, Looked{Rule: r}) })
		switch {
		case len(all) > given:
		case s.binding != nil:
			b := s.binding
			all = append(all, Looked{Rule{Permission: b.Permission, Binding: b.Name, Group: b.ClientGroup, Space: b.TopicSpace},
				"there is no topic space " + b.TopicSpace})
		default:
			all = append(all, Looked{Rule{Role: s.role.Name},
				"its role has no data action for topic spaces, or no topic space of this namespace is in its scope"})
		}
	}
	return all
}

// rightsOf lists what the client may do at all.
func rightsOf(who *identity.Principal, held []holding) (all []Right) {
	for _, h := range held {
		if !h.mine {
			continue
		}
		for _, t := range h.space.Templates {
			if len(all) == maxShownRights {
				return all
			}
			r := Right{Rule: h.Rule}
			r.Template = t.String()
			filters, why := expand(t, who)
			n := min(len(filters), maxShownFilters)
			r.Filters, r.More = filters[:n], len(filters)-n
			if why != nil {
				r.Problem = why.text
			}
			all = append(all, r)
		}
	}
	return all
}

// A problem is why a template grants nothing to a client at all.
type problem struct {
	kind MissKind
	text string
}

// expand gives the filters of a template for a client, or why there are none.
func expand(t *topic.Template, who *identity.Principal) ([]string, *problem) {
	for _, v := range t.Variables() {
		if why := missing(v, who); why != nil {
			return nil, why
		}
	}
	filters, err := t.Expand(func(v topic.Variable) topic.Alternatives { return valueOf(who, v) })
	switch {
	case err != nil:
		return nil, &problem{TooManyValues, "the lists in the client's attributes make more than 1,024 filters of the template, so it grants nothing"}
	case len(filters) == 0:
		return nil, &problem{UnsafeValue, "with the client's values the filter would begin with '$', which no template can open"}
	}
	return filters, nil
}
