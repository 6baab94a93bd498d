package commit

import (
	"slices"
	"time"

	"gridmq/store"
)

// A Group is what one commit makes durable: everything that was submitted while
// the commit before it was on its way. Its memory is used again.
type Group struct {
	Ticket store.Ticket
	Parts  []*Part // what each log gets, in order of first use
	Ops    []Op    // changes of the table, in order
	Cuts   []Cut   // after Parts; filled by the committer
	Moves  []Move  // damaged records to be set aside, after Parts
	// Base is the newest revision before the group: Ops[i] makes Base+i+1.
	Base    uint64
	Entries int
	Bytes   int64 // of entries, keys and values, with what an engine adds, roughly

	truncate []truncation
	arena    []byte // keys and values of Ops
	waiters  []store.Waiter
	started  time.Time // of the first Submit
	spare    []*Part
}

// A Part is what one log gets in one group.
type Part struct {
	Log   *Log
	First store.Position
	Ends  []uint32 // where each entry ends in Data
	Data  []byte

	peak int // bytes of Data in the largest group lately; see reset
}

// Entry is the i-th entry.
func (p *Part) Entry(i int) []byte {
	if i == 0 {
		return p.Data[:p.Ends[0]]
	}
	return p.Data[p.Ends[i-1]:p.Ends[i]]
}

// An Op is a change of the table.
type Op struct {
	Key, Value []byte
	Delete     bool
	Prefix     bool
}

// A Cut is a truncation: the span that is free now, with what joined it.
type Cut struct {
	Log    *Log
	Asked  Span   // what is new
	Span   Span   // without entries from now on; the widest around what was cut
	Joined []Span // former spans that Span replaces
}

// A Move sets a damaged record aside.
type Move struct {
	Key    []byte
	Damage store.Damage
}

type truncation struct {
	log  *Log
	span Span
}

// What an entry or a document costs beside its bytes.
const (
	entryOverhead = 4
	opOverhead    = 40
)

// What a group keeps for its next use: a little always, more while it is used.
const (
	keepSmall = 64 << 10
	keepLarge = 32 << 20
)

func (g *Group) empty() bool {
	return len(g.Parts) == 0 && len(g.Ops) == 0 && len(g.truncate) == 0 && len(g.Moves) == 0
}

// lazy says that nobody waits for a sync of g.
func (g *Group) Lazy() bool { return len(g.Parts) == 0 && len(g.Ops) == 0 }

// Publish lets the entries of g be read.
func (g *Group) Publish() {
	for _, p := range g.Parts {
		p.Log.durable.Store(uint64(p.First) + uint64(len(p.Ends)) - 1)
	}
}

// reset empties g for the next use, and lets go of memory that the last one
// did not need.
func (g *Group) reset(t store.Ticket) {
	parts := g.spare
	for _, p := range g.Parts {
		// Groups of one log follow each other with very different sizes. To grow to
		// the large ones again and again was a seventh of the work.
		if p.peak = max(len(p.Data), p.peak-p.peak/16); keeps(p.peak, cap(p.Data)) {
			p.Log = nil
			p.Ends, p.Data = p.Ends[:0], p.Data[:0]
			parts = append(parts, p)
		}
	}
	if len(parts) > 2*len(g.Parts)+8 { // there were more logs at other times
		parts = slices.Delete(parts, 0, len(parts)/2)
	}
	arena := g.arena[:0]
	if !keeps(len(g.arena), cap(g.arena)) {
		arena = nil
	}
	*g = Group{
		Ticket: t, Parts: emptied(g.Parts), Ops: emptied(g.Ops), Cuts: emptied(g.Cuts), Moves: emptied(g.Moves),
		truncate: emptied(g.truncate), arena: arena, waiters: emptied(g.waiters), spare: parts,
	}
}

// emptied returns s with length 0, or nil when it is mostly unused.
func emptied[T any](s []T) []T {
	if !keeps(len(s), cap(s)) {
		return nil
	}
	clear(s)
	return s[:0]
}

// keeps says whether memory of which used was used is kept for the next group.
func keeps(used, size int) bool {
	return size <= keepSmall || size <= keepLarge && used >= size/8
}

// part gives log its part of g.
func (g *Group) part(log *Log) *Part {
	if log.part != nil {
		return log.part
	}
	var p *Part
	if n := len(g.spare); n > 0 {
		p, g.spare = g.spare[n-1], g.spare[:n-1]
	} else {
		p = new(Part)
	}
	p.Log, p.First = log, log.last+1
	g.Parts = append(g.Parts, p)
	log.part = p
	return p
}

// add copies b into g. first is 0 without entries.
func (g *Group) add(log *Log, b *store.Batch) (first store.Position) {
	if len(b.Entries) > 0 {
		p := g.part(log)
		first = log.last + 1
		for _, e := range b.Entries {
			p.Data = append(p.Data, e...)
			p.Ends = append(p.Ends, uint32(len(p.Data)))
		}
		log.last += store.Position(len(b.Entries))
		g.Entries += len(b.Entries)
	}
	for _, op := range b.Ops {
		o := Op{Delete: op.Delete, Prefix: op.Prefix && op.Delete, Key: g.copy(op.Key)}
		if !op.Delete {
			o.Value = g.copy(op.Value)
		}
		g.Ops = append(g.Ops, o)
	}
	return first
}

// copy puts b into the arena. Growing leaves earlier copies where they are.
func (g *Group) copy(b []byte) []byte {
	n := len(g.arena)
	g.arena = append(g.arena, b...)
	return g.arena[n:len(g.arena):len(g.arena)]
}

// size is what b will take.
func size(b *store.Batch) (n int64) {
	for _, e := range b.Entries {
		n += int64(len(e)) + entryOverhead
	}
	for _, op := range b.Ops {
		n += int64(len(op.Key)) + opOverhead
		if !op.Delete {
			n += int64(len(op.Value))
		}
	}
	return n
}
