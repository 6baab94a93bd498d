package commit

import (
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

// overhead is what an entry or a document costs beside its bytes.
const (
	entryOverhead = 4
	opOverhead    = 40
	// keep bounds the memory that an idle group holds on to, in bytes.
	keep = 4 << 20
)

func (g *Group) empty() bool {
	return len(g.Parts) == 0 && len(g.Ops) == 0 && len(g.truncate) == 0 && len(g.Moves) == 0
}

// lazy says that nobody waits for a sync of g.
func (g *Group) Lazy() bool { return len(g.Parts) == 0 && len(g.Ops) == 0 }

func (g *Group) reset(t store.Ticket) {
	held := cap(g.arena)
	for _, p := range g.Parts {
		p.Log = nil
		p.Ends, p.Data = p.Ends[:0], p.Data[:0]
		if held += cap(p.Data) + 4*cap(p.Ends); held <= keep {
			g.spare = append(g.spare, p)
		}
	}
	if held > keep {
		*g = Group{}
	}
	clear(g.Parts)
	clear(g.Ops)
	clear(g.Cuts)
	clear(g.Moves)
	clear(g.truncate)
	clear(g.waiters)
	*g = Group{
		Ticket: t, Parts: g.Parts[:0], Ops: g.Ops[:0], Cuts: g.Cuts[:0], Moves: g.Moves[:0],
		truncate: g.truncate[:0], arena: g.arena[:0], waiters: g.waiters[:0], spare: g.spare,
	}
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

// size is what b will take, and whether it only removes.
func size(b *store.Batch) (n int64, frees bool) {
	for _, e := range b.Entries {
		n += int64(len(e)) + entryOverhead
	}
	frees = len(b.Entries) == 0
	for _, op := range b.Ops {
		n += int64(len(op.Key)) + opOverhead
		if !op.Delete {
			n += int64(len(op.Value))
			frees = false
		}
	}
	return n, frees
}
