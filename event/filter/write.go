package filter

import (
	"math"
	"strconv"

	"gridmq/event/rawjson"
)

// AppendJSON appends the filtersConfiguration, with operators in the spelling of
// section 8.1. Members without entries are left out.
func (c Config) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	if len(c.IncludedEventTypes) > 0 {
		dst = append(dst, `"includedEventTypes":`...)
		dst = appendList(dst, c.IncludedEventTypes, rawjson.AppendQuoted[string])
	}
	if len(c.Filters) > 0 {
		if len(c.IncludedEventTypes) > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `"filters":`...)
		dst = appendList(dst, c.Filters, appendCondition)
	}
	return append(dst, '}')
}

func appendCondition(dst []byte, c Condition) []byte {
	dst = append(dst, `{"operatorType":"`...)
	dst = append(dst, c.Operator.String()...)
	dst = append(dst, `","key":`...)
	dst = rawjson.AppendQuoted(dst, c.Key)
	if !c.Operator.known() {
		return append(dst, '}')
	}
	switch operations[c.Operator].operand {
	case number:
		for _, n := range c.Numbers {
			dst = appendNumber(append(dst, `,"value":`...), n)
		}
	case boolean:
		dst = strconv.AppendBool(append(dst, `,"value":`...), c.Bool)
	case numbers:
		dst = appendList(append(dst, `,"values":`...), c.Numbers, appendNumber)
	case ranges:
		dst = appendList(append(dst, `,"values":`...), c.Ranges, func(dst []byte, r [2]float64) []byte { return appendList(dst, r[:], appendNumber) })
	case texts:
		dst = appendList(append(dst, `,"values":`...), c.Strings, rawjson.AppendQuoted[string])
	}
	return append(dst, '}')
}

func appendList[T any](dst []byte, list []T, one func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, e)
	}
	return append(dst, ']')
}

// appendNumber writes integers as such, as long as they are readable.
func appendNumber(dst []byte, n float64) []byte {
	format := byte('f')
	if a := math.Abs(n); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, n, format, -1, 64)
}
