package topic

import "slices"

// A page is a node of a B+ tree of names in the order of compare. Leaves hold
// names and values; inner pages hold pages, and for each a name that is not above
// any name in it and above all names in the pages before (the first one's is not
// looked at, and may be too high).
type page[V any] struct {
	names []string
	vals  []V        // leaf only
	kids  []*page[V] // inner only
}

const (
	pageMax = 64 // entries of a full page
	pageLow = 16 // a page with fewer is merged with a neighbour,
	pageFit = 48 // if together they have no more than this
)

// search returns the number of entries of p whose name is before target.
func search[V any, B string | []byte](p *page[V], target B) int {
	lo, hi := 0, len(p.names)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if compare(p.names[mid], target) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// kid returns the number of the page of p in which target is, or would be.
func kid[V any, B string | []byte](p *page[V], target B) int {
	lo, hi := 1, len(p.names)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if compare(p.names[mid], target) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// get returns where name is, nil if it is not there.
func (p *page[V]) get(name string) *V {
	for p.kids != nil {
		p = p.kids[kid(p, name)]
	}
	if i := search(p, name); i < len(p.names) && p.names[i] == name {
		return &p.vals[i]
	}
	return nil
}

// insert adds name, which must not be there yet. If p became too full, the page
// right holds its second half.
func (p *page[V]) insert(name string, v V) (right *page[V]) {
	if p.kids == nil {
		i := search(p, name)
		p.names = insertAt(p.names, i, name)
		p.vals = insertAt(p.vals, i, v)
		return p.split(i)
	}
	i := kid(p, name)
	split := p.kids[i].insert(name, v)
	if split == nil {
		return nil
	}
	p.names = insertAt(p.names, i+1, split.names[0])
	p.kids = insertAt(p.kids, i+1, split)
	return p.split(i + 1)
}

// split takes the second half from p if p is too full after an insertion at i. Of
// names that arrive in order it leaves full pages behind.
func (p *page[V]) split(i int) *page[V] {
	if len(p.names) <= pageMax {
		return nil
	}
	at := len(p.names) / 2
	if i == len(p.names)-1 {
		at = i
	}
	right := &page[V]{names: cutTail(&p.names, at)}
	if p.kids == nil {
		right.vals = cutTail(&p.vals, at)
	} else {
		right.kids = cutTail(&p.kids, at)
	}
	return right
}

// delete takes name from p and says whether it was there.
func (p *page[V]) delete(name string) (v V, had bool) {
	if p.kids == nil {
		i := search(p, name)
		if i == len(p.names) || p.names[i] != name {
			return v, false
		}
		v = p.vals[i]
		p.names = slices.Delete(p.names, i, i+1)
		p.vals = slices.Delete(p.vals, i, i+1)
		return v, true
	}
	i := kid(p, name)
	v, had = p.kids[i].delete(name)
	if had && len(p.kids[i].names) < pageLow {
		p.merge(i)
	}
	return v, had
}

// merge joins the page i of p with a neighbour, if there is one small enough, or
// drops it if it is empty. Then p itself may be empty, and its parent drops it.
func (p *page[V]) merge(i int) {
	n := len(p.kids[i].names)
	switch {
	case n == 0:
		p.names = slices.Delete(p.names, i, i+1)
		p.kids = slices.Delete(p.kids, i, i+1)
		return
	case i > 0 && n+len(p.kids[i-1].names) <= pageFit:
		i--
	case i+1 < len(p.kids) && n+len(p.kids[i+1].names) <= pageFit:
	default:
		return
	}
	left, right := p.kids[i], p.kids[i+1]
	if right.kids != nil {
		right.names[0] = p.names[i+1] // it was not looked at until now
	}
	left.names = append(left.names, right.names...)
	left.vals = append(left.vals, right.vals...)
	left.kids = append(left.kids, right.kids...)
	p.names = slices.Delete(p.names, i+1, i+2)
	p.kids = slices.Delete(p.kids, i+1, i+2)
}

// insertAt is slices.Insert that never grows beyond a full page.
func insertAt[T any](s []T, i int, v T) []T {
	if len(s) == cap(s) {
		s = append(make([]T, 0, min(max(4, 2*cap(s)), max(pageMax+1, len(s)+1))), s...)
	}
	return slices.Insert(s, i, v)
}

// cutTail takes what is from i on out of s, and returns it with room to grow.
func cutTail[T any](s *[]T, i int) []T {
	tail := append(make([]T, 0, pageMax+1), (*s)[i:]...)
	clear((*s)[i:])
	*s = (*s)[:i]
	return tail
}
