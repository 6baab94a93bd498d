package filter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gridmq/event/rawjson"
)

// maxDocument is the longest filtersConfiguration, in bytes.
const maxDocument = 1 << 20

// Parse reads and validates a filtersConfiguration. Nothing, null, and an object
// without members let everything through. Names of members and operators are read
// ignoring case, as Resource Manager does; members of later API versions are
// ignored, those that are there twice refused.
func Parse(doc []byte, limits Limits) (Config, error) {
	if len(doc) == 0 {
		return Config{}, nil
	}
	if len(doc) > maxDocument {
		return Config{}, fault("", "the filters have more than %d bytes", maxDocument)
	}
	if err := rawjson.Check(doc, 8); err != nil {
		return Config{}, fault("", "the filters are not JSON: %v", err)
	}
	doc = trimmed(doc)
	if isNull(doc) {
		return Config{}, nil
	}
	m, err := membersOf("", doc)
	if err != nil {
		return Config{}, err
	}
	p := parser{limits: limits.withDefaults()}
	var c Config
	c.IncludedEventTypes = p.strings("includedEventTypes", m["includedeventtypes"], p.limits.EventTypes)
	for i, raw := range p.elements("filters", m["filters"], p.limits.Filters) {
		c.Filters = append(c.Filters, p.condition(fmt.Sprintf("filters[%d]", i), raw))
	}
	if len(p.errs) > 0 {
		return Config{}, errors.Join(p.errs...)
	}
	if err := c.Validate(limits); err != nil {
		return Config{}, err
	}
	return c, nil
}

// parser collects what is wrong, so that all of it is told at once. Its document is
// JSON for sure, and counts are bounded before errors are collected.
type parser struct {
	limits Limits
	errs   []error
}

func (p *parser) fail(field, format string, args ...any) {
	p.errs = append(p.errs, fault(field, format, args...))
}

func (p *parser) condition(field string, raw []byte) (c Condition) {
	m, err := membersOf(field, raw)
	if err != nil {
		p.errs = append(p.errs, err)
		return c
	}
	c.Key, _ = p.string(field+".key", m["key"])
	name, ok := p.string(field+".operatorType", m["operatortype"])
	if !ok {
		return c
	}
	if c.Operator, ok = operatorOf(name); !ok {
		p.fail(field+".operatorType", "must be one of %s", operatorNames())
		return c
	}
	p.operand(field, &c, m)
	return c
}

// takes tells what an operator wants instead.
var takes = [...]string{
	none: "no operand", number: "one number, as value", boolean: "true or false, as value",
	numbers: "an array of numbers, as values", ranges: "an array of pairs of numbers, as values", texts: "an array of strings, as values",
}

// operand reads value or values, and refuses the wrong one of the two.
func (p *parser) operand(field string, c *Condition, m map[string][]byte) {
	want := operations[c.Operator].operand
	value, values, wrong := m["value"], m["values"], ""
	switch single := want == number || want == boolean; {
	case !single && !isNull(value):
		wrong = "value"
	case (single || want == none) && !isNull(values):
		wrong = "values"
	}
	if wrong != "" {
		p.fail(field+"."+wrong, "does not belong to %s, which takes %s", c.Operator, takes[want])
		return
	}
	switch want {
	case number:
		if n, ok := p.number(field+".value", value); ok {
			c.Numbers = []float64{n}
		}
	case boolean:
		if c.Bool = string(value) == "true"; !c.Bool && string(value) != "false" {
			p.fail(field+".value", "must be true or false")
		}
	case texts:
		c.Strings = p.strings(field+".values", values, p.limits.Values)
	case numbers:
		c.Numbers = p.numbers(field+".values", values)
	case ranges:
		for i, raw := range p.elements(field+".values", values, p.limits.Values) {
			c.Ranges = append(c.Ranges, p.interval(fmt.Sprintf("%s.values[%d]", field, i), raw))
		}
	}
}

func (p *parser) interval(field string, raw []byte) (r [2]float64) {
	if raw[0] != '[' {
		p.fail(field, "must be an array of two numbers, the lower one first")
		return r
	}
	ends := p.numbers(field, raw)
	if len(ends) != 2 {
		p.fail(field, "must be an array of two numbers, the lower one first")
		return r
	}
	return [2]float64(ends)
}

func (p *parser) numbers(field string, raw []byte) (list []float64) {
	for i, e := range p.elements(field, raw, p.limits.Values) {
		if n, ok := p.number(fmt.Sprintf("%s[%d]", field, i), e); ok {
			list = append(list, n)
		}
	}
	return list
}

func (p *parser) strings(field string, raw []byte, most int) (list []string) {
	for i, e := range p.elements(field, raw, most) {
		s, _ := p.string(fmt.Sprintf("%s[%d]", field, i), e)
		list = append(list, s)
	}
	return list
}

func (p *parser) number(field string, raw []byte) (float64, bool) {
	if isNull(raw) || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		p.fail(field, "must be a number")
		return 0, false
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		p.fail(field, "is beyond what a double can hold")
	}
	return n, err == nil
}

func (p *parser) string(field string, raw []byte) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		p.fail(field, "must be a string")
		return "", false
	}
	return string(rawjson.AppendUnquoted(nil, raw)), true
}

// elements are those of an array; none if it is null or absent.
func (p *parser) elements(field string, raw []byte, most int) (list [][]byte) {
	if isNull(raw) {
		return nil
	}
	r := rawjson.NewReader(raw)
	if r.Open('[') != nil {
		p.fail(field, "must be an array")
		return nil
	}
	for first := true; ; first = false {
		more, err := r.More(']', first)
		if err != nil || !more {
			return list
		}
		if len(list) == most {
			p.fail(field, "has more than %d entries", most)
			return nil
		}
		e, err := r.Value(rawjson.MaxDepth)
		if err != nil {
			return list
		}
		list = append(list, e)
	}
}

// membersOf reads an object by the small letters of its members' names.
func membersOf(field string, raw []byte) (map[string][]byte, error) {
	r := rawjson.NewReader(raw)
	if r.Open('{') != nil {
		return nil, fault(field, "must be an object")
	}
	m := map[string][]byte{}
	for first := true; ; first = false {
		more, err := r.More('}', first)
		if err != nil || !more {
			return m, err
		}
		quoted, err := r.Name()
		if err != nil {
			return nil, err
		}
		name := strings.ToLower(string(rawjson.AppendUnquoted(nil, quoted)))
		if _, twice := m[name]; twice {
			return nil, fault(field, "has a member twice, or in two spellings: leave one of them out")
		}
		if m[name], err = r.Value(rawjson.MaxDepth); err != nil {
			return nil, err
		}
	}
}

func isNull(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }

func trimmed(doc []byte) []byte {
	r := rawjson.NewReader(doc)
	raw, err := r.Value(rawjson.MaxDepth)
	if err != nil {
		return nil // not possible: it has been checked
	}
	return raw
}
