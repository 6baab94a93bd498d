// Package rawjson reads JSON from strangers without building values: it checks a
// value and says where it ends, so that its bytes can be kept as they are.
//
// It is strict. Refused are unknown escapes, raw control characters, escapes of
// half a surrogate pair, numbers outside the grammar, nesting beyond a bound and,
// in [Check], invalid UTF-8 and whatever follows the value. Names that occur twice
// are the caller's to refuse, who knows in which objects they matter.
//
// It is pure, and allocates only for the error and for what [AppendUnquoted] adds
// to the caller's buffer. Time is linear in the input, the stack is bounded by the
// depth.
//
// Units: offsets and lengths are bytes. Errors: *[Error], with the offset.
// Source: RFC 8259; RFC 7493 (I-JSON), section 2.1, for the surrogates.
package rawjson
