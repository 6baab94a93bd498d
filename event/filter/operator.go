package filter

import "strings"

// Operator is an operatorType (8.1).
type Operator uint8

const (
	NumberIn Operator = 1 + iota
	NumberNotIn
	NumberLessThan
	NumberGreaterThan
	NumberLessThanOrEquals
	NumberGreaterThanOrEquals
	NumberInRange
	NumberNotInRange
	BoolEquals
	StringContains
	StringNotContains
	StringBeginsWith
	StringNotBeginsWith
	StringEndsWith
	StringNotEndsWith
	StringIn
	StringNotIn
	IsNullOrUndefined
	IsNotNull
)

// operand is what stands beside an operator.
type operand uint8

const (
	none    operand = iota
	number          // value
	boolean         // value
	numbers         // values
	ranges          // values
	texts           // values
)

// An operation is what the tables of section 8 say of an operator.
type operation struct {
	name     string
	operand  operand
	negative bool // matches when nothing hits (8.4)
	missing  bool // matches when the key is missing or null (8.3)
}

var operations = [...]operation{
	NumberIn:                  {"NumberIn", numbers, false, false},
	NumberNotIn:               {"NumberNotIn", numbers, true, true},
	NumberLessThan:            {"NumberLessThan", number, false, false},
	NumberGreaterThan:         {"NumberGreaterThan", number, false, false},
	NumberLessThanOrEquals:    {"NumberLessThanOrEquals", number, false, false},
	NumberGreaterThanOrEquals: {"NumberGreaterThanOrEquals", number, false, false},
	NumberInRange:             {"NumberInRange", ranges, false, false},
	NumberNotInRange:          {"NumberNotInRange", ranges, true, true},
	BoolEquals:                {"BoolEquals", boolean, false, false},
	StringContains:            {"StringContains", texts, false, false},
	StringNotContains:         {"StringNotContains", texts, true, false},
	StringBeginsWith:          {"StringBeginsWith", texts, false, false},
	StringNotBeginsWith:       {"StringNotBeginsWith", texts, true, false},
	StringEndsWith:            {"StringEndsWith", texts, false, false},
	StringNotEndsWith:         {"StringNotEndsWith", texts, true, false},
	StringIn:                  {"StringIn", texts, false, false},
	StringNotIn:               {"StringNotIn", texts, true, true},
	IsNullOrUndefined:         {"IsNullOrUndefined", none, false, true},
	IsNotNull:                 {"IsNotNull", none, false, false},
}

// String is the name as section 8.1 spells it.
func (o Operator) String() string {
	if o.known() {
		return operations[o].name
	}
	return "unknown operator"
}

func (o Operator) known() bool { return o > 0 && int(o) < len(operations) }

// operatorOf is the operator of that name, ignoring case (8.1).
func operatorOf(name string) (Operator, bool) {
	for o := NumberIn; o.known(); o++ {
		if strings.EqualFold(operations[o].name, name) {
			return o, true
		}
	}
	return 0, false
}

// operatorNames are all operators, for an error.
func operatorNames() string {
	list := make([]string, 0, len(operations))
	for o := NumberIn; o.known(); o++ {
		list = append(list, operations[o].name)
	}
	return strings.Join(list, ", ")
}
