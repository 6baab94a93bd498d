package delivery

import (
	"errors"
	"fmt"

	"gridmq/store"
)

// recover finds the topics and subscriptions that are in the store, as they were.
func (p *Plane) recover() error {
	type queueDocument struct {
		namespace string
		number    uint16
		sub       uint64
		value     []byte
	}
	var queues []queueDocument
	byNumber := map[string]map[uint16]*Stream{}
	err := p.store.List([]byte(documents), nil, func(d store.Document) bool {
		namespace, number, sub, ok := parseKey(d.Key)
		switch {
		case !ok:
		case sub != 0:
			queues = append(queues, queueDocument{namespace, number, sub, d.Value})
		default:
			s, err := readTopic(d.Value)
			if err != nil {
				p.log.Error("topic passed over, its document cannot be read", "namespace", namespace, "number", number, "err", err)
				return true
			}
			p.place(s, namespace, number)
			if byNumber[namespace] == nil {
				byNumber[namespace] = map[uint16]*Stream{}
			}
			byNumber[namespace][number] = s
		}
		return true
	})
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		return fmt.Errorf("read topics: %w", err)
	}
	if err != nil {
		p.log.Error("some topics or subscriptions are lost", "err", err)
	}
	for _, d := range queues {
		s := byNumber[d.namespace][d.number]
		saved, err := readQueue(d.value)
		if s == nil || err != nil {
			p.log.Error("subscription passed over, its document cannot be used", "namespace", d.namespace, "number", d.sub, "err", err)
			continue
		}
		s.restore(d.sub, saved)
	}
	for _, topics := range byNumber {
		for _, s := range topics {
			if err := s.replay(); err != nil {
				return err
			}
		}
	}
	return nil
}

// place makes a new stream part of the plane.
func (p *Plane) place(s *Stream, namespace string, number uint16) {
	s.plane, s.namespace, s.number = p, namespace, number
	s.log, s.journal.log = eventLog(namespace, number), journalLog(namespace, number)
	s.batch.Log = s.log
	s.deadline = deadline{index: -1, fire: s.tick}
	s.queues = map[string]*Queue{}
	s.parts.Store(new([]*Queue))
	s.marks.spacing = max(256<<10, p.options.Limits.TopicBytes>>10)
	first, last := p.store.Bounds(s.log)
	s.truncated = first
	s.last.Store(uint64(last))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spaces[namespace] == nil {
		p.spaces[namespace] = map[string]*Stream{}
	}
	p.spaces[namespace][fold(s.name)] = s
}

func (s *Stream) restore(number uint64, saved savedQueue) {
	q := newQueue(s, saved.name, number, saved.created)
	q.upTo, q.history, q.book = saved.upTo, saved.history, saved.book
	q.cursorDue.Store(1) // to be looked at when it is told
	s.numbers.Store(max(s.numbers.Load(), number))
	s.enlist(func(all map[string]*Queue) { all[fold(saved.name)] = q })
}

// replay brings the queues to where they were: the journal behind their snapshots. It
// also counts the bytes behind the last mark.
func (s *Stream) replay() error {
	byNumber := map[uint64]*Queue{}
	for _, q := range *s.parts.Load() {
		byNumber[q.number] = q
	}
	broken := 0
	err := s.plane.store.Read(s.journal.log, max(s.began, 1), func(pos store.Position, entry []byte) bool {
		number, x, err := readEntry(entry)
		q := byNumber[number]
		switch {
		case err != nil:
			broken++
		case q != nil && pos > q.upTo:
			if q.book.Apply(&x); q.unsaved == 0 {
				q.unsaved = pos
			}
			q.upTo = pos
		}
		s.journal.bytes += len(entry) + entryBytes
		return true
	})
	if broken > 0 || errors.Is(err, store.ErrDamaged) {
		s.plane.log.Error("part of a journal cannot be read: events may be delivered again",
			"namespace", s.namespace, "topic", s.name, "entries", broken, "err", err)
		err = nil
	}
	if err != nil {
		return fmt.Errorf("read the journal of topic %q: %w", s.name, err)
	}
	return s.measure()
}

func (s *Stream) measure() error {
	from := s.truncated
	if n := len(s.marks.list); n > 0 {
		from = max(from, s.marks.list[n-1].pos)
	}
	s.marks.cut(s.truncated, store.Position(s.last.Load()))
	err := s.plane.store.Read(s.log, from, func(pos store.Position, entry []byte) bool {
		s.marks.add(pos, int64(len(entry)))
		return true
	})
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		return fmt.Errorf("measure the log of topic %q: %w", s.name, err)
	}
	return nil
}
