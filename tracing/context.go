package tracing

import "encoding/hex"

// Names of the two fields that carry a context: as HTTP headers, as user properties of
// MQTT 5, as headers of Kafka records, as extensions of CloudEvents.
const (
	ParentField = "traceparent"
	StateField  = "tracestate"
)

// MaxState is the longest tracestate that goes on: what W3C says everybody should take
// (section 3.3.1.5). A longer one is left out, as the same section allows.
const MaxState = 512

// Flags of a context. Others are not ours to pass on.
const (
	sampled  = 1
	random   = 2 // level 2: the trace id is random
	ourFlags = sampled | random
)

// A Context names one span of one trace. The zero value names none.
type Context struct {
	Trace [16]byte
	Span  [8]byte
	Flags byte
	State string // what others in the trace told each other
}

// Valid says whether c names a span.
func (c Context) Valid() bool { return c.Trace != [16]byte{} && c.Span != [8]byte{} }

// Sampled says whether whoever began the trace records it.
func (c Context) Sampled() bool { return c.Flags&sampled != 0 }

const (
	parentSize = 55 // 00-<32>-<16>-<2>
	traceAt    = 3
	spanAt     = 36
	flagsAt    = 53
)

// Parse reads the two fields. ok is false if parent is none, and c is zero then: a bad
// traceparent is as if there were none (section 4.3), and takes its tracestate along. It
// allocates nothing but a copy of state, of bytes.
func Parse[T string | []byte](parent, state T) (c Context, ok bool) {
	if len(parent) < parentSize || parent[2] != '-' || parent[spanAt-1] != '-' || parent[flagsAt-1] != '-' {
		return Context{}, false
	}
	var version, flags [1]byte
	if !readHex(version[:], parent[:2]) || !readHex(c.Trace[:], parent[traceAt:spanAt-1]) ||
		!readHex(c.Span[:], parent[spanAt:flagsAt-1]) || !readHex(flags[:], parent[flagsAt:parentSize]) {
		return Context{}, false
	}
	more := len(parent) > parentSize // section 4.3: later versions may say more behind it
	if version[0] == 0xff || more && (version[0] == 0 || parent[parentSize] != '-') || !c.Valid() {
		return Context{}, false
	}
	c.Flags = flags[0] & ourFlags
	if validState(state) {
		c.State = string(state)
	}
	return c, true
}

// readHex reads lower-case hexadecimal, which is all that the header may have.
func readHex[T string | []byte](dst []byte, s T) bool {
	for i := range dst {
		hi, lo := digit(s[2*i]), digit(s[2*i+1])
		if hi > 15 || lo > 15 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// validState refuses what could not stand in a header. What its members mean is a matter
// of those who made them.
func validState[T string | []byte](s T) bool {
	if len(s) > MaxState {
		return false
	}
	pair := false
	for i := range len(s) {
		if c := s[i]; (c < ' ' || c > '~') && c != '\t' {
			return false
		}
		pair = pair || s[i] == '='
	}
	return pair
}

// Parent is c as traceparent; "" if c names no span.
func (c Context) Parent() string {
	if !c.Valid() {
		return ""
	}
	var b [parentSize]byte
	copy(b[:], "00-")
	hex.Encode(b[traceAt:], c.Trace[:])
	b[spanAt-1] = '-'
	hex.Encode(b[spanAt:], c.Span[:])
	b[flagsAt-1] = '-'
	hex.Encode(b[flagsAt:], []byte{c.Flags & ourFlags})
	return string(b[:])
}
