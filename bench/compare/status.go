//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// A status tells what is being done. On a terminal that is one line, written
// again every second. Elsewhere it is the step as it begins, what came of it
// behind that, and a line every logEvery in between.
type status struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	all      bool // every progress gets a line: -v

	step   string
	told   time.Time // when something was last written
	broken bool      // the step has more than one line
}

const logEvery = 10 * time.Second

func newStatus(f *os.File, verbose bool) *status {
	return &status{w: f, terminal: term.IsTerminal(int(f.Fd())) && !verbose, all: verbose}
}

// begin tells of a step that may take a while.
func (s *status) begin(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step, s.told, s.broken = step, time.Now(), false
	if s.terminal {
		s.rewrite(step)
		return
	}
	fmt.Fprint(s.w, step, ": ")
}

// progress tells how far the step is.
func (s *status) progress(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case s.terminal:
		s.rewrite(s.step + ": " + text)
	case s.all || now.Sub(s.told) >= logEvery:
		s.told, s.broken = now, true
		fmt.Fprint(s.w, "\n  ", text)
	}
}

// end tells what came of the step.
func (s *status) end(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal {
		s.rewrite("")
		fmt.Fprint(s.w, s.step, ": ")
	}
	if s.broken {
		fmt.Fprint(s.w, "\n  ")
	}
	fmt.Fprintln(s.w, text)
}

// rewrite replaces the line of a terminal. A long one is cut: it would wrap, and
// could not be replaced.
func (s *status) rewrite(text string) {
	width := 80
	if f, ok := s.w.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			width = w
		}
	}
	if r := []rune(text); len(r) >= width {
		text = string(r[:width-1])
	}
	fmt.Fprint(s.w, "\r\x1b[K"+text)
}

// An estimate is how long the rest of many steps will take. Each step is given
// a weight; what a unit of weight takes is learned as they end.
type estimate struct {
	total, done time.Duration // weights
	began       time.Time
}

func (e *estimate) left(now time.Time) time.Duration {
	rest := e.total - e.done
	if e.done > 0 {
		rest = time.Duration(float64(rest) * float64(now.Sub(e.began)) / float64(e.done))
	}
	return rest
}

// about prints a time as people say it.
func about(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%d s", int((d + time.Second/2).Seconds()))
	}
	return fmt.Sprintf("%d min", int((d + 30*time.Second).Minutes()))
}
