package copies

import "gridmq/store"

// An Op is a kind of change.
type Op uint8

const (
	Lock    Op = iota + 1 // given out: Count is the new one, At begins, Until ends it
	Renew                 // the lock ends at Until
	Release               // available at Until
	Done                  // forgotten
	Leave                 // to be dead-lettered since At
	Return                // the delivery did not take place and is not counted; available at Until
	ops                   // the first that is none
)

// A Change is what happened to some copies at once.
type Change struct {
	Op      Op
	At      int64
	Until   int64
	Outcome uint8          // of Release and Leave, see Copy
	Cursor  store.Position // what lies before it has been looked at; 0: as it was
	Items   []Item
}

// An Item is a copy in a change. Published and Count are there for Lock and Leave,
// which may concern copies that were not known before, Reason for Leave.
type Item struct {
	Pos       store.Position
	Published int64
	Count     int
	Reason    Reason
}

// Apply makes the change. Copies that it does not know are made by Lock and Leave and
// are nothing to the others: a change was written for a state that is lost.
func (b *Book) Apply(x *Change) {
	b.Advance(x.Cursor)
	for _, i := range x.Items {
		c := b.copies[i.Pos]
		switch {
		case x.Op == Done:
			b.forget(c)
			continue
		case c == nil && (x.Op == Lock || x.Op == Leave):
			c = &Copy{Pos: i.Pos, Published: i.Published, Count: i.Count}
			b.copies[i.Pos] = c
			b.Advance(i.Pos + 1)
		case c == nil:
			continue
		}
		if c.State == Leaving && x.Op != Leave {
			b.left--
		}
		b.change(c, x, i)
	}
}

func (b *Book) change(c *Copy, x *Change, i Item) {
	switch x.Op {
	case Lock:
		c.State, c.Count, c.First, c.Until = Locked, i.Count, x.At, x.Until
		if i.Count <= 1 || c.Began == 0 {
			c.Began = x.At
		}
		b.schedule(c)
	case Renew:
		c.State, c.Until = Locked, x.Until
		b.schedule(c)
	case Release:
		c.Outcome = x.Outcome
		b.rest(c, x)
	case Return:
		if c.Count = max(0, c.Count-1); c.Count == 0 {
			c.First, c.Began = 0, 0
		}
		b.rest(c, x)
	case Leave:
		if c.State != Leaving {
			b.left++
			b.leaving = append(b.leaving, c.Pos)
		}
		c.State, c.Until, c.Reason = Leaving, x.At, i.Reason
		if x.Outcome != 0 {
			c.Outcome = x.Outcome
		}
		b.schedule(c)
	}
}

// rest makes c available when x says.
func (b *Book) rest(c *Copy, x *Change) {
	if x.Until <= x.At {
		b.offer(c)
		return
	}
	c.State, c.Until = Delayed, x.Until
	b.schedule(c)
}

func (b *Book) forget(c *Copy) {
	if c == nil {
		return
	}
	if c.State == Leaving {
		b.left--
	}
	delete(b.copies, c.Pos)
}
