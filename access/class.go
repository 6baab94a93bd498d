package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"gridmq/topic"
)

// maxClasses is how many combinations of rights a policy remembers. Clients choose
// their attributes with some ways to log in, so that groups alone do not bound it.
const maxClasses = 1024

// A class is what clients with the same rights share: everything but the values of
// their variables.
type class struct {
	variables []topic.Variable // sorted
	rules     [2]ruleset       // by Permission
	all       []right          // in the order of the sources, before duplicates go
	digest    [sha256.Size]byte
	grants    *Grants // of all its clients, when there are no variables
}

// A ruleset is the rules of one permission, at the positions that set gives.
type ruleset struct {
	set   *topic.TemplateSet
	rules []Rule
}

type right struct {
	Rule
	template *topic.Template
}

// class finds the class of the sources, or makes it. Of the rights that they give,
// those at the positions without are left out.
func (p *Policy) class(sources, without []int) *class {
	key := classKey(sources, without)
	p.mu.Lock()
	c := p.classes[key]
	p.mu.Unlock()
	if c == nil {
		c = p.intern(key, newClass(p.rights(sources, without)))
	}
	return c
}

// intern keeps c under key, unless somebody else was quicker. A full memory is
// emptied: clients keep the classes they have, and the next ones make theirs anew,
// which costs memory only.
func (p *Policy) intern(key string, c *class) *class {
	p.mu.Lock()
	defer p.mu.Unlock()
	if there := p.classes[key]; there != nil {
		return there
	}
	if len(p.classes) >= maxClasses {
		clear(p.classes)
	}
	p.classes[key] = c
	return c
}

func classKey(sources, without []int) string {
	var b []byte
	for _, list := range [][]int{sources, without} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, n := range list {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return string(b)
}

// rights are those of the sources, except some positions among them.
func (p *Policy) rights(sources, without []int) (all []right) {
	n := 0
	for _, i := range sources {
		p.grants(p.sources[i], func(r Rule, space *TopicSpace) {
			for _, t := range space.Templates {
				if !slices.Contains(without, n) {
					r.Template = t.String()
					all = append(all, right{r, t})
				}
				n++
			}
		})
	}
	return all
}

func newClass(all []right) *class {
	c := &class{all: all}
	var templates [2][]*topic.Template
	seen := map[string]bool{} // also what the class is made of, for the digest
	for _, r := range all {
		text := string('0'+rune(r.Permission)) + r.template.Canonical()
		if seen[text] {
			continue // grants add up, and twice is no more than once
		}
		seen[text] = true
		c.variables = append(c.variables, r.template.Variables()...)
		templates[r.Permission] = append(templates[r.Permission], r.template)
		c.rules[r.Permission].rules = append(c.rules[r.Permission].rules, r.Rule)
	}
	slices.SortFunc(c.variables, cmp.Compare)
	c.variables = slices.Compact(c.variables)
	for i := range c.rules {
		c.rules[i].set = topic.NewTemplateSet(templates[i], c.variables)
	}
	c.digest = digest(seen)
	if len(c.variables) == 0 {
		c.grants, c.all = &Grants{class: c}, nil
	}
	return c
}

// digest is equal for the same set of texts only.
func digest(texts map[string]bool) (sum [sha256.Size]byte) {
	sorted := make([]string, 0, len(texts))
	for text := range texts {
		sorted = append(sorted, text)
	}
	slices.Sort(sorted)
	h := sha256.New()
	for _, text := range sorted {
		h.Write(binary.AppendUvarint(nil, uint64(len(text))))
		h.Write([]byte(text))
	}
	h.Sum(sum[:0])
	return sum
}
