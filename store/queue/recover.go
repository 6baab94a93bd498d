package queue

import (
	"errors"
	"fmt"
	"time"

	"gridmq/store"
)

// Open recovers the queues of a log: snapshots to r.Restore, then the entries
// after the mark, then the live counts from r.Positions. Damage is logged and
// counted, and what can be told about it reaches Owner.Dropped when Run
// starts; an error means that the store itself cannot be read.
func Open(st store.Store, log store.LogID, o Options, r Recovery) (*Queues, error) {
	o = o.withDefaults()
	q := &Queues{st: st, log: log, o: o, prefix: logPrefix(log), kick: make(chan struct{}, 1)}
	q.tail.batch.Log = log
	q.tail.spans.maxCount, q.tail.spans.maxBytes = store.Position(o.RangeSize), o.RangeBytes
	rc := recovery{q: q, r: r, from: make(map[ID]store.Position), started: time.Now()}
	for _, step := range []func() error{rc.mark, rc.count, rc.snapshots, rc.replay, rc.forget} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("open queues of %q/%d: %w", log.Namespace, log.Partition, err)
		}
	}
	rc.live()
	q.restart = rc.damaged > 0
	q.tail.stats.Damaged = rc.damaged
	q.wakeIfDue()
	return q, nil
}

// unknown is the position from which a queue that is gone wants entries: never.
const unknown = ^store.Position(0)

// A recovery is one Open on its way.
type recovery struct {
	q       *Queues
	r       Recovery
	from    map[ID]store.Position // entries apply from here; unknown: none do
	orphans []ID                  // snapshots of queues that are gone
	in      interner

	last    store.Position // of the log
	shifted bool           // a message or snapshot was lost: seqs after it are not the old ones
	damaged uint64

	started     time.Time
	told        time.Time
	done, total uint64
}

// mark reads where to begin.
func (rc *recovery) mark() error {
	t := &rc.q.tail
	first, last := rc.q.st.Bounds(rc.q.log)
	rc.last, t.next = last, last+1
	t.mark = max(first, 1)
	doc, err := rc.q.st.Get(rc.q.markKey())
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	var list []span
	var mark store.Position
	if err == nil {
		mark, list, err = readMark(doc.Value)
	}
	switch {
	case errors.Is(err, store.ErrDamaged):
		// Everything that is left is replayed; snapshots say from where.
		rc.damage("mark of the log was damaged", "error", err)
		return nil
	case err != nil:
		return fmt.Errorf("read the mark: %w", err)
	case mark > t.next:
		rc.damage("log ended before its mark", "mark", mark, "last", last)
		mark = t.next
	}
	t.mark = mark
	for _, sp := range list {
		if sp.first < mark {
			sp.end = min(sp.end, mark)
			t.spans.join(sp)
		}
	}
	t.spans.sealed = true
	return nil
}

// count finds out how much there is to do, for Progress.
func (rc *recovery) count() error {
	rc.total = uint64(rc.q.tail.next - rc.q.tail.mark)
	rc.r.All(func(ID) { rc.total++ })
	return nil
}

func (rc *recovery) step() {
	rc.done++
	if rc.q.o.Progress == nil || rc.done&1023 != 0 {
		return
	}
	if now := time.Now(); now.Sub(rc.started) > 2*time.Second && now.Sub(rc.told) > 250*time.Millisecond {
		rc.told = now
		rc.q.o.Progress(rc.done, max(rc.done, rc.total))
	}
}

func (rc *recovery) damage(what string, args ...any) {
	rc.damaged++
	log := rc.q.log
	rc.q.o.Logger.With("namespace", log.Namespace, "partition", log.Partition).Error(what, args...)
}

// snapshots restores the queues that have one.
func (rc *recovery) snapshots() error {
	err := rc.q.st.List(rc.q.snapshotPrefix(), nil, func(d store.Document) bool {
		rc.step()
		rc.restore(d)
		return true
	})
	if errors.Is(err, store.ErrDamaged) {
		rc.damage("snapshots were damaged", "error", err)
		rc.shifted = true // some queue has lost its numbers
		err = nil
	}
	return err
}

func (rc *recovery) restore(d store.Document) {
	id, ok := rc.q.idOf(d.Key)
	r := reader{b: d.Value}
	version, pos := r.byte(), store.Position(r.uvarint())
	if !ok || r.bad || version != snapshotVersion {
		rc.damage("snapshot of a queue was malformed", "queue", uint64(id))
		rc.shifted = true
		return
	}
	if pos > rc.last+1 {
		rc.damage("snapshot of a queue was newer than the log", "queue", uint64(id))
		pos = rc.last + 1
	}
	known, err := rc.r.Restore(id, r.b)
	switch {
	case err != nil:
		rc.damage("snapshot of a queue was refused", "queue", uint64(id), "error", err)
		rc.shifted = true
		known = rc.r.Known(id)
	case !known:
		rc.orphans = append(rc.orphans, id)
	}
	if !known {
		pos = unknown
	}
	rc.from[id] = pos
}

// applies says whether the entry at pos concerns a queue that is known and
// whose snapshot is older. It is changed then.
func (rc *recovery) applies(id ID, pos store.Position) bool {
	from, ok := rc.from[id]
	if !ok {
		if !rc.r.Known(id) {
			from = unknown
		}
		rc.from[id] = from
	}
	if pos < from {
		return false
	}
	rc.q.tail.dirty.add(id)
	return true
}

// replay applies the entries from the mark on.
func (rc *recovery) replay() error {
	t := &rc.q.tail
	want := t.mark
	err := rc.q.st.Read(rc.q.log, t.mark, func(pos store.Position, entry []byte) bool {
		rc.step()
		rc.gap(want, pos)
		want = pos + 1
		if err := rc.apply(pos, entry); err != nil {
			rc.shifted = true
			rc.damage("entry of the log was malformed", "position", uint64(pos), "error", err)
			return true // no span has it: its pointers are lost
		}
		t.spans.append(pos, int64(len(entry)), 0)
		t.since.entries++
		t.since.bytes += int64(len(entry))
		t.stats.Replayed++
		return true
	})
	rc.gap(want, t.next)
	if errors.Is(err, store.ErrDamaged) {
		err = nil // the gaps have been counted
	}
	return err
}

// gap notes that the entries in [from, to) are missing.
func (rc *recovery) gap(from, to store.Position) {
	if from < to {
		rc.shifted = true
		rc.damage("entries of the log were missing", "first", uint64(from), "last", uint64(to-1))
	}
}

// apply tells the owner what an entry says. After a message was lost the seqs
// in events are not those that queues count now. Done and received are left
// out then: messages may repeat, but none is taken for another.
func (rc *recovery) apply(pos store.Position, entry []byte) error {
	k, err := kindOf(entry)
	if err != nil {
		return err
	}
	switch k {
	case kindMessage, kindMoved:
		return rc.message(pos, k, entry)
	case kindDone:
		if rc.shifted {
			return nil
		}
		return eachDone(entry, func(id ID, seq uint64) {
			if rc.applies(id, pos) {
				rc.r.Done(id, seq)
			}
		})
	case kindReceived:
		id, seq, err := readPair(entry)
		if err == nil && !rc.shifted && rc.applies(id, pos) {
			rc.r.Received(id, seq)
		}
		return err
	case kindRelease:
		id, packetID, err := readPair(entry)
		if err == nil && packetID <= 1<<16-1 && rc.applies(id, pos) {
			rc.r.Release(id, uint16(packetID))
		}
		return err
	case kindAssign:
		return rc.assign(pos, entry)
	}
	return errEntry
}

func (rc *recovery) message(pos store.Position, k kind, entry []byte) error {
	m, err := readMessage(entry)
	if err != nil {
		return err
	}
	if m.claim != (Claim{}) && rc.applies(m.claim.Queue, pos) {
		rc.r.Claim(m.claim.Queue, m.claim.PacketID)
	}
	return eachTarget(m.targets, &rc.in, func(id ID, flags uint8, slots []uint32) {
		switch {
		case !rc.applies(id, pos):
		case k == kindMoved:
			rc.moved(id, m.from, pos)
		default:
			rc.q.tail.since.pointers++
			rc.r.Message(id, pos, flags, slots)
		}
	})
}

// moved moves all pointers of id that are at from: those that were done when
// the message was copied are still here, as their Done comes later in the log.
func (rc *recovery) moved(id ID, from, to store.Position) {
	n := 0
	rc.r.Positions(id, func(pos store.Position) {
		if pos == from {
			n++
		}
	})
	for range n {
		rc.r.Moved(id, from, to)
	}
}

func (rc *recovery) assign(pos store.Position, entry []byte) error {
	a, err := readAssign(entry, &rc.in)
	if err != nil {
		return err
	}
	if !rc.shifted && rc.applies(a.group, pos) {
		rc.r.Done(a.group, a.seq)
	}
	if rc.applies(a.to.Queue, pos) {
		rc.q.tail.since.pointers++
		rc.r.Message(a.to.Queue, a.pos, a.to.Flags, a.to.Slots)
	}
	return nil
}

// forget deletes the snapshots of queues that are gone.
func (rc *recovery) forget() error {
	var b store.Batch
	for len(rc.orphans) > 0 {
		n := min(len(rc.orphans), 1000)
		b.Reset()
		for _, id := range rc.orphans[:n] {
			b.Delete(rc.q.appendSnapshotKey(nil, id))
		}
		rc.orphans = rc.orphans[n:]
		if _, _, err := rc.q.st.Submit(&b); errors.Is(err, store.ErrFull) {
			return nil // another start will do it
		} else if err != nil {
			return err
		}
	}
	return nil
}

// live counts the pointers. Those to what is not there any more are told later.
func (rc *recovery) live() {
	t := &rc.q.tail
	rc.r.All(func(id ID) {
		if rc.damaged > 0 {
			t.dirty.add(id)
		}
		rc.r.Positions(id, func(pos store.Position) {
			if t.spans.count(pos, 1) {
				return
			}
			why := store.ErrNotFound
			if pos >= t.mark && pos < t.next {
				why = store.ErrDamaged
			}
			rc.q.lost = append(rc.q.lost, lostPointer{id, pos, why})
		})
	})
}
