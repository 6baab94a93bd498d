package filter

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Config is the filtersConfiguration of a subscription. The zero value lets
// everything through. All of Filters must match, and the type be an included one.
type Config struct {
	IncludedEventTypes []string // none: all types
	Filters            []Condition
}

// A Condition is one entry of filters. Which operand counts is the operator's
// matter; with several values one of them is enough.
type Condition struct {
	Operator Operator
	Key      string
	Strings  []string     // StringIn and its like
	Numbers  []float64    // NumberIn and NumberNotIn; one for the comparisons
	Ranges   [][2]float64 // NumberInRange and NumberNotInRange, both ends included
	Bool     bool         // BoolEquals
}

// Limits bound a Config. The zero value has the defaults.
type Limits struct {
	// Filters is the number of conditions (8.5). Default 25.
	Filters int
	// Values is the number of values over all conditions; a single operand and a
	// range count as one, null tests as none (8.5). Default 25.
	Values int
	// Characters is the length of one string value or included type (8.5). Default 512.
	Characters int
	// EventTypes is the number of included types, for which Azure states no limit.
	// Default 256.
	EventTypes int
}

func (l Limits) withDefaults() Limits {
	l.Filters = cmp.Or(l.Filters, 25)
	l.Values = cmp.Or(l.Values, 25)
	l.Characters = cmp.Or(l.Characters, 512)
	l.EventTypes = cmp.Or(l.EventTypes, 256)
	return l
}

// A FieldError says what is wrong with which field.
type FieldError struct {
	Field  string // below filtersConfiguration, as "filters[0].key"; "" is the whole
	Reason string // reads on after the field
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + " " + e.Reason
}

func fault(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

// Validate refuses what goes beyond limits or cannot be compiled. The error is one
// *FieldError per field, joined.
func (c Config) Validate(limits Limits) error {
	limits = limits.withDefaults()
	var errs []error
	if n := len(c.IncludedEventTypes); n > limits.EventTypes {
		return fault("includedEventTypes", "has %d types, at most %d are allowed: use a filter on the key type with StringBeginsWith", n, limits.EventTypes)
	}
	for i, s := range c.IncludedEventTypes {
		field := fmt.Sprintf("includedEventTypes[%d]", i)
		if s == "" {
			errs = append(errs, fault(field, "must not be empty"))
		}
		errs = append(errs, limits.checkText(field, s))
	}
	if n := len(c.Filters); n > limits.Filters {
		return fault("filters", "has %d filters, at most %d are allowed", n, limits.Filters)
	}
	values := 0
	for i := range c.Filters {
		values += c.Filters[i].values()
		errs = append(errs, c.Filters[i].validate(fmt.Sprintf("filters[%d]", i), limits))
	}
	if values > limits.Values {
		errs = append(errs, fault("filters", "have %d values in all, at most %d are allowed over the filters of one subscription", values, limits.Values))
	}
	return errors.Join(errs...)
}

func (l Limits) checkText(field, s string) error {
	if n := utf8.RuneCountInString(s); n > l.Characters {
		return fault(field, "has %d characters, at most %d are allowed", n, l.Characters)
	}
	if !utf8.ValidString(s) {
		return fault(field, "must be valid UTF-8")
	}
	return nil
}

// values is how many values the condition counts for.
func (c *Condition) values() int {
	if c.Operator == BoolEquals {
		return 1
	}
	return len(c.Strings) + len(c.Numbers) + len(c.Ranges)
}

func (c *Condition) validate(field string, limits Limits) error {
	if !c.Operator.known() {
		return fault(field+".operatorType", "must be one of %s", operatorNames())
	}
	var errs []error
	if _, err := parseKey(c.Key); err != nil {
		errs = append(errs, fault(field+".key", "%s", err.Error()))
	}
	want := map[operand]int{texts: len(c.Strings), numbers: len(c.Numbers), ranges: len(c.Ranges), number: len(c.Numbers), none: 1, boolean: 1}
	switch o := operations[c.Operator]; {
	case want[o.operand] == 0 && o.operand != number:
		errs = append(errs, fault(field+".values", "must have at least one value"))
	case o.operand == number && len(c.Numbers) != 1:
		errs = append(errs, fault(field+".value", "must be one number"))
	}
	for i, s := range c.Strings {
		errs = append(errs, limits.checkText(fmt.Sprintf("%s.values[%d]", field, i), s))
	}
	for i, n := range c.Numbers {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			errs = append(errs, fault(fmt.Sprintf("%s.values[%d]", field, i), "must be a finite number"))
		}
	}
	for i, r := range c.Ranges {
		if !(r[0] <= r[1]) || math.IsInf(r[0], 0) || math.IsInf(r[1], 0) {
			errs = append(errs, fault(fmt.Sprintf("%s.values[%d]", field, i), "must be a range of finite numbers, the lower one first"))
		}
	}
	return errors.Join(errs...)
}
