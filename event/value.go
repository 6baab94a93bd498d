package event

import (
	"encoding/base64"
	"math"
	"strconv"

	"gridmq/event/rawjson"
)

// Kind is the type of an extension's value, of the type system of CloudEvents 1.0,
// section 3.1. Its URIs and timestamps cannot be told from strings in JSON.
type Kind uint8

const (
	StringValue Kind = iota
	BooleanValue
	IntegerValue
	BinaryValue // a string, in base64, in JSON and in headers
)

// A Value is the value of an extension. The zero value is the empty string. Values
// can be compared with ==.
type Value struct {
	text string // of a string and a binary value
	n    int32  // of an integer and a boolean
	kind Kind
}

// String is s.
func String(s string) Value { return Value{text: s} }

// Boolean is b.
func Boolean(b bool) Value {
	v := Value{kind: BooleanValue}
	if b {
		v.n = 1
	}
	return v
}

// Integer is n. CloudEvents has 32 bits for it; beyond them the value is the
// decimal number as a string, which every reader takes.
func Integer(n int64) Value {
	if n < math.MinInt32 || n > math.MaxInt32 {
		return String(strconv.FormatInt(n, 10))
	}
	return Value{kind: IntegerValue, n: int32(n)}
}

// Binary is b, which is copied.
func Binary(b []byte) Value { return Value{kind: BinaryValue, text: string(b)} }

// Kind is the type of v.
func (v Value) Kind() Kind { return v.kind }

// Text is the string; ok if v is one.
func (v Value) Text() (s string, ok bool) { return v.text, v.kind == StringValue }

// Boolean is the boolean; ok if v is one.
func (v Value) Boolean() (b, ok bool) { return v.n != 0, v.kind == BooleanValue }

// Integer is the integer; ok if v is one.
func (v Value) Integer() (n int32, ok bool) { return v.n, v.kind == IntegerValue }

// AppendText appends the canonical string of v: what a header has, and what string
// filters look at (CloudEvents 1.0, section 3.1).
func (v Value) AppendText(dst []byte) []byte {
	switch v.kind {
	case BooleanValue:
		return strconv.AppendBool(dst, v.n != 0)
	case IntegerValue:
		return strconv.AppendInt(dst, int64(v.n), 10)
	case BinaryValue:
		return appendBase64(dst, v.text)
	}
	return append(dst, v.text...)
}

// appendJSON appends v as the JSON format has it, section 2.2 there.
func (v Value) appendJSON(dst []byte) []byte {
	switch v.kind {
	case StringValue:
		return rawjson.AppendQuoted(dst, v.text)
	case BinaryValue:
		dst = append(dst, '"')
		return append(appendBase64(dst, v.text), '"')
	}
	return v.AppendText(dst)
}

// appendBase64 appends s in base64, in steps of a fixed buffer: encoding/base64
// takes no strings, and a conversion would allocate.
func appendBase64(dst []byte, s string) []byte {
	var step [192]byte
	for len(s) > 0 {
		n := copy(step[:], s)
		dst = base64.StdEncoding.AppendEncode(dst, step[:n])
		s = s[n:]
	}
	return dst
}
