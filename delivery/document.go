package delivery

import (
	"encoding/binary"

	"gridmq/delivery/internal/copies"
	"gridmq/store"
)

const documentVersion = 1

// document is the topic as it is stored. s.mu is held, or s is new.
func (s *Stream) document() []byte {
	b := append([]byte{documentVersion}, s.generation[:]...)
	b = appendText(b, s.name)
	b = binary.AppendUvarint(b, s.numbers.Load())
	b = binary.AppendUvarint(b, uint64(s.began))
	list := s.marks.list
	if last := store.Position(s.last.Load()) + 1; len(list) == 0 || list[len(list)-1].pos < last {
		list = append(list[:len(list):len(list)], mark{last, s.marks.total})
	}
	b = binary.AppendUvarint(b, uint64(s.marks.floor))
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, m := range list {
		b = binary.AppendUvarint(b, uint64(m.pos))
		b = binary.AppendUvarint(b, uint64(m.total))
	}
	return b
}

// readTopic reads a topic's document into a new stream, without its place.
func readTopic(b []byte) (*Stream, error) {
	if len(b) < 9 || b[0] != documentVersion {
		return nil, copies.ErrEncoding
	}
	s := &Stream{}
	copy(s.generation[:], b[1:])
	r := documentReader{b: b[9:]}
	s.name = string(r.text())
	s.numbers.Store(r.uint())
	s.began = store.Position(r.uint())
	s.marks.floor = int64(r.uint())
	s.marks.total = s.marks.floor
	n := r.uint()
	for r.err == nil && n > 0 {
		n--
		m := mark{store.Position(r.uint()), int64(r.uint())}
		if m.total < s.marks.total {
			r.fail()
		}
		s.marks.list, s.marks.total = append(s.marks.list, m), m.total
	}
	if r.err != nil || len(r.b) > 0 || s.name == "" {
		return nil, copies.ErrEncoding
	}
	s.marks.saved = s.marks.total
	return s, nil
}

// document is the subscription as it is stored. q.mu is held, or q is new.
func (q *Queue) document() []byte {
	b := []byte{documentVersion}
	b = binary.AppendUvarint(b, q.created)
	b = binary.AppendUvarint(b, uint64(q.upTo))
	b = appendText(b, q.name)
	b = q.history.append(b)
	return q.book.AppendSnapshot(b)
}

// A savedQueue is what a subscription's document says.
type savedQueue struct {
	created uint64
	upTo    store.Position
	name    string
	history history
	book    *copies.Book
}

func readQueue(b []byte) (q savedQueue, err error) {
	if len(b) == 0 || b[0] != documentVersion {
		return q, copies.ErrEncoding
	}
	r := documentReader{b: b[1:]}
	q.created, q.upTo = r.uint(), store.Position(r.uint())
	q.name = string(r.text())
	q.history = readHistory(&r)
	if r.err != nil || q.name == "" {
		return q, copies.ErrEncoding
	}
	q.book, err = copies.Restore(r.b, copies.Policy{})
	return q, err
}
