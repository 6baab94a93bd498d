package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Change is what became of a client resource: what it is now, or that it is gone.
type Change struct {
	// Key tells clients apart, as those of several namespaces. Default: the client's name
	// in lower case.
	Key     string
	Client  Client
	Deleted bool
	Noticed time.Time // of the last change
}

// A Coalescer makes one change of those of a client that come within a window after the
// first of them: the last one, at the end of the window (section 5). So a client that is
// changed all the time has an event per window, and is not silent for ever. It has no
// clock and is for one goroutine; the zero value is ready.
type Coalescer struct {
	// Window is how long changes are collected. Default 5 seconds.
	Window time.Duration
	// Most is the number of clients with changes that wait. One more ends the window of
	// the first early. Default 100,000.
	Most int

	waiting map[string]Change // by key
	order   []deadline        // by time: windows are equally long
	first   int               // of order
}

type deadline struct {
	at   time.Time
	name string // the key
}

// Note takes a change. early is one that has to be told at once, if there are too many.
// now must not go back; where it does, windows end in the order in which they began.
func (c *Coalescer) Note(now time.Time, change Change) (early Change, full bool) {
	name := cmp.Or(change.Key, strings.ToLower(change.Client.Name))
	change.Noticed = now
	if _, waits := c.waiting[name]; waits {
		c.waiting[name] = change
		return Change{}, false
	}
	if len(c.waiting) >= cmp.Or(c.Most, 100_000) {
		early, full = c.take(), true
	}
	if c.waiting == nil {
		c.waiting = map[string]Change{}
	}
	c.waiting[name] = change
	c.order = append(c.order, deadline{now.Add(cmp.Or(c.Window, 5*time.Second)), name})
	return early, full
}

// Due returns the next change whose window has ended, if there is one.
func (c *Coalescer) Due(now time.Time) (Change, bool) {
	if at, any := c.Next(); !any || at.After(now) {
		return Change{}, false
	}
	return c.take(), true
}

// Next is when to ask Due again; ok is false when nothing waits.
func (c *Coalescer) Next() (at time.Time, ok bool) {
	if c.first == len(c.order) {
		return at, false
	}
	return c.order[c.first].at, true
}

// Flush returns the first change that waits, whether its window has ended or not: at the
// end nothing is to be lost.
func (c *Coalescer) Flush() (Change, bool) {
	if c.first == len(c.order) {
		return Change{}, false
	}
	return c.take(), true
}

// take removes the first change that waits.
func (c *Coalescer) take() Change {
	name := c.order[c.first].name
	c.order[c.first] = deadline{}
	c.first++
	if c.first == len(c.order) {
		c.order, c.first = c.order[:0], 0
	} else if c.first > len(c.order)/2 && c.first > 64 {
		c.order = slices.Delete(c.order, 0, c.first)
		c.first = 0
	}
	change := c.waiting[name]
	delete(c.waiting, name)
	return change
}
