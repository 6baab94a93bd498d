package route

import (
	"errors"
	"fmt"
	"strings"

	"gridmq/event/filter"
	"gridmq/event/rawjson"
)

// Documents are what the resource of a namespace says about routing, in JSON. Nil and
// null are as absent.
type Documents struct {
	Namespace string // its name; empty: topics of any namespace are taken for its own
	// Topic is topicSpacesConfiguration.routeTopicResourceId.
	Topic string
	// Enrichments is topicSpacesConfiguration.routingEnrichments.
	Enrichments []byte
	// Routes is gridmq.routes: a list of {destination, topicFilter,
	// filtersConfiguration}.
	Routes []byte
}

// maxDocument is the longest of the documents, in bytes: 50 routes with full filters
// fit several times.
const maxDocument = 4 << 20

// Read reads and validates a configuration. Names of members are read ignoring case.
// Members that nobody knows are ignored in routingEnrichments, as Azure does, and
// refused in our own routes. The error is everything that is wrong, as joined
// *FieldError.
func Read(d Documents) (Config, error) {
	var c Config
	r := reader{namespace: d.Namespace}
	if d.Topic != "" {
		var wrong string
		if c.Topic, wrong = readDestination(d.Topic, d.Namespace, false); wrong != "" {
			r.fail(topicField, "%s", wrong)
		}
	}
	if doc, ok := r.document(enrichmentsField, d.Enrichments); ok {
		r.enrichments(&c, doc)
	}
	if doc, ok := r.document(routesField, d.Routes); ok {
		for i, raw := range r.elements(routesField, doc, MaxRoutes) {
			c.Routes = append(c.Routes, r.route(fmt.Sprintf("%s[%d]", routesField, i), raw))
		}
	}
	r.errs = append(r.errs, c.Validate())
	if err := unique(r.errs); err != nil {
		return Config{}, err
	}
	return c, nil
}

// unique joins errs, of which the first about a field counts: what cannot be read is
// missing to Validate as well.
func unique(errs []error) error {
	seen := map[string]bool{}
	var list []error
	var add func(error)
	add = func(err error) {
		switch e := err.(type) {
		case *FieldError:
			if !seen[e.Field] {
				seen[e.Field] = true
				list = append(list, e)
			}
		case interface{ Unwrap() []error }:
			for _, one := range e.Unwrap() {
				add(one)
			}
		}
	}
	for _, err := range errs {
		add(err)
	}
	return errors.Join(list...)
}

// A reader collects what is wrong. The documents it reads are JSON for sure.
type reader struct {
	namespace string
	errs      []error
}

func (r *reader) fail(field, format string, args ...any) {
	r.errs = append(r.errs, fault(field, format, args...))
}

// document is the JSON value in doc; ok if there is one.
func (r *reader) document(field string, doc []byte) (value []byte, ok bool) {
	switch {
	case len(doc) == 0:
		return nil, false
	case len(doc) > maxDocument:
		r.fail(field, "has more than %d bytes", maxDocument)
		return nil, false
	}
	if err := rawjson.Check(doc, 12); err != nil {
		r.fail(field, "is not JSON: %v", err)
		return nil, false
	}
	in := rawjson.NewReader(doc)
	value, err := in.Value(rawjson.MaxDepth)
	return value, err == nil && !isNull(value)
}

func (r *reader) enrichments(c *Config, doc []byte) {
	m := r.members(enrichmentsField, doc)
	for i, raw := range r.elements(enrichmentsField+".static", m["static"], MaxEnrichments) {
		field := fmt.Sprintf("%s.static[%d]", enrichmentsField, i)
		e, members := r.enrichment(field, raw)
		if kind, ok := r.text(field+".valueType", members["valuetype"]); ok && !strings.EqualFold(kind, "String") {
			r.fail(field+".valueType", "must be String")
		}
		c.Static = append(c.Static, e)
	}
	for i, raw := range r.elements(enrichmentsField+".dynamic", m["dynamic"], MaxEnrichments) {
		e, _ := r.enrichment(fmt.Sprintf("%s.dynamic[%d]", enrichmentsField, i), raw)
		c.Dynamic = append(c.Dynamic, e)
	}
}

func (r *reader) enrichment(field string, raw []byte) (e Enrichment, m map[string][]byte) {
	m = r.members(field, raw)
	e.Key, _ = r.text(field+".key", m["key"])
	e.Value, _ = r.text(field+".value", m["value"])
	return e, m
}

func (r *reader) route(field string, raw []byte) (one Route) {
	m := r.members(field, raw)
	for name := range m {
		switch name {
		case "destination", "topicfilter", "filtersconfiguration":
		default:
			r.fail(field, "has a member that is not known: it takes destination, topicFilter and filtersConfiguration")
		}
	}
	if s, ok := r.text(field+".destination", m["destination"]); ok && s != "" {
		var wrong string
		if one.Destination, wrong = readDestination(s, r.namespace, true); wrong != "" {
			r.fail(field+".destination", "%s", wrong)
		}
	}
	var given bool
	if one.TopicFilter, given = r.text(field+".topicFilter", m["topicfilter"]); given && one.TopicFilter == "" {
		r.fail(field+".topicFilter", "must not be empty: leave it out for every topic")
	}
	c, err := filter.Parse(m["filtersconfiguration"], filter.Limits{})
	if err != nil {
		r.errs = append(r.errs, below(field+".filtersConfiguration", err))
	}
	one.Filter = c
	return one
}

// text is a string; ok if there is one. Null is as absent.
func (r *reader) text(field string, raw []byte) (s string, ok bool) {
	if isNull(raw) {
		return "", false
	}
	if raw[0] != '"' {
		r.fail(field, "must be a string")
		return "", false
	}
	return string(rawjson.AppendUnquoted(nil, raw)), true
}

// elements are those of an array; none if it is null or absent.
func (r *reader) elements(field string, raw []byte, most int) (list [][]byte) {
	if isNull(raw) {
		return nil
	}
	in := rawjson.NewReader(raw)
	if in.Open('[') != nil {
		r.fail(field, "must be an array")
		return nil
	}
	for first := true; ; first = false {
		more, err := in.More(']', first)
		if err != nil || !more {
			return list
		}
		if len(list) == most {
			r.fail(field, "has more than %d entries", most)
			return list
		}
		value, err := in.Value(rawjson.MaxDepth)
		if err != nil {
			return list
		}
		list = append(list, value)
	}
}

// members reads an object by the small letters of its members' names.
func (r *reader) members(field string, raw []byte) map[string][]byte {
	m := map[string][]byte{}
	in := rawjson.NewReader(raw)
	if in.Open('{') != nil {
		r.fail(field, "must be an object")
		return m
	}
	for first := true; ; first = false {
		more, err := in.More('}', first)
		if err != nil || !more {
			return m
		}
		quoted, err := in.Name()
		if err != nil {
			return m
		}
		name := strings.ToLower(string(rawjson.AppendUnquoted(nil, quoted)))
		if _, twice := m[name]; twice {
			r.fail(field, "has a member twice, or in two spellings: leave one of them out")
		}
		if m[name], err = in.Value(rawjson.MaxDepth); err != nil {
			return m
		}
	}
}

func isNull(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }
