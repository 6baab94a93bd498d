package manifest

import (
	"fmt"
	"strings"

	"gridmq/internal/spelling"
)

// A Source is where something was written.
type Source struct {
	File         string
	Document     int // from 1; 0: not from a file
	Line, Column int // from 1; 0: not known
}

func (s Source) String() string {
	text := s.File
	if s.Line > 0 {
		text += fmt.Sprintf(":%d:%d", s.Line, s.Column)
	}
	return text
}

// A Fault is one thing that is wrong with a document.
type Fault struct {
	Source   Source
	Resource string // as "Client plant/press-07", if it is known
	Field    string // as "properties.attributes", if it is about one
	Message  string
}

func (f *Fault) Error() string {
	what := f.Resource
	if n := f.Source.Document; n > 0 {
		what = strings.TrimSuffix(fmt.Sprintf("document %d, %s", n, f.Resource), ", ")
	}
	parts := []string{}
	for _, part := range []string{f.Source.String(), what, f.Field, f.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Faults are all that is wrong, in the order of the files.
type Faults []*Fault

// shownFaults is how many an error spells out.
const shownFaults = 50

func (f Faults) Error() string {
	var lines []string
	for _, one := range f[:min(len(f), shownFaults)] {
		lines = append(lines, one.Error())
	}
	if more := len(f) - shownFaults; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// err is nil when nothing is wrong.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// suggest is an addition to an error: the known word that was probably meant.
func suggest(word string, known []string) string {
	best := spelling.Nearest(word, known, 3)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}
