package topic

import "sync"

// Names holds values under topic names and walks those that a filter matches, as
// retained messages need it. The zero value is ready to use; it must not be copied
// after that. All methods may be called at the same time.
type Names[V any] struct {
	mu   sync.RWMutex
	root *page[V]
	len  int
}

// Len is the number of names.
func (n *Names[V]) Len() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.len
}

// Get returns the value of name.
func (n *Names[V]) Get(name string) (v V, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.root == nil {
		return v, false
	}
	at := n.root.get(name)
	if at == nil {
		return v, false
	}
	return *at, true
}

// Put sets the value of name, and returns the one it had. The string is kept.
func (n *Names[V]) Put(name string, v V) (old V, had bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.root == nil {
		n.root = new(page[V])
	}
	if at := n.root.get(name); at != nil {
		old, *at = *at, v
		return old, true
	}
	if right := n.root.insert(name, v); right != nil {
		n.root = &page[V]{
			names: []string{n.root.names[0], right.names[0]},
			kids:  []*page[V]{n.root, right},
		}
	}
	n.len++
	return old, false
}

// Delete removes name, and returns the value it had.
func (n *Names[V]) Delete(name string) (old V, had bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.root == nil {
		return old, false
	}
	if old, had = n.root.delete(name); !had {
		return old, false
	}
	for len(n.root.kids) == 1 {
		n.root = n.root.kids[0]
	}
	if n.len--; n.len == 0 {
		n.root = nil
	}
	return old, true
}
