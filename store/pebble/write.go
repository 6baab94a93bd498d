package pebble

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
	"gridmq/store/internal/commit"
)

// keepBatch is how many bytes of a batch's memory are kept for the next one.
const keepBatch = 16 << 20

// engine is what the committer sees of a Store.
type engine Store

// Space implements commit.Engine.
func (e *engine) Space() (n, slack int64) {
	if e.flushed.Swap(false) {
		e.unflushed = unflushed(e.db.Metrics())
	}
	n, slack = e.disk.space(e.unflushed)
	if 2*n < e.disk.low()-e.disk.reserve {
		e.squeeze()
	}
	return n, slack
}

// unflushed is how many bytes of the logs are still to be written to tables. What
// Pebble says is too much after a group larger than a memtable: it counts the log
// that went with the group until the next write, which a full store never gets. So
// it is no more than the memtable, if that is all there is.
func unflushed(m *pebble.Metrics) int64 {
	if m.MemTable.Count <= 1 {
		return int64(min(m.WAL.Size, m.MemTable.Size))
	}
	return int64(m.WAL.Size)
}

// squeezeEvery is how often a log is given up while hardly anything is free.
const squeezeEvery = time.Second

// squeeze begins a new log, so that those before it go: they hold what has been
// written again since, and Pebble keeps some that are done with for later use. On
// a full disk little is written, and nothing else would begin one for long.
func (e *engine) squeeze() {
	if time.Since(e.squeezed) < squeezeEvery {
		return
	}
	e.squeezed = time.Now()
	m := e.db.Metrics()
	logs := m.WAL.ObsoletePhysicalSize + max(m.WAL.PhysicalSize, m.WAL.Size)
	if logs <= m.MemTable.Size || m.MemTable.Count > 1 { // a flush is on its way, or waits for space
		return
	}
	defer e.rescue(nil)
	if _, err := e.db.AsyncFlush(); err != nil {
		e.log.Warn("logs were not given up", "err", err)
	}
}

// rescue is deferred: Pebble panics when a log cannot be written. What err points
// to, if anything, then says so, and the store has failed.
func (e *engine) rescue(err *error) {
	var failure error
	if r := recover(); r != nil {
		failure = fmt.Errorf("pebble panicked: %v", r)
	} else if err != nil {
		failure = *err
	}
	if failure == nil {
		return
	}
	_ = (*Store)(e).fail(failure)
	if err != nil {
		*err = failure
	}
}

// Write implements commit.Engine: one Pebble batch, synced.
func (e *engine) Write(g *commit.Group) (err error) {
	defer e.rescue(&err)
	b := e.batch
	b.Reset()
	w := writer{e: e, b: b, g: g}
	for _, m := range g.Moves { // first: a document may be written again in this group
		w.move(m)
	}
	for _, p := range g.Parts {
		w.part(p)
	}
	w.table(g)
	w.told()
	for _, c := range g.Cuts {
		w.cut(g, c)
	}
	if w.err != nil {
		return w.err
	}
	how := pebble.Sync
	if g.Lazy() || e.options.Durability == Relaxed {
		how = pebble.NoSync
	}
	if len(g.Ops) > 0 {
		e.flight.takeOff(g)
		defer e.flight.land()
	}
	e.unflushed += int64(b.Len())
	if err := b.Commit(how); err != nil {
		return err
	}
	g.Publish()
	for _, c := range g.Cuts {
		e.cache.drop(c)
	}
	return nil
}

// writer fills a batch. The first error stays.
type writer struct {
	e   *engine
	b   *pebble.Batch
	g   *commit.Group
	key []byte // scratch
	end []byte // scratch
	err error
}

func (w *writer) note(err error) {
	if w.err == nil {
		w.err = err
	}
}

// part writes the records of one log. The entries are copied once, into the
// batch.
func (w *writer) part(p *commit.Part) {
	id := p.Log.ID
	if p.First == 1 {
		w.note(w.name(id, 0))
	}
	for from := 0; from < len(p.Ends); {
		s := next(p, from)
		op := w.b.SetDeferred(recordKeySize(id), s.size())
		appendRecord(op.Key[:0], id, s.first(), s.to-s.from)
		s.encode(op.Key, op.Value)
		w.note(op.Finish())
		from = s.to
	}
}

// table writes the changes of the table, and the newest revision so that it
// grows for ever.
func (w *writer) table(g *commit.Group) {
	if len(g.Ops) == 0 {
		return
	}
	for i, op := range g.Ops {
		switch {
		case op.Prefix:
			w.key = appendDocument(w.key[:0], op.Key)
			w.note(w.b.DeleteRange(w.key, after(w.key), nil))
		case op.Delete:
			w.key = appendDocument(w.key[:0], op.Key)
			w.note(w.b.Delete(w.key, nil))
		default:
			d := w.b.SetDeferred(1+len(op.Key), docHead+len(op.Value)+crcSize)
			appendDocument(d.Key[:0], op.Key)
			encodeDocument(d.Key, d.Value, op.Value, g.Base+uint64(i)+1)
			w.note(d.Finish())
		}
	}
	w.note(w.b.Set(revisionKey, number(revisionKey, g.Base+uint64(len(g.Ops))), nil))
}

// cut remembers what is truncated and deletes the records that are covered
// wholly by now: those that begin in [from, to).
func (w *writer) cut(g *commit.Group, c commit.Cut) {
	if len(c.Joined) == 1 && c.Joined[0] == c.Span {
		return // nothing new
	}
	id := c.Log.ID
	for _, old := range c.Joined {
		w.key = appendPosition(w.key[:0], holeSpace, id, old.From)
		w.note(w.b.Delete(w.key, nil))
	}
	w.key = appendPosition(w.key[:0], holeSpace, id, c.Span.From)
	w.note(w.b.Set(w.key, number(w.key, uint64(c.Span.To)), nil))

	// Keys are last positions. A record across the beginning of the span is not
	// covered; one across the end of what is new may be, by an older truncation.
	from, to := c.Asked.From, c.Asked.To
	if first, end, ok := w.covering(g, c.Log, from); ok && first < c.Span.From {
		from = end
	}
	if _, end, ok := w.covering(g, c.Log, to-1); ok && end <= c.Span.To {
		to = end
	}
	if from >= to {
		return
	}
	w.key = appendPosition(w.key[:0], logSpace, id, from)
	w.end = appendPosition(w.end[:0], logSpace, id, to)
	w.note(w.b.DeleteRange(w.key, w.end, nil))
}

// covering finds the record that holds pos, in g or in the database.
func (w *writer) covering(g *commit.Group, log *commit.Log, pos store.Position) (first, end store.Position, ok bool) {
	for _, p := range g.Parts {
		if p.Log != log || pos < p.First {
			continue
		}
		for from := 0; from < len(p.Ends); {
			s := next(p, from)
			if pos < s.end() {
				return s.first(), s.end(), true
			}
			from = s.to
		}
	}
	it, err := w.e.db.NewIter(logBounds(log.ID))
	if err != nil {
		w.note(err)
		return 0, 0, false
	}
	if it.SeekGE(appendPosition(nil, logSpace, log.ID, pos)) {
		var n int
		first, n = parsePlace(it.Key())
		end = first + store.Position(n)
		ok = first <= pos && pos < end
	}
	if err := it.Close(); err != nil && !pebble.IsCorruptionError(err) {
		w.note(err)
	}
	return first, end, ok
}

// Revision implements commit.Engine.
func (e *engine) Revision(key []byte) (uint64, error) {
	d, err := (*Store)(e).get(key)
	switch {
	case err == nil:
		return d.Revision, nil
	case pebble.IsCorruptionError(err):
		(*Store)(e).mendSoon(err)
		return 0, nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrDamaged): // as good as gone
		return 0, nil
	}
	return 0, err
}

// Keys implements commit.Engine. Where keys cannot be read, some are not visited.
func (e *engine) Keys(prefix []byte, visit func([]byte)) error {
	from := appendDocument(nil, prefix)
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(from)})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		visit(it.Key()[1:])
	}
	if err = it.Close(); pebble.IsCorruptionError(err) {
		(*Store)(e).mendSoon(err)
		return nil
	}
	return err
}
