package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The documented examples: section 5.
func TestCoalescer(t *testing.T) {
	start := at("07:00:00")
	client := func(hall int) Client {
		return Client{Name: "press-07", Attributes: fmt.Appendf(nil, `{"hall":%d}`, hall)}
	}
	t.Run("create and two updates", func(t *testing.T) {
		var c Coalescer
		for i := range 3 {
			c.Note(start.Add(time.Duration(i)*time.Second), Change{Client: client(i)})
		}
		if _, due := c.Due(start.Add(5*time.Second - 1)); due {
			t.Error("due before the end of the window")
		}
		change, due := c.Due(start.Add(5 * time.Second))
		if !due || change.Deleted || string(change.Client.Attributes) != `{"hall":2}` || !change.Noticed.Equal(start.Add(2*time.Second)) {
			t.Errorf("%v, %+v", due, change)
		}
		if _, due := c.Due(start.Add(time.Hour)); due {
			t.Error("a second event")
		}
	})
	t.Run("create and delete", func(t *testing.T) {
		var c Coalescer
		c.Note(start, Change{Client: client(1)})
		c.Note(start.Add(4*time.Second), Change{Client: Client{Name: "PRESS-07"}, Deleted: true})
		if change, due := c.Due(start.Add(5 * time.Second)); !due || !change.Deleted {
			t.Errorf("%v, %+v", due, change)
		}
		if _, any := c.Next(); any {
			t.Error("something waits")
		}
	})
	t.Run("changed all the time", func(t *testing.T) {
		var c Coalescer
		events := 0
		for i := range 60 { // each second for a minute: 12 windows
			now := start.Add(time.Duration(i) * time.Second)
			if _, due := c.Due(now); due {
				events++
			}
			c.Note(now, Change{Client: client(i)})
		}
		if events != 11 {
			t.Errorf("%d events in a minute, and one that waits; want 11", events)
		}
	})
}

// At the bound the first window ends early, and nothing is lost.
func TestCoalescerIsFull(t *testing.T) {
	c := Coalescer{Most: 2}
	now := at("07:00:00")
	for i, want := range []string{"", "", "a", "b"} {
		early, full := c.Note(now, Change{Client: Client{Name: string(rune('a' + i))}})
		if full != (want != "") || early.Client.Name != want {
			t.Errorf("change %d brings out %q, want %q", i, early.Client.Name, want)
		}
	}
	if _, full := c.Note(now, Change{Client: Client{Name: "C"}}); full {
		t.Error("a client that waits needs no room")
	}
	for _, want := range []string{"C", "d"} {
		if change, ok := c.Flush(); !ok || change.Client.Name != want {
			t.Errorf("flushed %q, want %q", change.Client.Name, want)
		}
	}
	if _, ok := c.Flush(); ok {
		t.Error("flushed more than there was")
	}
}

// A key of the caller's own tells clients apart that have one name.
func TestCoalescerKeys(t *testing.T) {
	var c Coalescer
	now := at("07:00:00")
	for _, key := range []string{"a/press", "b/press", "a/Press", "b/press"} {
		c.Note(now, Change{Key: key, Client: Client{Name: "press"}})
	}
	for _, want := range []string{"a/press", "b/press", "a/Press", ""} {
		if change, _ := c.Flush(); change.Key != want {
			t.Errorf("flushed %q, want %q", change.Key, want)
		}
	}
}

// Against a slow model: a client's last change comes out when the window that its first
// one opened has ended.
func TestCoalescerModel(t *testing.T) {
	type window struct {
		ends time.Time
		last int
	}
	rapid.Check(t, func(t *rapid.T) {
		var c Coalescer
		model := map[string]*window{}
		now, n := at("07:00:00"), 0
		t.Repeat(map[string]func(*rapid.T){
			"change": func(t *rapid.T) {
				name := rapid.SampledFrom([]string{"a", "A", "b", "c"}).Draw(t, "client")
				n++
				c.Note(now, Change{Client: Client{Name: name, Attributes: fmt.Append(nil, n)}})
				if w := model[strings.ToLower(name)]; w != nil {
					w.last = n
				} else {
					model[strings.ToLower(name)] = &window{now.Add(5 * time.Second), n}
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
				for {
					change, due := c.Due(now)
					if !due {
						break
					}
					name := strings.ToLower(change.Client.Name)
					w := model[name]
					if w == nil || w.ends.After(now) || fmt.Sprint(w.last) != string(change.Client.Attributes) {
						t.Fatalf("%s comes out as %s, the model has %+v", name, change.Client.Attributes, w)
					}
					delete(model, name)
				}
				for name, w := range model {
					if !w.ends.After(now) {
						t.Fatalf("%s does not come out", name)
					}
				}
			},
			"": func(t *rapid.T) {
				next, any := c.Next()
				if any != (len(model) > 0) {
					t.Fatalf("something waits: %v, the model has %d", any, len(model))
				}
				for _, w := range model {
					if w.ends.Before(next) {
						t.Fatalf("next at %v, and a window ends at %v", next, w.ends)
					}
				}
			},
		})
	})
}

// What has come out is let go of.
func TestCoalescerForgets(t *testing.T) {
	c := Coalescer{Most: 300}
	for i := range 10_000 {
		c.Note(at("07:00:00"), Change{Client: Client{Name: fmt.Sprint(i)}})
	}
	if len(c.waiting) != 300 || cap(c.order) > 2000 {
		t.Errorf("%d wait, in room for %d", len(c.waiting), cap(c.order))
	}
}
