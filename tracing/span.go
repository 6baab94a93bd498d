package tracing

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is the part that a span plays, in the numbers of OTLP.
type Kind uint8

// Kinds.
const (
	Internal Kind = 1
	Server   Kind = 2
	Client   Kind = 3
	Producer Kind = 4
	Consumer Kind = 5
)

// maxText bounds each text of a span, in bytes, and maxLinks its links: publishers choose
// topics and clients their names.
const (
	maxText  = 256
	maxLinks = 128
)

// A Span is one step of a trace that is recorded. It belongs to one goroutine until End.
// Nil is a step that is not.
type Span struct {
	tracer     *Tracer
	own        Context
	parent     [8]byte // zero: the trace begins here
	name       string
	kind       Kind
	start, end int64
	attributes []attribute
	links      []Context
	failure    string // its description
	failed     bool
}

type attribute struct {
	key  string
	text string
	n    int64
	kind byte // 's', 'n', 'b'
}

// Start begins a span. Nil: the trace is not recorded. A parent that is valid decides
// that; without one the trace begins here, and chance does.
func (t *Tracer) Start(name string, kind Kind, parent Context) *Span {
	switch {
	case t == nil:
		return nil
	case parent.Valid() && !parent.Sampled(), !parent.Valid() && !t.chosen():
		return nil
	}
	s := &Span{tracer: t, name: name, kind: kind, parent: parent.Span, own: parent, start: time.Now().UnixNano()}
	if !parent.Valid() {
		s.parent = [8]byte{}
		binary.BigEndian.PutUint64(s.own.Trace[:8], rand.Uint64())
		binary.BigEndian.PutUint64(s.own.Trace[8:], rand.Uint64()|1) // never all zero
		s.own.Flags, s.own.State = sampled|random, ""
	}
	binary.BigEndian.PutUint64(s.own.Span[:], rand.Uint64()|1)
	return s
}

// chosen decides about a trace that begins here.
func (t *Tracer) chosen() bool {
	return t.bound == always || t.bound > 0 && rand.Uint64() < t.bound
}

// Child begins a step within s.
func (s *Span) Child(name string, kind Kind) *Span {
	if s == nil {
		return nil
	}
	return s.tracer.Start(name, kind, s.own)
}

// Context names s; zero if s is nil.
func (s *Span) Context() Context {
	if s == nil {
		return Context{}
	}
	return s.own
}

// Text notes a text, of which 256 bytes are kept.
func (s *Span) Text(key, value string) *Span {
	if s != nil && value != "" {
		s.attributes = append(s.attributes, attribute{key: key, text: clip(value), kind: 's'})
	}
	return s
}

// Number notes a number.
func (s *Span) Number(key string, n int) *Span {
	if s != nil {
		s.attributes = append(s.attributes, attribute{key: key, n: int64(n), kind: 'n'})
	}
	return s
}

// Truth notes yes or no.
func (s *Span) Truth(key string, yes bool) *Span {
	if s != nil {
		a := attribute{key: key, kind: 'b'}
		if yes {
			a.n = 1
		}
		s.attributes = append(s.attributes, a)
	}
	return s
}

// Link says that s has to do with a span of another trace, too.
func (s *Span) Link(c Context) {
	if s != nil && c.Valid() && len(s.links) < maxLinks {
		s.links = append(s.links, c)
	}
}

// Fail says that the step did not do what it was for; the first reason counts. kind is of
// a closed set.
func (s *Span) Fail(kind, description string) {
	if s != nil && !s.failed {
		s.Text("error.type", kind)
		s.failed, s.failure = true, clip(description)
	}
}

// End is the end of the step. s must not be used any more, but its Context may.
func (s *Span) End() {
	if s != nil {
		s.end = time.Now().UnixNano()
		s.tracer.put(s)
	}
}

// clip keeps the beginning of a text, as a copy: what it is of may be a large buffer.
func clip(s string) string {
	if len(s) > maxText {
		n := maxText
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(strings.Clone(s), "\uFFFD")
}
