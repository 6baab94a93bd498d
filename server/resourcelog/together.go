package resourcelog

import "time"

// maxTogether bounds the different records that are counted at the same time. Callers can
// make as many as they like, by their address or topic.
const maxTogether = 10_000

// A key is a record that others are counted with: all that they have in common. QoS is not
// in there as a pointer, since those are never equal.
type key struct {
	Record
	qos   byte
	noQoS bool
}

type counted struct {
	first time.Time
	n     int
}

// A together is the records that are counted.
type together map[key]*counted

// add counts r; false: there are too many different ones.
func (t together) add(r Record, now time.Time) bool {
	k := key{Record: r, noQoS: r.Properties.QoS == nil}
	if !k.noQoS {
		k.qos, k.Properties.QoS = *r.Properties.QoS, nil
	}
	if c := t[k]; c != nil {
		c.n++
		return true
	}
	if len(t) >= maxTogether {
		return false
	}
	t[k] = &counted{now, 1}
	return true
}

// take are the records that were counted, and forgets them. Their time is that of the
// first of each.
func (t together) take() (list []Record) {
	for k, c := range t {
		r := k.Record
		if qos := k.qos; !k.noQoS {
			r.Properties.QoS = &qos
		}
		r.Time = stamp(c.first)
		r.count(c.n)
		list = append(list, r)
	}
	clear(t)
	return list
}
