package copies

import (
	"slices"

	"gridmq/store"
)

// A State is what a copy is in (section 9.5). A copy that is done is forgotten; one
// that no delivery has touched is not known yet: it lies behind the cursor.
type State uint8

const (
	Available State = iota + 1 // given out before, may be given out again
	Locked                     // with a holder, until Until
	Delayed                    // released; available at Until
	Leaving                    // to be dead-lettered, since Until
	states                     // the first that is none
)

// A Reason is why a copy leaves (section 13.4).
type Reason uint8

const (
	None        Reason = iota
	UsedUp             // delivered as often as allowed
	Rejected           // by its holder
	Expired            // time to live over
	ClientError        // an answer that is not tried again (push)
	reasons            // the first that is none
)

// A Copy is one event of one subscription.
type Copy struct {
	Pos       store.Position
	Published int64
	State     State
	Count     int   // deliveries so far
	Until     int64 // see State
	First     int64 // when the newest delivery began; 0: none
	Began     int64 // when the first of its deliveries began; 0: none
	Reason    Reason
	Outcome   uint8 // of the newest delivery, the owner's code

	due   int64  // its entry in Book.due that counts; 0: none
	offer uint64 // its entry in Book.ready that counts
}

// A Policy is what the subscription says.
type Policy struct {
	MaxCount int
	Lifetime int64 // from Published
	// Patient lets a delay end although the lifetime is over before: it is looked at
	// when the next delivery is due (section 12.1).
	Patient bool
}

// A Book is the state of one subscription. Not for several goroutines at once.
type Book struct {
	policy  Policy
	cursor  store.Position
	copies  map[store.Position]*Copy
	due     dueHeap
	ready   []given // in the order in which they became available; some are over
	leaving []store.Position
	left    int // copies that are Leaving
	offers  uint64
}

// given names a copy as it became available once: the entry is over when it is out
// again, whatever its count was then.
type given struct {
	pos   store.Position
	offer uint64
}

// New returns a book that begins at cursor: the first position that it will look at.
func New(cursor store.Position, p Policy) *Book {
	return &Book{policy: p, cursor: cursor, copies: map[store.Position]*Copy{}}
}

// Cursor is the first position that nobody has looked at.
func (b *Book) Cursor() store.Position { return b.cursor }

// Advance moves the cursor over what no filter let through. It need not be written.
func (b *Book) Advance(to store.Position) { b.cursor = max(b.cursor, to) }

// Low is the lowest position that is still needed.
func (b *Book) Low() store.Position {
	low := b.cursor
	for pos := range b.copies {
		low = min(low, pos)
	}
	return low
}

// Outstanding is the number of copies that are neither done nor leaving; Leaving of
// those that are.
func (b *Book) Outstanding() int { return len(b.copies) - b.left }
func (b *Book) Leaving() int     { return b.left }

// Positions are those of the copies that are neither done nor leaving, in their order.
func (b *Book) Positions() (list []store.Position) {
	for pos, c := range b.copies {
		if c.State != Leaving {
			list = append(list, pos)
		}
	}
	slices.Sort(list)
	return list
}

// Copy returns the copy at pos.
func (b *Book) Copy(pos store.Position) (Copy, bool) {
	if c := b.copies[pos]; c != nil {
		return *c, true
	}
	return Copy{}, false
}

// Valid returns the copy if delivery count of it holds its lock at now.
func (b *Book) Valid(pos store.Position, count int, now int64) (Copy, bool) {
	c := b.copies[pos]
	if c == nil || c.State != Locked || c.Count != count || now >= c.Until {
		return Copy{}, false
	}
	return *c, true
}

// Expiry is when the time to live of what was published then is over.
func (b *Book) Expiry(published int64) int64 { return published + b.policy.Lifetime }

// MaxCount is the number of deliveries that may happen.
func (b *Book) MaxCount() int { return b.policy.MaxCount }

// Ready returns up to n copies that may be given out at now, the longest waiting
// first. They stay ready until a Lock is applied.
func (b *Book) Ready(n int, now int64) (list []Copy) {
	b.ready = slices.DeleteFunc(b.ready, func(g given) bool { return b.available(g) == nil })
	for _, g := range b.ready {
		if len(list) >= n {
			break
		}
		if c := b.available(g); now < b.Expiry(c.Published) && c.Count < b.policy.MaxCount {
			list = append(list, *c)
		}
	}
	return list
}

func (b *Book) available(g given) *Copy {
	if c := b.copies[g.pos]; c != nil && c.State == Available && c.offer == g.offer {
		return c
	}
	return nil
}

// Departures returns up to n copies that are leaving, the first first.
func (b *Book) Departures(n int) (list []Copy) {
	b.leaving = slices.DeleteFunc(b.leaving, func(pos store.Position) bool {
		c := b.copies[pos]
		return c == nil || c.State != Leaving
	})
	for _, pos := range b.leaving[:min(n, len(b.leaving))] {
		list = append(list, *b.copies[pos])
	}
	return list
}

// SetPolicy changes what the subscription says; copies that it makes overdue leave
// with the next Expire.
func (b *Book) SetPolicy(p Policy) {
	b.policy = p
	b.due = b.due[:0]
	for _, c := range b.copies {
		b.schedule(c)
	}
}
