package route

import "gridmq/event/filter"

// A Decision is where the messages of a topic name go. Nil: nowhere. It does not change.
type Decision struct {
	sure    []Destination // whatever is in the message
	perhaps []Destination // by place in filters; the same may come several times
	filters *filter.Set   // nil if perhaps is empty
}

// Routed says whether messages go anywhere, or could: if not, no record is needed.
func (d *Decision) Routed() bool { return d != nil }

// AppendDestinations appends to dst where the message of a record goes, each destination
// once. It allocates only where a route has an event filter: then the record is rendered
// for it. Such a filter sees no id of an event that gets one from its place in the log.
// The error is an ErrRecord, and with it come the destinations that need no filter.
func (d *Decision) AppendDestinations(dst []Destination, record []byte) ([]Destination, error) {
	if d == nil {
		return dst, nil
	}
	dst = append(dst, d.sure...)
	if d.filters == nil {
		return dst, nil
	}
	e, err := render(record, "")
	if err != nil {
		return dst, err
	}
	first := len(dst)
	var buf [MaxRoutes + 1]int
next:
	for _, i := range d.filters.Match(&e, buf[:0]) {
		for _, there := range dst[first:] {
			if there.fold() == d.perhaps[i].fold() {
				continue next
			}
		}
		dst = append(dst, d.perhaps[i])
	}
	return dst, nil
}
