package access

import (
	"slices"
	"strings"

	"gridmq/identity"
	"gridmq/topic"
)

// An attempt is how near a template comes to a topic name or filter.
type attempt struct {
	hit     string   // the filter that allows it
	filters []string // all, if fits or meets
	why     *problem // there are none
	fits    bool     // with some values of the variables it would be a hit
	meets   bool     // some topic is both in the filter and in the template
	shape   string
}

// try compares a template with what is asked. It looks at the client's values only
// where other values could make a hit.
func try(t *topic.Template, who *identity.Principal, op Operation, asked string) attempt {
	fit := topic.Match
	if op == Subscribe {
		fit = topic.Covers
	}
	a := attempt{shape: t.Shape()}
	a.fits = fit(a.shape, asked)
	a.meets = a.fits || op == Subscribe && meet(a.shape, asked)
	a.fits = a.fits && (op != Subscribe || !variableForWildcard(t, asked))
	if !a.meets {
		return a
	}
	if a.filters, a.why = expand(t, who); a.why != nil {
		return a
	}
	for _, f := range a.filters {
		if fit(f, asked) {
			a.hit = f
			return a
		}
	}
	if !a.fits {
		a.meets = slices.ContainsFunc(a.filters, func(f string) bool { return meet(f, asked) })
	}
	return a
}

// variableForWildcard says whether the filter has a '+' where the template has a
// variable, so that no value could make the template cover it.
func variableForWildcard(t *topic.Template, filter string) bool {
	same, err := t.Expand(func(topic.Variable) topic.Alternatives { return "x" })
	if err != nil || len(same) != 1 {
		return false
	}
	shape, value := strings.Split(t.Shape(), "/"), strings.Split(same[0], "/")
	for i, level := range strings.Split(filter, "/") {
		if i < len(shape) && level == "+" && shape[i] != value[i] {
			return true
		}
	}
	return false
}

// meet says whether some topic is matched by both filters.
func meet(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i := 0; ; i++ {
		switch {
		case i < len(as) && as[i] == "#", i < len(bs) && bs[i] == "#":
			return true
		case i == len(as) || i == len(bs):
			return len(as) == len(bs)
		case as[i] != "+" && bs[i] != "+" && as[i] != bs[i]:
			return false
		}
	}
}
