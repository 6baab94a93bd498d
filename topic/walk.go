package topic

// Walk calls visit for names that filter matches, at most limit of them (0: no
// bound), and for none twice. It starts behind the name after, which need not
// exist; "" is the start. If more is true there may be others: call again with
// after set to last. Names that are there all the time are visited; those that
// come and go may be.
//
// The order is that of levels, each in the order of its bytes. Work is in
// proportion to the names visited and, for a '+', to the levels it stands for: no
// subtree is entered that cannot match. Where that is much work for few names, a
// Walk with a limit also stops early, even before it has visited one, so that no
// call lasts long.
//
// The lock is not held during visit, which may use n.
func (n *Names[V]) Walk(filter, after string, limit int, visit func(name string, v V)) (last string, more bool) {
	w := walker{filter: filter, last: after, left: limit, bounded: limit > 0}
	if w.bounded {
		w.steps = stepsFree + stepsPerName*limit
	}
	w.start()
	var batch [walkBatch]named[V]
	for {
		found, done := n.collect(&w, batch[:])
		for _, f := range batch[:found] {
			visit(f.name, f.val)
		}
		if done {
			return w.last, w.more
		}
	}
}

const (
	walkBatch    = 32   // names collected under one lock
	stepsBatch   = 2048 // names looked at under one lock
	stepsFree    = 1024 // names looked at in a Walk with a limit,
	stepsPerName = 8    // and this many for each name of the limit
)

type named[V any] struct {
	name string
	val  V
}

// A walker is a Walk between two of its batches.
type walker struct {
	filter  string
	last    string // all names up to here are done with
	target  []byte // the next name is this or a later one
	ended   bool   // no later name can match
	bounded bool   // a limit was given:
	left    int    // names that may still be visited,
	steps   int    // and looked at
	more    bool   // the answer
}

// collect fills batch with matches and takes them off w. done means that no
// further batch is wanted.
func (n *Names[V]) collect(w *walker, batch []named[V]) (found int, done bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.root == nil {
		return 0, true
	}
	c := cursor[V]{root: n.root}
	for range stepsBatch {
		if w.ended || !c.seek(w.target) {
			return found, true
		}
		name := c.leaf.names[c.i]
		match := w.look(name)
		if match {
			if w.bounded && w.left == 0 {
				w.more = true
				return found, true
			}
			batch[found] = named[V]{name, c.leaf.vals[c.i]}
			found++
			w.left--
		}
		w.last = name
		if w.bounded {
			if w.steps--; w.steps == 0 {
				w.more = !w.ended
				return found, true
			}
		}
		if found == len(batch) {
			return found, false
		}
	}
	return found, false
}

// A cursor is a place in a tree that does not change meanwhile. It moves forward.
type cursor[V any] struct {
	root *page[V]
	leaf *page[V]
	i    int
}

// seek moves to the first name that is not before target, and says whether there
// is one.
func (c *cursor[V]) seek(target []byte) bool {
	if c.leaf != nil && compare(c.leaf.names[len(c.leaf.names)-1], target) >= 0 {
		c.gallop(target)
		return true
	}
	var beside *page[V] // all in it is after target
	p := c.root
	for p.kids != nil {
		i := kid(p, target)
		if i+1 < len(p.kids) {
			beside = p.kids[i+1]
		}
		p = p.kids[i]
	}
	c.leaf, c.i = p, search(p, target)
	if c.i < len(p.names) {
		return true
	}
	if beside == nil {
		return false
	}
	for beside.kids != nil {
		beside = beside.kids[0]
	}
	c.leaf, c.i = beside, 0
	return true
}

// gallop is seek within the leaf, where the target is often near.
func (c *cursor[V]) gallop(target []byte) {
	names := c.leaf.names
	for stride := 1; ; stride *= 2 {
		end := min(c.i+stride, len(names)-1)
		if compare(names[end], target) >= 0 {
			for c.i < end {
				mid := int(uint(c.i+end) / 2)
				if compare(names[mid], target) < 0 {
					c.i = mid + 1
				} else {
					end = mid
				}
			}
			return
		}
		c.i = end + 1
	}
}
