package pebble

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// leap is how far a log goes on behind the last position that is known of it, when
// there may have been others: no position may be given twice, since what others
// remember of it would then be about something else. 2^48 entries are nine years
// at a million a second, and more than any disk holds; there is room for 65,535
// such accidents. The positions in between are a hole: nobody wrote them, or they
// are lost, and reading them is no damage.
//
// The last position known is that of the records, the holes, what was set aside,
// and what the log's name says (findNames): its end at the last start, at least.
const leap = 1 << 48

// leapt says whether nobody wrote the positions in [from, to): there are more than
// can have been lost at one place. It was a leap, whose hole was lost later.
func leapt(from, to store.Position) bool { return to > from && to-from >= 1<<40 }

// leapRevision is the same for revisions, of which there is one, behind the
// largest of the documents.
const leapRevision = 1 << 40

// settle decides what could not be read, and writes that down with what every
// start writes. Nothing is decided before everything can be read, so that a start
// that fails changes nothing.
func (o *opening) settle() error {
	b := o.s.db.NewBatch()
	defer b.Close()
	steps := []func(*pebble.Batch) error{o.setAside, o.figures, o.accounts, o.holes, o.leaps, o.names}
	for _, step := range steps {
		if err := step(b); err != nil {
			return err
		}
	}
	if err := o.figureBatch(b); err != nil {
		return err
	}
	how := pebble.NoSync
	if !o.format.has || len(o.flaws) > 0 || len(o.lost) > 0 {
		how = pebble.Sync
	}
	if err := b.Commit(how); err != nil {
		return err
	}
	o.s.untold = o.untold
	o.s.damage.missed(o.untold)
	return o.s.walk(quarantineSpace, func(key, value []byte) error {
		o.s.restoreDamage(key, value)
		return nil
	})
}

// setAside moves what is not what was written.
func (o *opening) setAside(b *pebble.Batch) error {
	for _, f := range o.flaws {
		o.s.log.Error("damaged record was set aside", "key", fmt.Sprintf("%q", f.key), "reason", f.why)
		err := errors.Join(
			b.Set(append([]byte{quarantineSpace}, f.key...), quarantined(f.why.Error(), f.value), nil),
			b.Delete(f.key, nil))
		if err != nil {
			return err
		}
	}
	return nil
}

// figures finds new numbers for those that are not known.
func (o *opening) figures(*pebble.Batch) error {
	docs, err := o.first(tableSpace)
	if err != nil {
		return err
	}
	if f := &o.revision; f.flaw != nil || o.lostKey(f.key) && !f.has || docs != nil && !f.has {
		newest, err := o.newest()
		if err != nil {
			return err
		}
		f.n = newest + leapRevision
		o.s.log.Error("the newest revision is not known", "revision", f.n)
	}
	f := &o.starts
	if f.flaw != nil || o.used && !f.has {
		// Nothing else tells how often the store was opened: hardly once a second
		// since 1970. It must fit into half of an epoch.
		f.n = uint64(min(max(time.Now().Unix(), 1<<20), math.MaxUint32-1))
		o.s.log.Error("the number of starts is not known", "starts", f.n)
	}
	f.n++
	return nil
}

// newest is the largest revision of a document.
func (o *opening) newest() (n uint64, err error) {
	err = o.s.walk(tableSpace, func(key, value []byte) error {
		if _, revision, err := decodeDocument(key, value); err == nil {
			n = max(n, revision)
		}
		return nil
	})
	return n, err
}

func (o *opening) figureBatch(b *pebble.Batch) error {
	return errors.Join(
		b.Set(formatKey, number(formatKey, format), nil),
		b.Set(startsKey, number(startsKey, o.starts.n), nil),
		b.Set(revisionKey, number(revisionKey, o.revision.n), nil))
}

// accounts finds out what was lost with the stretches that were cut out.
func (o *opening) accounts(b *pebble.Batch) error {
	for _, x := range o.lost {
		if err := errors.Join(o.s.loseOthers(b, x), untell(b, x)); err != nil {
			return err
		}
		if x, ok := x.documents(); ok {
			o.untold = append(o.untold, x)
		}
		for _, l := range o.logs {
			if err := o.account(b, x, l); err != nil {
				return err
			}
		}
		if err := b.Delete(x.note(), nil); err != nil {
			return err
		}
	}
	return nil
}

func (o *opening) account(b *pebble.Batch, x stretch, l *commit.Found) error {
	for _, space := range []byte{holeSpace, quarantineSpace} { // both tell ends
		prefix := appendLog(nil, space, l.ID)
		if space == quarantineSpace {
			prefix = append([]byte{quarantineSpace}, appendLog(nil, logSpace, l.ID)...)
		}
		if !x.touches(prefix, after(prefix)) {
			continue
		}
		o.unsure[l.ID] = true
		if space == holeSpace {
			o.open[l.ID] = append(o.open[l.ID], 1) // mostly a log is truncated from its beginning
		}
	}
	records := appendLog(nil, logSpace, l.ID)
	tail := appendPosition(nil, logSpace, l.ID, l.Last+1)
	if x.touches(tail, after(records)) {
		// The last key of a block is known, and so is the end of a log that ends there.
		if id, first, count, ok := parseRecord(x.to[:len(x.to)-1]); ok && id == l.ID {
			l.Last = max(l.Last, first+store.Position(count)-1)
		} else {
			o.unsure[l.ID] = true
			o.s.log.Error("the end of a log is not known", "namespace", l.ID.Namespace, "partition", l.ID.Partition, "last", l.Last)
			where, _ := damageOf(tail, "unreadable from here on, to an unknown end: "+x.cause.Error())
			if err := o.s.listLoss(b, where, commit.Span{}); err != nil {
				return err
			}
		}
	}
	lost, err := o.s.lostWith(x, l.ID, l.Last+1, func(pos store.Position) (bool, store.Position) { return held(l.Holes, pos) })
	for _, span := range lost {
		err = errors.Join(err, o.s.loseEntries(b, l.ID, span, x.cause.Error()))
	}
	return err
}

// held is commit.Log.Held.
func held(holes []commit.Span, pos store.Position) (held bool, until store.Position) {
	for _, h := range holes {
		switch {
		case pos < h.From:
			return true, h.From
		case pos < h.To:
			return false, h.To
		}
	}
	return true, math.MaxUint64
}

// holes decides where holes end whose ends are not known: where the next record
// begins. What of that record was truncated is seen again.
func (o *opening) holes(b *pebble.Batch) error {
	for id, list := range o.open {
		it, err := o.s.db.NewIter(logBounds(id))
		if err != nil {
			return err
		}
		for _, from := range list {
			l := o.logs[id]
			to := l.Last + 1
			if it.SeekGE(appendPosition(nil, logSpace, id, from)) {
				to, _ = parsePlace(it.Key())
			} else if it.Error() != nil {
				break
			}
			if err := o.hole(b, l, commit.Span{From: from, To: to}); err != nil {
				return errors.Join(err, it.Close())
			}
		}
		if err := it.Close(); err != nil {
			return err
		}
	}
	return nil
}

// leaps lets the logs go on far behind their ends that are not sure of them.
func (o *opening) leaps(b *pebble.Batch) error {
	for id, unsure := range o.unsure {
		if !unsure {
			continue
		}
		l := o.logs[id]
		end := l.Last + 1
		l.Last += leap
		o.s.log.Error("a log goes on far behind its end", "namespace", id.Namespace, "partition", id.Partition, "end", end, "next", l.Last+1)
		if err := o.hole(b, l, commit.Span{From: end, To: l.Last + 1}); err != nil {
			return err
		}
	}
	return nil
}

// hole adds a hole and joins it with those that it touches.
func (o *opening) hole(b *pebble.Batch, l *commit.Found, span commit.Span) error {
	if span.From >= span.To {
		return nil
	}
	var kept []commit.Span
	for _, h := range l.Holes {
		if h.To < span.From || span.To < h.From {
			kept = append(kept, h)
			continue
		}
		span.From, span.To = min(span.From, h.From), max(span.To, h.To)
		if err := b.Delete(appendPosition(nil, holeSpace, l.ID, h.From), nil); err != nil {
			return err
		}
	}
	i := 0
	for i < len(kept) && kept[i].From < span.From {
		i++
	}
	l.Holes = append(kept[:i:i], append([]commit.Span{span}, kept[i:]...)...)
	key := appendPosition(nil, holeSpace, l.ID, span.From)
	return b.Set(key, number(key, uint64(span.To)), nil)
}

// names writes down the logs and how far they reach, where that has changed.
func (o *opening) names(b *pebble.Batch) error {
	for id, l := range o.logs {
		if slices.Equal(o.named[id], slices.Repeat([]store.Position{l.Last}, len(names))) {
			continue
		}
		for _, space := range names {
			key := appendLog(nil, space, id)
			if err := b.Set(key, number(key, uint64(l.Last)), nil); err != nil {
				return err
			}
		}
	}
	return nil
}
