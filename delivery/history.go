package delivery

import (
	"bytes"
	"encoding/binary"

	"gridmq/delivery/internal/copies"
	"gridmq/event"
	"gridmq/event/filter"
	"gridmq/store"
)

// A history is the filters of a subscription: the one in force at an event's position
// decides (design.md section 8). Older ones are kept until the cursor has passed.
type history []version

type version struct {
	from   store.Position // in force from here on
	config []byte         // as filter.Config.AppendJSON writes it
	set    *filter.Set
}

func compile(c filter.Config, from store.Position) (version, error) {
	set, err := filter.NewSet(c)
	return version{from, c.AppendJSON(nil), set}, err
}

// with returns h with v in force from its position on; h itself if v is in force.
func (h history) with(v version) history {
	if n := len(h); n > 0 && bytes.Equal(h[n-1].config, v.config) {
		return h
	}
	return append(h[:len(h):len(h)], v)
}

// since returns h without what is over for a cursor at pos.
func (h history) since(pos store.Position) history {
	for len(h) > 1 && h[1].from <= pos {
		h = h[1:]
	}
	return h
}

// lets says whether the event at pos passes.
func (h history) lets(pos store.Position, e *event.Event) bool {
	i := len(h) - 1
	for i > 0 && h[i].from > pos {
		i--
	}
	var places [1]int
	return len(h[i].set.Match(e, places[:0])) > 0
}

func (h history) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(h)))
	for _, v := range h {
		b = binary.AppendUvarint(b, uint64(v.from))
		b = appendText(b, v.config)
	}
	return b
}

// storedFilter: what was accepted once is read, whatever the limits are now.
var storedFilter = filter.Limits{Filters: 1 << 30, Values: 1 << 30, Characters: 1 << 30, EventTypes: 1 << 30}

// maxVersions bounds a history: filters are changed by hand.
const maxVersions = 1 << 16

func readHistory(r *documentReader) (h history) {
	n := r.uint()
	if n == 0 || n > maxVersions {
		r.fail()
		return nil
	}
	for range n {
		from, text := store.Position(r.uint()), r.text()
		c, err := filter.Parse(text, storedFilter)
		if r.err != nil || err != nil {
			r.fail()
			return nil
		}
		set, err := filter.NewSet(c)
		if err != nil {
			r.fail()
			return nil
		}
		h = append(h, version{from, bytes.Clone(text), set})
	}
	return h
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// A documentReader takes values off a document; after the first that is not there all
// are zero.
type documentReader struct {
	b   []byte
	err error
}

func (r *documentReader) fail() { r.err = copies.ErrEncoding }

func (r *documentReader) uint() uint64 {
	x, n := binary.Uvarint(r.b)
	if r.err != nil || n <= 0 || x > 1<<62 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *documentReader) text() []byte { return r.bytes(r.uint()) }

func (r *documentReader) bytes(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	t := r.b[:n]
	r.b = r.b[n:]
	return t
}
