package pebble

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// listed bounds the list of damages; the count goes on.
const listed = 10_000

// damages is what is known to be damaged.
type damages struct {
	mu    sync.Mutex
	all   []store.Damage
	seed  maphash.Seed
	known map[string]uint64 // by key, the hash of what was found there
	total uint64
	lost  map[store.LogID][]commit.Span // positions without a record, sorted
	left  []stretch                     // unreadable, and still in their tables
	gone  []stretch                     // documents that may be missing, as it was found out lately
}

func newDamages() *damages {
	return &damages{seed: maphash.MakeSeed(), known: map[string]uint64{}, lost: map[store.LogID][]commit.Span{}}
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

// add notes a damage, once for each value found under its key: what was written
// again may be damaged again. span is the positions that are lost with it.
func (d *damages) add(x store.Damage, value []byte, span commit.Span) (isNew bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := maphash.Bytes(d.seed, value)
	if old, known := d.known[string(x.Key)]; known && old == sum {
		return false
	}
	d.total++
	if len(d.all) < listed {
		d.known[string(x.Key)] = sum
		d.all = append(d.all, x)
	}
	if span.To > span.From {
		lost := d.lost[x.Log]
		i, _ := slices.BinarySearchFunc(lost, span, func(a, b commit.Span) int { return cmp.Compare(a.From, b.From) })
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

// avoid notes what could not be cut out, so that readers can go round it.
func (d *damages) avoid(x stretch) {
	d.add(store.Damage{Key: x.from, Reason: x.reason()}, nil, commit.Span{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = append(slices.DeleteFunc(d.left, x.covers), x)
}

// wasCut undoes avoid.
func (d *damages) wasCut(x stretch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = slices.DeleteFunc(d.left, x.covers)
}

// round is the first key behind the unreadable stretch that key is in, if any.
func (d *damages) round(key []byte) (to []byte, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.left {
		if bytes.Compare(x.front, key) <= 0 && bytes.Compare(key, x.to) < 0 {
			return x.to, true
		}
	}
	return nil, false
}

// avoidsAt says whether pos is in what could not be cut out.
func (d *damages) avoidsAt(id store.LogID, pos store.Position) bool {
	d.mu.Lock()
	none := len(d.left) == 0
	d.mu.Unlock()
	if none {
		return false
	}
	_, in := d.round(appendPosition(nil, logSpace, id, pos))
	return in
}

// missed notes documents that may be missing (untell).
func (d *damages) missed(list []stretch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = list
}

// mayMiss says whether documents with keys in [from, to) may be missing.
func (d *damages) mayMiss(from, to []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.gone {
		if x.touches(from, to) {
			return fmt.Errorf("%w: documents may be missing: %w", store.ErrDamaged, x.cause)
		}
	}
	return nil
}

// clear forgets all of it, and returns the positions that were lost.
func (d *damages) clear() map[store.LogID][]commit.Span {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost := d.lost
	d.all, d.total = nil, 0
	d.known, d.lost = map[string]uint64{}, map[store.LogID][]commit.Span{}
	return lost
}

// untell writes to b that documents may be missing. Whoever lists or gets them after
// the next start is told, since who was there when it was found out may not have
// been interested: a compaction, or a start, or `gridmq store check`. It is not told
// any more in the start after one in which something was written.
func untell(b *pebble.Batch, x stretch) error {
	if x, ok := x.documents(); ok {
		return b.Set(x.untold(), quarantined(x.cause.Error(), x.to), nil)
	}
	return nil
}

// told forgets what was untold at the start.
func (w *writer) told() {
	s := (*Store)(w.e)
	if s.untold == nil || w.g.Lazy() {
		return
	}
	for _, x := range s.untold {
		w.note(w.b.Delete(x.untold(), nil))
	}
	s.untold = nil
}

// ClearDamage removes what was set aside, for good, once somebody has looked at
// it: Damaged is empty then. What was lost stays lost; positions of logs that are
// in no record count as truncated from now on, and nobody is told that they are
// damaged any more.
func (s *Store) ClearDamage() error {
	for id, spans := range s.damage.clear() {
		for _, span := range spans {
			if err := s.Truncate(id, span.From, span.To); err != nil {
				return err
			}
		}
	}
	s.ask(func(w *writer) { // with the truncations or after them: they tell the ends of logs now
		w.note(w.b.DeleteRange([]byte{quarantineSpace, 2}, []byte{quarantineSpace + 1}, nil))
	})
	return s.Sync(context.Background())
}

// damaged lists the record of key once, has it moved aside and returns what the
// reader is told. key and value are copied.
func (s *Store) damaged(key, value []byte, why error) error {
	x, span := damageOf(bytes.Clone(key), why.Error())
	if s.damage.add(x, value, span) {
		s.log.Error("damaged record was set aside", "key", fmt.Sprintf("%q", key),
			"namespace", x.Log.Namespace, "partition", x.Log.Partition, "first", x.First,
			"entries", span.To-span.From, "reason", x.Reason)
		s.commits.Load().Move(commit.Move{Key: x.Key, Damage: x})
	}
	return fmt.Errorf("%w: %q: %w", store.ErrDamaged, key, why)
}

// damageOf is the damage of the record of key, with the positions that are lost.
// The key of a span whose end is not known has no count (unaccounted).
func damageOf(key []byte, reason string) (x store.Damage, span commit.Span) {
	x = store.Damage{Key: key, Reason: reason}
	if len(key) == 0 || key[0] != logSpace {
		return x, span
	}
	if id, first, count, ok := parseRecord(key); ok {
		x.Log, x.First = id, first
		span = commit.Span{From: first, To: first + store.Position(count)}
	} else if id, rest, ok := parseLog(key); ok && len(rest) == 8 {
		x.Log, x.First = id, positionOf(rest)
	}
	return x, span
}

// missing reports positions that should be in the log and are in no record.
// Those of records set aside are known already.
func (s *Store) missing(log *commit.Log, from, to store.Position) error {
	key := appendPosition(nil, logSpace, log.ID, from)
	_, lost := s.damage.lostAt(log.ID, from)
	x := store.Damage{Key: key, Log: log.ID, First: from, Reason: errMissing.Error()}
	if !lost && s.damage.add(x, nil, commit.Span{From: from, To: to}) {
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

// parseQuarantined reads what quarantined has made.
func parseQuarantined(b []byte) (reason string, value []byte) {
	if len(b) >= 3 {
		if n := int(binary.BigEndian.Uint16(b[1:])); len(b) >= 3+n {
			return string(b[3 : 3+n]), b[3+n:]
		}
	}
	return "unknown", nil
}

// restoreDamage lists what had been set aside before the start.
func (s *Store) restoreDamage(key, value []byte) {
	if len(key) < 2 || key[1] <= 1 {
		return
	}
	reason, value := parseQuarantined(value)
	x, span := damageOf(bytes.Clone(key[1:]), reason)
	s.damage.add(x, value, span)
}

// listLoss lists what was lost with a stretch, and writes it to b.
func (s *Store) listLoss(b *pebble.Batch, x store.Damage, span commit.Span) error {
	s.damage.mu.Lock()
	delete(s.damage.known, string(x.Key)) // it was cut out: if it is unreadable again, it was written again
	s.damage.mu.Unlock()
	s.damage.add(x, nil, span)
	s.log.Error("unreadable records were set aside", "key", fmt.Sprintf("%q", x.Key), "namespace", x.Log.Namespace,
		"partition", x.Log.Partition, "first", x.First, "entries", span.To-span.From, "reason", x.Reason)
	return b.Set(append([]byte{quarantineSpace}, x.Key...), quarantined(x.Reason, nil), nil)
}

// loseEntries lists positions of a log that were lost.
func (s *Store) loseEntries(b *pebble.Batch, id store.LogID, span commit.Span, why string) error {
	for span.From < span.To {
		part := span
		part.To = min(part.To, part.From+math.MaxInt32) // what a key can count
		x, _ := damageOf(appendRecord(nil, id, part.From, int(part.To-part.From)), why)
		if err := s.listLoss(b, x, part); err != nil {
			return err
		}
		span.From = part.To
	}
	return nil
}

// loseOthers lists a stretch outside of the logs, where it can only be told which
// keys may be lost.
func (s *Store) loseOthers(b *pebble.Batch, x stretch) error {
	from := x.from
	if from[0] == logSpace {
		from = []byte{logSpace + 1}
	}
	if bytes.Compare(from, x.to) >= 0 {
		return nil
	}
	return s.listLoss(b, store.Damage{Key: bytes.Clone(from), Reason: x.reason()}, commit.Span{})
}
