package delivery

import (
	"cmp"
	"slices"
)

// Streams are all topics, by namespace and name.
func (p *Plane) Streams() []*Stream {
	list := slices.DeleteFunc(p.streams(""), func(s *Stream) bool { return !s.told.Load() })
	slices.SortFunc(list, func(a, b *Stream) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	return list
}

// Namespace is the topic's namespace, in lower case.
func (s *Stream) Namespace() string { return s.namespace }
