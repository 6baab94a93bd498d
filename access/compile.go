package access

import (
	"slices"
	"strconv"

	"gridmq/identity"
	"gridmq/topic"
)

// Compile makes the grants of a client, which is in groups (names, in any case; $all
// need not be among them). A client with a directory token has role assignments
// instead, and groups mean nothing.
//
// It takes a microsecond for rights that another client had before, and longer for
// the first one. Grants of clients without variables are one and the same.
func (p *Policy) Compile(who *identity.Principal, groups []string) *Grants {
	if who == nil {
		return nil // which grants nothing
	}
	sources := p.sourcesOf(who, groups)
	c := p.class(sources, nil)
	if c.grants != nil {
		return c.grants
	}
	values := c.values(who)
	if over := c.overfull(values); over != nil {
		c = p.class(sources, over)
		values = c.values(who)
	}
	if c.grants != nil {
		return c.grants
	}
	return newGrants(c, values)
}

// values are what the variables of the class stand for.
func (c *class) values(who *identity.Principal) []topic.Alternatives {
	values := make([]topic.Alternatives, len(c.variables))
	for i, v := range c.variables {
		values[i] = valueOf(who, v)
	}
	return values
}

// overfull finds the rights that grant nothing, as the client's lists would make too
// many filters of their templates. They are left out of its class as a whole: so the
// work for a decision stays bounded, and no topic depends on the order of a list.
func (c *class) overfull(values []topic.Alternatives) (over []int) {
	if !slices.ContainsFunc(values, func(a topic.Alternatives) bool { return a.Len() > 1 }) {
		return nil
	}
	for i, r := range c.all {
		n := r.template.Combinations(func(v topic.Variable) topic.Alternatives {
			at, _ := slices.BinarySearch(c.variables, v)
			return values[at]
		})
		if n > topic.MaxCombinations {
			over = append(over, i)
		}
	}
	return over
}

// valueOf is what a variable stands for; nothing when the attribute is missing or
// cannot be used. With a directory token there are no attributes, and the name is
// the object id. Source: spec/access-control.md, section 3.2; identity.md, section 4.
func valueOf(who *identity.Principal, v topic.Variable) topic.Alternatives {
	return topic.OneOf(rawValue(who, v)...)
}

// rawValue is what a variable would stand for, if the values were fit for it.
func rawValue(who *identity.Principal, v topic.Variable) []string {
	directory := who.Method == identity.DirectoryToken
	switch {
	case v == topic.AuthenticationName && directory:
		return []string{who.Object}
	case v == topic.AuthenticationName:
		return []string{who.Name}
	case directory:
		return nil
	}
	value, given := who.Attributes[string(v)]
	if !given {
		return nil
	}
	if s, ok := value.Text(); ok {
		return []string{s}
	}
	if n, ok := value.Integer(); ok {
		return []string{strconv.FormatInt(n, 10)}
	}
	list, _ := value.List()
	return list
}
