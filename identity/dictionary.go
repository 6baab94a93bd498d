package identity

import (
	"strings"
	"sync/atomic"
)

// maxKeys bounds the dictionary: keys that nobody uses any more stay in it. Later
// keys stand in the records themselves.
const maxKeys = 4096

// A dictionary numbers attribute keys, of which a fleet has few. It only grows.
type dictionary struct {
	ids  map[string]uint32 // guarded by the registry's write lock
	list atomic.Pointer[[]string]
}

// id returns the number of key; known is false when there is no more room. The
// registry's write lock is held.
func (d *dictionary) id(key string) (id uint32, known bool) {
	if id, known = d.ids[key]; known || len(d.ids) >= maxKeys {
		return id, known
	}
	if d.ids == nil {
		d.ids = map[string]uint32{}
	}
	key = strings.Clone(key) // it may be a part of a whole document
	id = uint32(len(d.ids))
	d.ids[key] = id
	// A reader's slice is shorter and never sees the element that is appended.
	grown := append(d.names(), key)
	d.list.Store(&grown)
	return id, true
}

// names are the keys by number. A record that was found holds no number beyond it.
func (d *dictionary) names() []string {
	if list := d.list.Load(); list != nil {
		return *list
	}
	return nil
}
