package copies

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gridmq/store"
)

// slow is the table of section 9.5, read literally: a list that is searched, and a
// state that is worked out anew at each question.
type slow struct {
	max      int
	lifetime int64
	patient  bool // a delay is waited for, though the lifetime is over
	all      []*slowCopy
}

type slowCopy struct {
	pos       store.Position
	published int64
	count     int
	known     bool // was given out once
	began     int64
	holder    bool
	until     int64 // of the lock, or of the delay
	gone      Reason
}

func (m *slow) find(pos store.Position) *slowCopy {
	for _, c := range m.all {
		if c.pos == pos {
			return c
		}
	}
	return nil
}

// settle moves every copy to the state that it has at now.
func (m *slow) settle(now int64) {
	for _, c := range m.all {
		expired := now >= c.published+m.lifetime
		switch {
		case c.gone != None:
		case c.holder && now < c.until: // locked
		case c.count >= m.max && (c.holder || c.until == 0):
			c.gone = UsedUp
		case expired && (!m.patient || c.holder || now >= c.until) && c.known:
			c.gone = Expired
		case c.holder:
			c.holder, c.until = false, 0
		}
	}
}

func (m *slow) available(now int64) (list []store.Position) {
	for _, c := range m.all {
		if c.gone == None && !c.holder && now >= c.until && c.known && now < c.published+m.lifetime {
			list = append(list, c.pos)
		}
	}
	return list
}

// TestBook drives a book as its owner does, beside the model, and a second book that
// only hears of the changes as they are written: a recovery at every step.
func TestBook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &slow{max: rapid.IntRange(1, 4).Draw(t, "max"), lifetime: rapid.Int64Range(10, 300).Draw(t, "lifetime")}
		m.patient = rapid.Bool().Draw(t, "patient")
		p := Policy{MaxCount: m.max, Lifetime: m.lifetime, Patient: m.patient}
		book, shadow := New(1, p), New(1, p)
		now, next := int64(1000), store.Position(1)
		apply := func(x Change) {
			x.At = now
			book.Apply(&x)
			y, err := ReadChange(x.Append(nil))
			if err != nil {
				t.Fatalf("ReadChange of %+v: %v", x, err)
			}
			shadow.Apply(&y)
		}
		expire := func() { // every owner's first step
			for {
				items := book.Expire(now, 3)
				if len(items) == 0 {
					break
				}
				for _, i := range items {
					c := m.find(i.Pos)
					if m.settle(now); c.gone != i.Reason {
						t.Fatalf("copy %d leaves for %d, the model says %d", i.Pos, i.Reason, c.gone)
					}
				}
				apply(Change{Op: Leave, Items: items})
			}
			for len(shadow.Expire(now, 100)) > 0 {
				t.Fatal("the recovered book has something left to expire")
			}
			m.settle(now)
		}
		valid := func(t *rapid.T) (*slowCopy, Copy, bool) {
			if len(m.all) == 0 {
				t.Skip("nothing")
			}
			c := rapid.SampledFrom(m.all).Draw(t, "copy")
			count := c.count - rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "old")
			got, ok := book.Valid(c.pos, count, now)
			if want := c.gone == None && c.holder && now < c.until && count == c.count; ok != want {
				t.Fatalf("Valid(%d, %d) at %d = %v, the model says %v: %+v", c.pos, count, now, ok, want, *c)
			}
			return c, got, ok
		}
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				now += rapid.Int64Range(1, 60).Draw(t, "for")
				expire()
			},
			"receive": func(t *rapid.T) {
				expire()
				n, lock := rapid.IntRange(1, 4).Draw(t, "n"), rapid.Int64Range(1, 40).Draw(t, "lock")
				x := Change{Op: Lock, Until: now + lock}
				for _, c := range book.Ready(n, now) {
					if !slices.Contains(m.available(now), c.Pos) {
						t.Fatalf("copy %d is given out, the model says no", c.Pos)
					}
					x.Items = append(x.Items, Item{Pos: c.Pos, Published: c.Published, Count: c.Count + 1})
				}
				if len(x.Items) < min(n, len(m.available(now))) {
					t.Fatalf("%d given out of %d", len(x.Items), len(m.available(now)))
				}
				for len(x.Items) < n {
					x.Items = append(x.Items, Item{Pos: next, Published: now - rapid.Int64Range(0, m.lifetime-1).Draw(t, "age"), Count: 1})
					m.all = append(m.all, &slowCopy{pos: next, published: x.Items[len(x.Items)-1].Published})
					next++
				}
				x.Cursor = next
				apply(x)
				for _, i := range x.Items {
					c := m.find(i.Pos)
					c.holder, c.until, c.count, c.known = true, now+lock, c.count+1, true
					if c.count == 1 {
						c.began = now
					}
				}
			},
			"acknowledge": func(t *rapid.T) {
				if c, got, ok := valid(t); ok {
					apply(Change{Op: Done, Items: []Item{{Pos: got.Pos}}})
					m.all = slices.DeleteFunc(m.all, func(x *slowCopy) bool { return x == c })
				}
			},
			"release": func(t *rapid.T) {
				c, got, ok := valid(t)
				if !ok {
					return
				}
				if got.Count >= book.MaxCount() {
					apply(Change{Op: Leave, Items: []Item{{Pos: got.Pos, Published: got.Published, Count: got.Count, Reason: UsedUp}}})
					c.gone = UsedUp
					return
				}
				delay := rapid.SampledFrom([]int64{0, 0, 5, 50, 5000}).Draw(t, "delay")
				apply(Change{Op: Release, Until: now + delay, Items: []Item{{Pos: got.Pos}}})
				c.holder, c.until = false, now+delay
				if delay == 0 {
					c.until = 0
				}
				expire()
			},
			"return": func(t *rapid.T) {
				c, got, ok := valid(t)
				if !ok {
					return
				}
				delay := rapid.SampledFrom([]int64{0, 0, 5, 50}).Draw(t, "delay")
				apply(Change{Op: Return, Until: now + delay, Items: []Item{{Pos: got.Pos}}})
				c.holder, c.until, c.count = false, now+delay, c.count-1
				if delay == 0 {
					c.until = 0
				}
				if c.count == 0 {
					c.began = 0
				}
				expire()
			},
			"reject": func(t *rapid.T) {
				if c, got, ok := valid(t); ok {
					apply(Change{Op: Leave, Items: []Item{{Pos: got.Pos, Published: got.Published, Count: got.Count, Reason: Rejected}}})
					c.gone = Rejected
				}
			},
			"renew": func(t *rapid.T) {
				if c, got, ok := valid(t); ok {
					c.until = now + rapid.Int64Range(1, 80).Draw(t, "by")
					apply(Change{Op: Renew, Until: c.until, Items: []Item{{Pos: got.Pos}}})
				}
			},
			"deposit": func(t *rapid.T) {
				var items []Item
				for _, c := range book.Departures(2) {
					if m.find(c.Pos).gone != c.Reason {
						t.Fatalf("copy %d leaves for %d, the model says %d", c.Pos, c.Reason, m.find(c.Pos).gone)
					}
					items = append(items, Item{Pos: c.Pos})
					m.all = slices.DeleteFunc(m.all, func(x *slowCopy) bool { return x.pos == c.Pos })
				}
				apply(Change{Op: Done, Items: items})
			},
			"restart": func(t *rapid.T) {
				again, err := Restore(book.AppendSnapshot(nil), Policy{})
				if err != nil {
					t.Fatal(err)
				}
				again.SetPolicy(p)
				book = again
				expire()
			},
			"": func(t *rapid.T) {
				if a, b := book.AppendSnapshot(nil), shadow.AppendSnapshot(nil); !bytes.Equal(a, b) {
					t.Fatalf("what was written gives another state:\n%s\n%s", dump(book), dump(shadow))
				}
				leaving, low := 0, next
				for _, c := range m.all {
					if low = min(low, c.pos); c.gone != None {
						leaving++
					}
					if got, _ := book.Copy(c.pos); got.Began != c.began {
						t.Fatalf("copy %d began at %d, the model says %d", c.pos, got.Began, c.began)
					}
				}
				if book.Leaving() != leaving || book.Outstanding() != len(m.all)-leaving || book.Low() != low {
					t.Fatalf("leaving %d, outstanding %d, low %d; the model says %d, %d, %d", book.Leaving(), book.Outstanding(), book.Low(), leaving, len(m.all)-leaving, low)
				}
			},
		})
	})
}

func dump(b *Book) (s string) {
	for pos := store.Position(0); pos < b.cursor; pos++ {
		if c := b.copies[pos]; c != nil {
			s += fmt.Sprintf("%+v ", *c)
		}
	}
	return s
}

func FuzzChange(f *testing.F) {
	x := Change{Op: Lock, At: 9, Until: 10, Cursor: 4, Items: []Item{{Pos: 3, Published: 8, Count: 1}, {Pos: 1, Published: 2, Count: 9}}}
	f.Add(x.Append(nil))
	x.Op = Done
	f.Add(x.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ReadChange(b)
		if err != nil {
			return
		}
		y, err := ReadChange(x.Append(nil))
		if err != nil || fmt.Sprint(x) != fmt.Sprint(y) {
			t.Errorf("%x read as %+v, written and read again as %+v, %v", b, x, y, err)
		}
		book := New(1, Policy{MaxCount: 3, Lifetime: 100})
		book.Apply(&x)
		book.Expire(50, 10)
		if _, err := Restore(book.AppendSnapshot(nil), Policy{MaxCount: 3, Lifetime: 100}); err != nil && x.Cursor < maxPosition {
			t.Errorf("%+v: its state cannot be restored: %v", x, err)
		}
	})
}

func FuzzRestore(f *testing.F) {
	b := New(1, Policy{MaxCount: 3, Lifetime: 100})
	b.Apply(&Change{Op: Lock, At: 9, Until: 10, Cursor: 4, Items: []Item{{Pos: 3, Published: 8, Count: 1}, {Pos: 1, Published: 2, Count: 9}}})
	b.Apply(&Change{Op: Leave, At: 9, Items: []Item{{Pos: 1, Reason: Rejected}}})
	f.Add(b.AppendSnapshot(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := Restore(raw, Policy{MaxCount: 3, Lifetime: 100})
		if err != nil {
			return
		}
		c, err := Restore(b.AppendSnapshot(nil), Policy{MaxCount: 3, Lifetime: 100})
		if err != nil || !bytes.Equal(b.AppendSnapshot(nil), c.AppendSnapshot(nil)) {
			t.Errorf("%x is restored, written and restored as another state: %v", raw, err)
		}
	})
}

// A lock is over at its end, not after it, also before Expire has seen that.
func TestValidEndsWithTheLock(t *testing.T) {
	b := New(1, Policy{MaxCount: 3, Lifetime: 1000})
	b.Apply(&Change{Op: Lock, At: 10, Until: 70, Items: []Item{{Pos: 1, Published: 5, Count: 1}}})
	for now, want := range map[int64]bool{10: true, 69: true, 70: false, 71: false} {
		if _, ok := b.Valid(1, 1, now); ok != want {
			t.Errorf("Valid at %d = %v, want %v", now, ok, want)
		}
	}
	if _, ok := b.Valid(1, 2, 10); ok {
		t.Error("a delivery that has not happened is valid")
	}
}
