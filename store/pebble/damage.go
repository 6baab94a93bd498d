package pebble

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"sync"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// listed bounds the list of damages; the count goes on.
const listed = 10_000

// damages is what is known to be damaged.
type damages struct {
	mu    sync.Mutex
	all   []store.Damage
	known map[string]bool // by key
	total uint64
	lost  map[store.LogID][]commit.Span // positions without a record, sorted
}

func newDamages() *damages {
	return &damages{known: map[string]bool{}, lost: map[store.LogID][]commit.Span{}}
}

func (d *damages) list() []store.Damage {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.all)
}

func (d *damages) count() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.total
}

// add notes a damage once. span is the positions that are lost with it.
func (d *damages) add(key []byte, x store.Damage, span commit.Span) (isNew bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known[string(key)] {
		return false
	}
	d.total++
	if len(d.all) < listed {
		d.known[string(key)] = true
		d.all = append(d.all, x)
	}
	if span.To > span.From {
		lost := d.lost[x.Log]
		i, _ := slices.BinarySearchFunc(lost, span, func(a, b commit.Span) int { return int(a.From) - int(b.From) })
		d.lost[x.Log] = slices.Insert(lost, i, span)
	}
	return true
}

// lostAt is the span of lost positions around pos.
func (d *damages) lostAt(id store.LogID, pos store.Position) (commit.Span, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost := d.lost[id]
	i := sort.Search(len(lost), func(i int) bool { return lost[i].To > pos })
	if i < len(lost) && lost[i].From <= pos {
		return lost[i], true
	}
	return commit.Span{}, false
}

// damaged lists the record of key once, has it moved aside and returns what the
// reader is told. key is kept.
func (s *Store) damaged(key []byte, x store.Damage) error {
	x.Key = key
	var span commit.Span
	if key[0] == logSpace {
		var count int
		x.Log, x.First, count, _ = parseRecord(key)
		span = commit.Span{From: x.First, To: x.First + store.Position(count)}
	}
	if s.damage.add(key, x, span) {
		s.log.Error("damaged record was set aside", "key", fmt.Sprintf("%q", key),
			"namespace", x.Log.Namespace, "partition", x.Log.Partition, "first", x.First,
			"entries", span.To-span.From, "reason", x.Reason)
		s.commits.Load().Move(commit.Move{Key: key, Damage: x})
	}
	return fmt.Errorf("%w: %q: %s", store.ErrDamaged, key, x.Reason)
}

// missing reports positions that should be in the log and are in no record.
// Those of records set aside are known already.
func (s *Store) missing(log *commit.Log, from, to store.Position) error {
	key := appendPosition(nil, logSpace, log.ID, from)
	_, lost := s.damage.lostAt(log.ID, from)
	x := store.Damage{Key: key, Log: log.ID, First: from, Reason: errMissing.Error()}
	if !lost && s.damage.add(key, x, commit.Span{From: from, To: to}) {
		s.log.Error("entries are missing", "namespace", log.ID.Namespace, "partition", log.ID.Partition,
			"first", from, "entries", to-from)
	}
	return fmt.Errorf("%w: positions %d to %d of %v", store.ErrDamaged, from, to-1, log.ID)
}

// check says whether a record is what was written.
func check(key, value []byte) error {
	if key[0] == logSpace {
		_, err := decode(key, value)
		return err
	}
	_, _, err := decodeDocument(key, value)
	return err
}

// quarantined is the value of a record set aside: why, and what was found.
//
//	version 1 | length of reason 2 | reason | the damaged value
func quarantined(reason string, value []byte) []byte {
	reason = reason[:min(len(reason), 1000)]
	b := append([]byte{version}, 0, 0)
	binary.BigEndian.PutUint16(b[1:], uint16(len(reason)))
	return append(append(b, reason...), value...)
}

// restoreDamage lists what had been set aside before the start.
func (s *Store) restoreDamage(key, value []byte) {
	if len(key) < 2 {
		return
	}
	x := store.Damage{Key: bytes.Clone(key[1:]), Reason: "unknown"}
	if len(value) >= 3 {
		if n := int(binary.BigEndian.Uint16(value[1:])); len(value) >= 3+n {
			x.Reason = string(value[3 : 3+n])
		}
	}
	var span commit.Span
	if id, first, count, ok := parseRecord(x.Key); ok && x.Key[0] == logSpace {
		x.Log, x.First = id, first
		span = commit.Span{From: first, To: first + store.Position(count)}
	}
	s.damage.add(x.Key, x, span)
}
