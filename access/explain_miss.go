package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gridmq/identity"
	"gridmq/topic"
)

// A MissKind is why something that comes near does not allow it. The order is that of
// nearness.
type MissKind uint8

const (
	Impossible      MissKind = iota // no template can ever allow this
	OtherPermission                 // a binding of the client has the topic, with the other permission
	MissingValue                    // a variable has no value, so the template grants nothing
	UnsafeValue                     // a variable's value is empty or holds '/', '+' or '#', so ...
	TooManyValues                   // lists of values make too many filters, so ...
	OtherValue                      // the template has the topic for clients with another value
	Wider                           // the filter reaches beyond the template
	OtherGroup                      // the topic space has it, and bindings for other groups
	Unbound                         // the topic space has it, and no binding gives the permission
	Elsewhere                       // a template that begins in the same way
)

var missNames = [...]string{
	"impossible", "otherPermission", "missingValue", "unsafeValue", "tooManyValues", "otherValue", "wider", "otherGroup", "unbound", "elsewhere",
}

func (k MissKind) String() string { return missNames[k] }

// MarshalText is for JSON.
func (k MissKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// A Miss is something that comes near to allowing it.
type Miss struct {
	Kind MissKind `json:"kind"`
	// Space and Template are where; empty if Impossible.
	Space    string `json:"topicSpace,omitempty"`
	Template string `json:"topicTemplate,omitempty"`
	// Filter is the template with the client's values, where it has some.
	Filter string `json:"filter,omitempty"`
	// Rules are the client's own for the first kinds, and for OtherGroup those of
	// others that would allow it.
	Rules []Rule `json:"rules,omitempty"`
	// Text says it in words.
	Text string `json:"text"`

	common int  // levels that are alike, for Elsewhere
	hit    bool // with the client's own values
}

func (m Miss) hits() int {
	if m.hit {
		return 1
	}
	return 0
}

// misses finds what comes near, the nearest first.
func (p *Policy) misses(who *identity.Principal, held []holding, op Operation, asked string) []Miss {
	if why := impossible(op, asked); why != "" {
		return []Miss{{Kind: Impossible, Text: why}}
	}
	bySpace := map[*TopicSpace]*spaceRules{}
	for _, s := range p.spaces {
		bySpace[s] = &spaceRules{}
	}
	for _, h := range held {
		bySpace[h.space].add(h, op.permission())
	}
	var all []Miss
	for _, s := range p.spaces {
		for _, t := range s.Templates {
			if m, near := miss(try(t, who, op, asked), bySpace[s], op, asked); near {
				m.Space, m.Template = s.Name, t.String()
				all = append(all, m)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Miss) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.common, a.common), -cmp.Compare(a.hits(), b.hits()), cmp.Compare(len(b.Rules), len(a.Rules)))
	})
	return all[:min(len(all), maxMisses)]
}

// impossible says why no template can allow it, if so.
func impossible(op Operation, asked string) string {
	check := topic.ValidName
	if op == Subscribe {
		check = topic.ValidFilter
	}
	switch err := check(asked); {
	case err != nil:
		return "this is not a valid topic " + op.noun() + " (" + strings.TrimPrefix(err.Error(), "topic: ") + ")"
	case op == Subscribe && strings.HasPrefix(asked, "$share/"):
		return "ask for the filter that follows the share name; that is what is decided"
	case asked[0] == '$':
		return "topics that begin with '$' belong to the broker, and no topic template can open them"
	}
	return ""
}

// spaceRules are the rules on one topic space.
type spaceRules struct {
	mine   []Rule // the client's, with the permission
	other  []Rule // the client's, with the other one
	others []Rule // those of other groups, with the permission
}

func (r *spaceRules) add(h holding, want Permission) {
	switch {
	case h.mine && h.Permission == want:
		r.mine = append(r.mine, h.Rule)
	case h.mine:
		r.other = append(r.other, h.Rule)
	case h.Permission == want:
		r.others = append(r.others, h.Rule)
	}
}

// miss says how a template of a topic space with these rules does not allow it.
func miss(a attempt, rules *spaceRules, op Operation, asked string) (m Miss, near bool) {
	m.Filter, m.hit = a.hit, a.hit != ""
	if m.Filter == "" && len(a.filters) > 0 {
		m.Filter = a.filters[0]
	}
	switch {
	case a.fits && len(rules.mine) > 0:
		m.notYours(a, rules, op)
	case a.fits:
		m.notGiven(a, rules, op)
	case a.meets && len(rules.mine) > 0 && a.why == nil:
		m.Kind, m.Rules = Wider, rules.mine
		m.Text = fmt.Sprintf("the template opens %q, and the filter reaches beyond that; a filter is granted or refused as a whole", m.Filter)
	default:
		return m, m.elsewhere(a.shape, rules, asked)
	}
	return m, true
}

// notYours is for a template that the client has the right permission for.
func (m *Miss) notYours(a attempt, rules *spaceRules, op Operation) {
	m.Rules = rules.mine
	if a.why != nil {
		m.Kind, m.Text = a.why.kind, a.why.text
		return
	}
	m.Kind = OtherValue
	m.Text = op.opens(a.filters)
}

// notGiven is for a template that would allow it, if the client had the permission.
func (m *Miss) notGiven(a attempt, rules *spaceRules, op Operation) {
	want := op.permission()
	switch {
	case len(rules.other) > 0:
		m.Kind, m.Rules = OtherPermission, rules.other
		m.Text = fmt.Sprintf("the client's permission here is %s; to %s it needs %s as well, by another %s",
			rules.other[0].Permission, op.verb(), want, rules.other[0].kind())
		if len(rules.others) > 0 {
			m.Text += "; " + owners(rules.others)
		}
	case len(rules.others) > 0:
		m.Kind, m.Rules = OtherGroup, rules.others
		m.Text = fmt.Sprintf("this needs the permission %s, which the client does not have; %s", want, owners(rules.others))
	default:
		m.Kind = Unbound
		m.Text = fmt.Sprintf("the topic space has it, but nothing gives anybody the permission %s on the topic space", want)
	}
	switch {
	case a.why != nil:
		m.Text += "; besides, " + a.why.text
	case a.hit == "":
		m.Text += "; besides, " + op.opens(a.filters)
	}
}

// opens tells what a template opens instead.
func (o Operation) opens(filters []string) string {
	return fmt.Sprintf("for this client the template opens %s, which is not this topic %s", quoteSome(filters), o.noun())
}

// noun completes "topic ...".
func (o Operation) noun() string {
	if o == Subscribe {
		return "filter"
	}
	return "name"
}

func (o Operation) verb() string {
	if o == Connect {
		return "publish its will"
	}
	return o.String()
}
